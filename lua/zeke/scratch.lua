--- The buffer an answer is written into, and its windows. The host calls `head`, `append` and `finish`.
local M = {}

local answers = require("zeke.answers")
local winbar = require("zeke.winbar")

local ns = vim.api.nvim_create_namespace("zeke")
local counters = {}
--- A parse of more lines than this would be felt.
local HIGHLIGHT_LINES = 20000

--- Highlight groups link to standard ones, so every colour scheme has them.
for name, target in pairs({
  ZekeWinbar = "WinBar",
  ZekeWinbarError = "DiagnosticError",
  ZekeDegraded = "DiagnosticVirtualTextWarn",
  ZekeHeader = "Title",
  ZekeError = "DiagnosticError",
  ZekeNote = "Comment",
}) do
  vim.api.nvim_set_hl(0, name, { link = target, default = true })
end

--- Text of the closed fold over what was sent.
function M.foldtext()
  local count = vim.v.foldend - vim.v.foldstart + 1
  for _, answer in ipairs(answers.thread(vim.api.nvim_get_current_buf())) do
    if answer.thought and answer.thought[1] == vim.v.foldstart then
      return ("▸ %d line%s of reasoning (zo opens)"):format(count, count == 1 and "" or "s")
    end
  end
  return ("▸ %d line%s sent (zo opens)"):format(count - 2, count == 3 and "" or "s")
end

--- Set up each new window that shows the buffer. Options are local to the pair of window and buffer.
local function dress(win, bufnr)
  local local_to = vim.wo[win][0]
  local_to.wrap, local_to.linebreak, local_to.number, local_to.relativenumber = true, true, false, false
  local_to.signcolumn, local_to.foldcolumn, local_to.list, local_to.spell = "no", "0", false, false
  local_to.foldmethod, local_to.foldenable, local_to.fillchars = "manual", true, "fold: ,eob: "
  local_to.foldtext = "v:lua.require'zeke.scratch'.foldtext()"
  if require("zeke.config").get().ui.winbar then
    local_to.winbar = "%{%v:lua.require'zeke.winbar'.expression()%}"
  end
  vim.api.nvim_win_call(win, function()
    for _, answer in ipairs(answers.thread(bufnr)) do
      for _, range in ipairs({ answer.sent or {}, answer.thought or {} }) do
        if range[2] and vim.fn.foldlevel(range[1]) == 0 then
          vim.cmd({ cmd = "fold", range = range })
        end
      end
    end
  end)
end

local function write(bufnr, lines)
  vim.bo[bufnr].modifiable = true
  vim.api.nvim_buf_set_text(bufnr, -1, -1, -1, -1, lines)
  vim.bo[bufnr].modifiable = false
end

local function new_buffer(answer)
  local bufnr = vim.api.nvim_create_buf(false, true)
  counters[answer.intent] = (counters[answer.intent] or 0) + 1
  vim.api.nvim_buf_set_name(bufnr, ("zeke://%s/%d"):format(answer.intent, counters[answer.intent]))
  local options = vim.bo[bufnr]
  options.bufhidden, options.undolevels, options.swapfile, options.modeline = "hide", -1, false, false
  vim.api.nvim_create_autocmd("BufWinEnter", {
    buffer = bufnr,
    callback = function()
      dress(vim.api.nvim_get_current_win(), bufnr)
    end,
  })
  vim.api.nvim_create_autocmd("BufWipeout", {
    buffer = bufnr,
    once = true,
    callback = function()
      for _, running in ipairs(vim.tbl_filter(answers.running, answers.thread(bufnr))) do
        require("zeke.request").stop(running.id)
      end
    end,
  })
  vim.api.nvim_create_autocmd("BufReadCmd", {
    buffer = bufnr,
    callback = function()
      M.refill(bufnr)
    end,
  })
  require("zeke.keys").attach(bufnr)
  options.filetype = "zeke"
  options.modifiable = false
  return bufnr
end

--- Open a window on the buffer without moving the cursor out of the user's, unless they want that.
---@param bufnr integer
---@param smods? table modifiers of the command
local function open_window(bufnr, smods)
  local ui = require("zeke.config").get().ui
  smods = smods or {}
  local how = ui.open
  if smods.hide then
    how = "hide"
  elseif (smods.tab or -1) >= 0 then
    how = "tab"
  elseif smods.horizontal then
    how = "horizontal"
  elseif smods.vertical then
    how = "vertical"
  elseif (smods.split or "") ~= "" then
    how = "horizontal"
  end
  if how == "hide" then
    return
  elseif how == "tab" then
    vim.cmd({ cmd = "split", mods = { tab = (smods.tab or -1) >= 0 and smods.tab or vim.fn.tabpagenr() } })
    vim.api.nvim_win_set_buf(0, bufnr)
    return
  end
  local side = ({ aboveleft = "before", leftabove = "before", topleft = "first", botright = "last" })[smods.split]
  local config = { win = vim.api.nvim_get_current_win() }
  if how == "vertical" then
    config.split = (side == "before" or side == "first") and "left" or "right"
    config.width = ui.width > 0 and ui.width or nil
  else
    config.split = (side == "before" or side == "first") and "above" or "below"
  end
  if side == "first" or side == "last" then
    config.win = -1
  end
  local view = vim.fn.winsaveview()
  local ok, win = pcall(vim.api.nvim_open_win, bufnr, ui.focus, config)
  if not ok then
    -- No room for a split (E36): a float over the editor always fits.
    win = vim.api.nvim_open_win(bufnr, ui.focus, {
      relative = "editor",
      row = 1,
      col = 1,
      width = math.max(vim.o.columns - 4, 1),
      height = math.max(vim.o.lines - 5, 1),
      border = "single",
    })
  end
  if not ui.focus then
    vim.fn.winrestview(view)
  end
  -- What the user opens next shall not replace an answer that still comes.
  vim.wo[win][0].winfixbuf = true
  dress(win, bufnr)
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
  write(bufnr, lines)
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
    write(bufnr, vim.split(table.concat(answer.parts), "\n", { plain = true }))
  end
  vim.bo[bufnr].modifiable = false
end

--- :edit or :bdelete emptied the buffer: its options are set again, too.
---@param bufnr integer
function M.refill(bufnr)
  local options = vim.bo[bufnr]
  options.buftype, options.bufhidden, options.undolevels, options.swapfile = "nofile", "hide", -1, false
  options.buflisted, options.modeline = false, false
  fill(bufnr)
  require("zeke.keys").attach(bufnr)
  options.filetype = "zeke"
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
  write_turn(bufnr, answer)
  answers.add(answer)
  if #vim.fn.win_findbuf(bufnr) == 0 then
    open_window(bufnr, smods)
  end
  for _, win in ipairs(vim.fn.win_findbuf(bufnr)) do
    dress(win, bufnr)
    vim.api.nvim_win_set_cursor(win, { vim.api.nvim_buf_line_count(bufnr), 0 })
  end
  winbar.spin()
end

--- Show a conversation of the cache again, each turn below the other.
---@param turns table[] oldest first
function M.restore(turns)
  local bufnr, parent
  for _, turn in ipairs(turns) do
    local model = turn.model ~= "" and turn.model or nil
    local answer = {
      id = turn.id,
      bufnr = bufnr,
      parent = parent,
      intent = turn.intent,
      prompt = turn.prompt,
      scope = turn.scope,
      source = turn.source,
      notes = turn.notes,
      attachments = turn.attachments,
      parts = { turn.text },
      state = "done",
      began = vim.uv.hrtime(),
      facts = { model = model },
    }
    M.open(answer)
    write(answer.bufnr, vim.split(turn.text, "\n", { plain = true }))
    bufnr, parent = answer.bufnr, answer.id
  end
  if bufnr then
    vim.treesitter.language.register("markdown", "zeke")
    pcall(vim.treesitter.start, bufnr, "markdown")
  end
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
    open_window(answer.bufnr)
    return
  end
  for _, win in ipairs(windows) do
    if #vim.api.nvim_tabpage_list_wins(vim.api.nvim_win_get_tabpage(win)) > 1 then
      vim.api.nvim_win_close(win, false)
    end
  end
end

--- Windows that follow the stream: their cursor is on the last line and nobody works in them.
local function followers(bufnr)
  local last = vim.api.nvim_buf_line_count(bufnr)
  local here, mode = vim.api.nvim_get_current_win(), vim.api.nvim_get_mode().mode
  return vim.tbl_filter(function(win)
    return vim.api.nvim_win_get_cursor(win)[1] == last and (win ~= here or mode:sub(1, 1) == "n" and mode ~= "no")
  end, vim.fn.win_findbuf(bufnr))
end

local function grow(bufnr, lines)
  local following = followers(bufnr)
  write(bufnr, lines)
  local last = vim.api.nvim_buf_line_count(bufnr)
  for _, win in ipairs(following) do
    vim.api.nvim_win_set_cursor(win, { last, 0 })
  end
end

--- Words of a sentence on lines of at most `width` columns: virtual lines do not wrap themselves.
local function wrapped(sentence, width)
  local lines = { "" }
  for word in sentence:gmatch("%S+") do
    local longer = lines[#lines] == "" and word or lines[#lines] .. " " .. word
    if lines[#lines] ~= "" and vim.fn.strdisplaywidth(longer) > width then
      lines[#lines + 1] = word
    else
      lines[#lines] = longer
    end
  end
  return lines
end

--- A sentence above the answer's text and not part of it: why a local model answers, or that it need not any more.
local function banner(answer, sentence, group)
  local win = vim.fn.win_findbuf(answer.bufnr)[1]
  local width = win and vim.api.nvim_win_get_width(win) or 78
  local row = answers.first_row(answer) - 1
  answer.banner = vim.api.nvim_buf_set_extmark(answer.bufnr, ns, row, 0, {
    id = answer.banner,
    virt_lines = vim.tbl_map(function(line)
      return { { line, group } }
    end, wrapped(sentence, width)),
  })
end

--- The host learned something about the route: fields of the public interface, `requested`, `status`, `thinking`.
---@param id string
---@param facts table
---@param events? string[] names of User events to fire, in order
function M.head(id, facts, events)
  local answer = answers.get(id)
  if not answer or not answers.running(answer) then
    return
  end
  answer.facts = vim.tbl_extend("force", answer.facts, facts)
  if facts.status == "" then
    answer.facts.status = nil
  end
  if vim.api.nvim_buf_is_valid(answer.bufnr) then
    if facts.degraded then
      banner(answer, "DEGRADED " .. (facts.reason or ""), "ZekeDegraded")
    elseif facts.recovered then
      banner(answer, "the gateway answers again", "ZekeNote")
    elseif facts.dropped then
      local sentence = "%d earlier turns were left out: together they are too long for one request"
      banner(answer, sentence:format(facts.dropped), "ZekeNote")
    end
    winbar.refresh(answer.bufnr)
  end
  for _, event in ipairs(events or {}) do
    answers.event(event, answer)
  end
end

--- Fold lines in every window that shows the buffer.
local function fold(bufnr, range)
  for _, win in ipairs(vim.fn.win_findbuf(bufnr)) do
    vim.api.nvim_win_call(win, function()
      vim.cmd({ cmd = "fold", range = range })
    end)
  end
end

--- One frame of the model's reasoning: above the answer, not part of it.
---@param id string
---@param text string
function M.reason(id, text)
  local answer = answers.get(id)
  if not answer or answer.state ~= "waiting" or not vim.api.nvim_buf_is_valid(answer.bufnr) then
    return
  end
  answer.thought = answer.thought or { vim.api.nvim_buf_line_count(answer.bufnr) }
  grow(answer.bufnr, vim.split(text, "\n", { plain = true }))
end

--- The reasoning is over: close a fold on it.
local function end_thought(answer)
  if answer.thought and not answer.thought[2] then
    answer.thought[2] = vim.api.nvim_buf_line_count(answer.bufnr)
    grow(answer.bufnr, { "", "", "" })
    fold(answer.bufnr, answer.thought)
  end
end

--- One frame of the answer.
---@param id string
---@param text string
function M.append(id, text)
  local answer = answers.get(id)
  if not answer or not answers.running(answer) then
    return
  end
  answer.parts[#answer.parts + 1] = text
  local first = answer.state == "waiting"
  answer.state = "streaming"
  if vim.api.nvim_buf_is_valid(answer.bufnr) then
    end_thought(answer)
    grow(answer.bufnr, vim.split(text, "\n", { plain = true }))
    if first then
      winbar.refresh(answer.bufnr)
    end
  end
  if answer.on_token then
    answer.on_token(text)
  end
end

local function note(bufnr, sentence, group)
  local lines = { "" }
  if vim.api.nvim_buf_get_lines(bufnr, -2, -1, false)[1] ~= "" then
    lines = { "", "", "" }
  end
  lines[#lines] = sentence
  grow(bufnr, lines)
  local row = vim.api.nvim_buf_line_count(bufnr) - 1
  vim.api.nvim_buf_set_extmark(bufnr, ns, row, 0, { end_col = #sentence, hl_group = group, priority = 200 })
end

--- The request ended. `success`, `error_code`, `message` (one sentence), `note` (said without an error), facts.
---@param id string
---@param outcome table
function M.finish(id, outcome)
  local answer = answers.get(id)
  if not answer or not answers.running(answer) then
    return
  end
  local sentence, quiet = outcome.message, outcome.quiet
  outcome.quiet = nil
  answer.facts = vim.tbl_extend("force", answer.facts, outcome)
  answer.facts.status, answer.facts.thinking = nil, nil
  local cancelled = outcome.error_code == "cancelled"
  answer.state = outcome.success and "done" or cancelled and "cancelled" or "failed"
  local bufnr = answer.bufnr
  if vim.api.nvim_buf_is_valid(bufnr) then
    end_thought(answer)
    if outcome.violation then
      note(bufnr, "✗ " .. outcome.violation, "ZekeError")
    end
    if answer.state == "done" and answer.result == "diff" then
      note(bufnr, "— " .. require("zeke.proposal").offer(answer), "ZekeNote")
    end
    if answer.state == "done" and answer.intent == "review" then
      local found = require("zeke.findings").collect(answer)
      if found then
        note(bufnr, "— " .. found, "ZekeNote")
      end
    end
    if sentence then
      note(
        bufnr,
        (answer.state == "failed" and "✗ " or "— ") .. sentence,
        answer.state == "failed" and "ZekeError" or "ZekeNote"
      )
    end
    -- Highlighting costs a parse of the whole text per change, so it starts when no more comes.
    if vim.api.nvim_buf_line_count(bufnr) < HIGHLIGHT_LINES then
      vim.treesitter.language.register("markdown", "zeke")
      pcall(vim.treesitter.start, bufnr, "markdown")
    end
    winbar.refresh(bufnr)
  end
  if sentence and answer.state == "failed" and not quiet then
    require("zeke.notice").error(sentence)
  end
  if outcome.violation then
    require("zeke.notice").error(outcome.violation)
  end
  answers.event("ZekeFinished", answer)
  if answer.on_done then
    answer.on_done(assert(answers.view(id)))
  end
end

return M
