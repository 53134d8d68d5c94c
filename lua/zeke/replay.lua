--- Earlier requests brought back and asked once more: on another model, or on several side by side.
local M = {}

local answers = require("zeke.answers")

--- Ask the host for an earlier conversation; it comes back as `recalled`.
---@param request_id string
---@param how "show"|"fork"|"replay"
---@param words string options of a replay
function M.recall(request_id, how, words)
  require("zeke.notice").problem(require("zeke.host").notify("zeke_recall", request_id, how, words))
end

--- Show a request: its conversation if text of it is kept or it is of this session, else why it was answered so.
---@param request_id string
---@param has_text boolean
function M.show(request_id, has_text)
  local answer = answers.of_request(request_id)
  if answer and vim.api.nvim_buf_is_valid(answer.bufnr) then
    require("zeke.conversation").show(answer)
  elseif has_text then
    M.recall(request_id, "show", "")
  else
    vim.cmd.ZekeWhy(request_id)
  end
end

--- Ask for the name of a model or alias.
---@param go_on fun(words: string)
function M.ask_model(go_on)
  vim.ui.input({ prompt = "Model: " }, function(model)
    if model and vim.trim(model) ~= "" then
      go_on("model=" .. vim.trim(model))
    end
  end)
end

local function once_more(old, words, more)
  local prompts = require("zeke.prompts")
  local _, text = prompts.split(words)
  if text ~= "" then
    require("zeke.notice").error(("ZekeReplay: `%s`: accepted are options like model=, the prompt stays"):format(text))
    return
  end
  return require("zeke.request").again(
    old,
    prompts.over(old.args or ("-- " .. old.prompt), words),
    vim.tbl_extend("force", {
      replay_of = answers.request_id(old),
      parent = old.parent,
      attachments = old.attachments,
      notes = old.notes,
    }, more or {})
  )
end

--- An earlier conversation came back.
---@param turns table[] oldest first
---@param how "show"|"fork"|"replay"
---@param words string
function M.recalled(turns, how, words)
  local last = require("zeke.conversation").restore(turns, { fork = how == "fork", hide = how == "replay" })
  if how == "replay" and last then
    once_more(last, words)
  elseif how == "fork" then
    require("zeke.notice").info("a fork: what you reply here goes on from this turn")
  end
end

--- :ZekeReplay [id] [options]: the same prompt once more, in a buffer of its own.
---@param opts table
function M.replay(opts)
  local id, words = opts.args:match("^%s*([%x]+%-[%x-]+)%s*(.*)$")
  words = words or opts.args
  local old = id and answers.of_request(id)
  if id and not old then
    M.recall(id, "replay", words)
    return
  end
  old = old or answers.of_buffer(vim.api.nvim_get_current_buf()) or answers.newest()
  if not old then
    require("zeke.notice").warn("there is nothing to replay: ask with :Zeke first, or give an id of :ZekeHistory")
    return
  end
  once_more(old, words, { smods = opts.smods })
end

--- The answers that are compared with one another, of which the given one is one.
---@param answer zeke.Answer
---@return zeke.Answer[]
local function group_of(answer)
  return vim.tbl_map(answers.get, answer.compared or {})
end

--- :ZekeCompare a b …: the last prompt on each of these models or aliases, side by side in a tab.
---@param opts table
function M.compare(opts)
  local names = vim.split(vim.trim(opts.args), "%s+", { trimempty = true })
  local old = answers.of_buffer(vim.api.nvim_get_current_buf()) or answers.newest()
  if #names < 2 then
    require("zeke.notice").error("ZekeCompare: name two or more models or aliases")
    return
  elseif not old or answers.running(old) then
    local running = old and "the answer still comes: wait, or stop it with :ZekeStop"
    require("zeke.notice").warn(running or "there is nothing to compare: ask with :Zeke first")
    return
  end
  local ids = {}
  for index, name in ipairs(names) do
    local smods = index == 1 and { tab = vim.fn.tabpagenr() } or { vertical = true, split = "botright" }
    ids[#ids + 1] = once_more(old, "", { smods = smods, target = name, compared = ids, bang = opts.bang })
  end
  vim.cmd("wincmd =")
end

local function diff(group, on)
  for _, answer in ipairs(group) do
    for _, win in ipairs(vim.fn.win_findbuf(answer.bufnr)) do
      vim.api.nvim_win_call(win, function()
        if on then
          vim.cmd.diffthis()
          -- What is equal is worth reading as well.
          vim.wo[win][0].foldenable = false
        else
          vim.cmd.diffoff()
          vim.wo[win][0].foldmethod = "manual"
          vim.cmd("normal! zE")
          require("zeke.window").dress(win, answer.bufnr)
        end
      end)
    end
  end
end

--- Show the compared answers in diff mode, or no longer.
---@param answer zeke.Answer
function M.toggle_diff(answer)
  diff(group_of(answer), not vim.wo.diff)
end

--- Keep one of the compared answers: a vote for its model, and the others' windows close.
---@param answer zeke.Answer
function M.keep(answer)
  local group = group_of(answer)
  diff(group, false)
  for _, other in ipairs(group) do
    if other.id ~= answer.id then
      if other.state == "done" then
        require("zeke.signals").record(other, "passed_over")
      elseif answers.running(other) then
        require("zeke.request").stop(other.id)
      end
      for _, win in ipairs(vim.fn.win_findbuf(other.bufnr)) do
        vim.api.nvim_win_close(win, false)
      end
    end
    other.compared = nil
  end
  require("zeke.signals").record(answer, "preferred")
  answers.event("ZekeRated", answer, { rating = "preferred" })
  if answer.state == "done" then
    require("zeke.scratch").propose(answer)
  end
  require("zeke.winbar").refresh(answer.bufnr)
end

return M
