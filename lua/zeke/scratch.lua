--- The stream's side of an answer. The host calls `head`, `reason`, `append` and `finish`.
local M = {}

local answers = require("zeke.answers")
local winbar = require("zeke.winbar")
local window = require("zeke.window")

local ns = vim.api.nvim_create_namespace("zeke")
--- Until the end of an answer is highlighted: first comes what the user typed meanwhile.
local HIGHLIGHT_MS = 50

--- Most frames are a few words of one line, for which vim.split() is a detour.
local function lines_of(text)
  return text:find("\n", 1, true) and vim.split(text, "\n", { plain = true }) or { text }
end

local function grow(bufnr, lines)
  local following = window.followers(bufnr)
  require("zeke.conversation").write(bufnr, lines)
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
  if vim.api.nvim_buf_is_loaded(answer.bufnr) then
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

--- One frame of the model's reasoning: above the answer, not part of it.
---@param id string
---@param text string
function M.reason(id, text)
  local answer = answers.get(id)
  if not answer or answer.state ~= "waiting" or not vim.api.nvim_buf_is_loaded(answer.bufnr) then
    return
  end
  answer.thought = answer.thought or { vim.api.nvim_buf_line_count(answer.bufnr) }
  grow(answer.bufnr, lines_of(text))
end

--- The reasoning is over: close a fold on it.
local function end_thought(answer)
  if answer.thought and not answer.thought[2] then
    answer.thought[2] = vim.api.nvim_buf_line_count(answer.bufnr)
    grow(answer.bufnr, { "", "", "" })
    window.fold(answer.bufnr, answer.thought)
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
  -- A buffer that :bdelete unloaded is written again from these parts when it is loaded.
  answer.parts[#answer.parts + 1] = text
  local first = answer.state == "waiting"
  answer.state = "streaming"
  if vim.api.nvim_buf_is_loaded(answer.bufnr) then
    end_thought(answer)
    grow(answer.bufnr, lines_of(text))
    if first then
      winbar.refresh(answer.bufnr)
    end
  end
  if answer.on_token then
    answer.on_token(text)
  end
end

local function note(bufnr, sentence, group)
  sentence = sentence:gsub("[%s%z]+", " ")
  local lines = { "" }
  if vim.api.nvim_buf_get_lines(bufnr, -2, -1, false)[1] ~= "" then
    lines = { "", "", "" }
  end
  lines[#lines] = sentence
  grow(bufnr, lines)
  local row = vim.api.nvim_buf_line_count(bufnr) - 1
  vim.api.nvim_buf_set_extmark(bufnr, ns, row, 0, { end_col = #sentence, hl_group = group, priority = 200 })
end

--- Offer the code of a complete answer, and say so below it.
---@param answer zeke.Answer
function M.propose(answer)
  if answer.result == "diff" then
    note(answer.bufnr, "— " .. require("zeke.proposal").offer(answer), "ZekeNote")
  end
end

--- What is said below the text, and what an answer is good for beyond reading.
local function show_end(answer, outcome, sentence)
  local bufnr = answer.bufnr
  if not vim.api.nvim_buf_is_loaded(bufnr) then
    return
  end
  end_thought(answer)
  if outcome.violation then
    note(bufnr, "✗ " .. outcome.violation, "ZekeError")
  end
  -- Of compared answers the one that is kept is offered.
  if answer.state == "done" and not answer.compared then
    M.propose(answer)
  end
  if answer.state == "done" and answer.intent == "review" then
    local found = require("zeke.findings").collect(answer)
    if found then
      note(bufnr, "— " .. found, "ZekeNote")
    end
  end
  if sentence then
    local failed = answer.state == "failed"
    note(bufnr, (failed and "✗ " or "— ") .. sentence, failed and "ZekeError" or "ZekeNote")
  end
  winbar.refresh(bufnr)
  vim.defer_fn(function()
    require("zeke.conversation").highlight(bufnr)
  end, HIGHLIGHT_MS)
end

--- Tell the user's own code. What fails in there is theirs, and holds nothing up.
local function tell_end(answer)
  local ok, problem = pcall(answers.event, "ZekeFinished", answer)
  if ok and answer.on_done then
    ok, problem = pcall(answer.on_done, assert(answers.view(answer.id)))
  end
  if not ok then
    require("zeke.notice").error(("your ZekeFinished autocommand or on_done failed: %s"):format(problem))
  end
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
  -- Whatever happens to the buffer, the end is told.
  local ok, problem = pcall(show_end, answer, outcome, sentence)
  if sentence and answer.state == "failed" and not quiet then
    require("zeke.notice").error(sentence)
  end
  if outcome.violation then
    require("zeke.notice").error(outcome.violation)
  end
  if not ok then
    require("zeke.notice").error(
      ("the end of the answer could not be shown (%s): :ZekeToggle shows it"):format(problem)
    )
  end
  tell_end(answer)
end

return M
