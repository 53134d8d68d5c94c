--- The buffer of a conversation: made, filled, filled again after :edit or a restart, shown and hidden.
local M = {}

local answers = require("zeke.answers")
local window = require("zeke.window")

local ns = vim.api.nvim_create_namespace("zeke")
local counters = {}
--- Turns brought back in this session: numbers the copies of those that another buffer shows.
local copies = 0
--- A parse of more lines than this would be felt.
local HIGHLIGHT_LINES = 20000

--- Append text. The buffer stays closed to the user's own edits.
---@param bufnr integer
---@param lines string[]
function M.write(bufnr, lines)
  local options = { buf = bufnr }
  vim.api.nvim_set_option_value("modifiable", true, options)
  vim.api.nvim_buf_set_text(bufnr, -1, -1, -1, -1, lines)
  vim.api.nvim_set_option_value("modifiable", false, options)
end

--- Options and keys of an answer's buffer: set when it is made, and again when :edit or :bdelete took them.
local function prepare(bufnr)
  local options = vim.bo[bufnr]
  options.buftype, options.bufhidden, options.undolevels, options.swapfile = "nofile", "hide", -1, false
  options.buflisted, options.modeline = false, false
  require("zeke.keys").attach(bufnr)
  options.filetype = "zeke"
end

local function new_buffer(answer)
  local bufnr = vim.api.nvim_create_buf(false, true)
  counters[answer.intent] = (counters[answer.intent] or 0) + 1
  vim.api.nvim_buf_set_name(bufnr, ("zeke://%s/%d"):format(answer.intent, counters[answer.intent]))
  vim.api.nvim_create_autocmd("BufWinEnter", {
    buffer = bufnr,
    callback = function()
      window.dress(vim.api.nvim_get_current_win(), bufnr)
    end,
  })
  vim.api.nvim_create_autocmd("BufWipeout", {
    buffer = bufnr,
    once = true,
    callback = function()
      for _, running in ipairs(vim.tbl_filter(answers.running, answers.thread(bufnr))) do
        require("zeke.request").stop(running.id)
      end
      answers.release(bufnr)
    end,
  })
  vim.api.nvim_create_autocmd("TextYankPost", {
    buffer = bufnr,
    callback = function()
      if vim.v.event.operator == "y" then
        require("zeke.signals").record(answers.under_cursor(), "yanked")
      end
    end,
  })
  vim.api.nvim_create_autocmd("BufReadCmd", {
    buffer = bufnr,
    callback = function()
      M.refill(bufnr)
    end,
  })
  prepare(bufnr)
  vim.bo[bufnr].modifiable = false
  return bufnr
end

--- Write an answer's title, prompt and what was sent below what is there.
local function write_turn(bufnr, answer)
  local lines, first, last = require("zeke.turn").lines(answer)
  local above = 0
  if vim.api.nvim_buf_line_count(bufnr) > 1 then
    table.insert(lines, 1, "")
    table.insert(lines, 1, "")
    above = vim.api.nvim_buf_line_count(bufnr) + 1
  end
  M.write(bufnr, lines)
  answer.sent = first > 0 and { above + first, above + last } or nil
  answer.start = vim.api.nvim_buf_set_extmark(bufnr, ns, above, 0, { end_row = above + 1, hl_group = "ZekeHeader" })
end

--- Write a whole conversation from memory: into a buffer that was emptied by :edit or :bdelete.
local function fill(bufnr)
  vim.bo[bufnr].modifiable = true
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, {})
  for _, answer in ipairs(answers.thread(bufnr)) do
    answer.thought = nil
    write_turn(bufnr, answer)
    M.write(bufnr, vim.split(table.concat(answer.parts), "\n", { plain = true }))
  end
  vim.bo[bufnr].modifiable = false
end

--- :edit or :bdelete emptied the buffer: its options are set again, too.
---@param bufnr integer
function M.refill(bufnr)
  fill(bufnr)
  prepare(bufnr)
  require("zeke.winbar").refresh(bufnr)
end

--- Make the buffer of a new answer, or go on below an earlier one, and show it.
---@param answer zeke.Answer with bufnr if it goes on there
---@param smods? table
function M.open(answer, smods)
  local goes_on = answer.bufnr and vim.api.nvim_buf_is_valid(answer.bufnr)
  local bufnr = goes_on and answer.bufnr or new_buffer(answer)
  if not vim.api.nvim_buf_is_loaded(bufnr) then
    vim.fn.bufload(bufnr)
  end
  answer.bufnr = bufnr
  -- It would parse the whole conversation with every frame; the end of the answer starts it again.
  vim.treesitter.stop(bufnr)
  vim.b[bufnr].zeke_root = answer.source.root
  write_turn(bufnr, answer)
  answers.add(answer)
  if #vim.fn.win_findbuf(bufnr) == 0 then
    window.open(bufnr, smods)
  end
  for _, win in ipairs(vim.fn.win_findbuf(bufnr)) do
    window.dress(win, bufnr)
    vim.api.nvim_win_set_cursor(win, { vim.api.nvim_buf_line_count(bufnr), 0 })
  end
  require("zeke.winbar").refresh(bufnr)
  require("zeke.winbar").spin()
end

--- Highlight a conversation of which no more comes: it costs a parse of the whole text with every change.
---@param bufnr integer
function M.highlight(bufnr)
  local answer = vim.api.nvim_buf_is_loaded(bufnr) and answers.of_buffer(bufnr)
  if answer and not answers.running(answer) and vim.api.nvim_buf_line_count(bufnr) < HIGHLIGHT_LINES then
    vim.treesitter.language.register("markdown", "zeke")
    pcall(vim.treesitter.start, bufnr, "markdown")
  end
end

--- Show the buffer of an answer, in its window if it has one.
---@param answer zeke.Answer
function M.show(answer)
  local win = vim.fn.win_findbuf(answer.bufnr)[1]
  if win then
    vim.api.nvim_set_current_win(win)
  else
    window.open(answer.bufnr)
  end
end

--- The buffer of a turn's source in this session; another session's number means nothing.
local function source_of(turn)
  local path = turn.source.path ~= "" and turn.source.root .. "/" .. turn.source.path or ""
  local bufnr = path ~= "" and vim.fn.bufnr("^" .. vim.fn.escape(path, "[]*?^$\\") .. "$") or -1
  return vim.tbl_extend("force", turn.source, { bufnr = math.max(bufnr, 0) })
end

--- Show a conversation of the cache again, each turn below the other. A turn that another buffer shows is copied.
---@param turns table[] oldest first
---@param how? { fork?: boolean, hide?: boolean } always in a buffer of its own; without a window
---@return zeke.Answer? last
function M.restore(turns, how)
  how = how or {}
  local last = turns[#turns] and answers.of_request(turns[#turns].id)
  if last and not how.fork and vim.api.nvim_buf_is_valid(last.bufnr) then
    if not how.hide then
      M.show(last)
    end
    return last
  end
  local bufnr, parent
  for _, turn in ipairs(turns) do
    local model = turn.model ~= "" and turn.model or nil
    local words = vim.iter(turn.arguments or {}):fold({}, function(found, key, value)
      found[#found + 1] = key .. "=" .. value
      return found
    end)
    table.sort(words)
    copies = copies + 1
    local answer = {
      id = answers.get(turn.id) and ("%s@%d"):format(turn.id, copies) or turn.id,
      origin = turn.id,
      args = table.concat(words, " ") .. " -- " .. turn.prompt,
      bufnr = bufnr,
      parent = parent,
      intent = turn.intent,
      prompt = turn.prompt,
      scope = turn.scope,
      source = source_of(turn),
      notes = turn.notes,
      attachments = turn.attachments,
      parts = { turn.text },
      state = "done",
      began = vim.uv.hrtime(),
      facts = { model = model },
    }
    M.open(answer, { hide = how.hide })
    M.write(answer.bufnr, vim.split(turn.text, "\n", { plain = true }))
    bufnr, parent, last = answer.bufnr, answer.id, answer
  end
  if bufnr then
    M.highlight(bufnr)
  end
  return last
end

--- Show or hide the newest answer.
function M.toggle()
  local answer = answers.newest()
  if not answer then
    require("zeke.notice").info("there is no answer yet")
    return
  end
  local windows = vim.fn.win_findbuf(answer.bufnr)
  if #windows == 0 then
    window.open(answer.bufnr)
    return
  end
  for _, win in ipairs(windows) do
    if #vim.api.nvim_tabpage_list_wins(vim.api.nvim_win_get_tabpage(win)) > 1 then
      vim.api.nvim_win_close(win, false)
    end
  end
end

return M
