--- The routing line above an answer, and the spinner while nothing came yet.
local M = {}

local SPINNER = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" }
local TICK_MS = 100

local function seconds(ms)
  return ms < 10000 and ("%.1f s"):format(ms / 1000) or ("%d s"):format(ms / 1000)
end

local function count(n)
  if n < 1000 then
    return tostring(n)
  end
  return n < 100000 and ("%.1fk"):format(n / 1000) or ("%dk"):format(n / 1000)
end

--- The parts of the line, without highlights: pure, so that it can be tested.
---@param answer zeke.Answer
---@param now integer nanoseconds
---@return string
function M.line(answer, now)
  local facts = answer.facts
  local who = facts.model or facts.requested or "…"
  if facts.provider then
    who = facts.provider .. "/" .. who
  end
  local asked = answer.compared and (" %s"):format(answer.target) or ""
  local parts = { ("%s%s → %s"):format(answer.intent, asked, who) }
  if answer.state == "waiting" then
    local elapsed = (now - answer.began) / 1e6
    parts[#parts + 1] = seconds(elapsed) .. (facts.thinking and " thinking" or "")
    if elapsed > 8000 and not facts.status then
      parts[#parts + 1] = "cold start?"
    end
  elseif facts.ttft_ms then
    parts[#parts + 1] = seconds(facts.ttft_ms)
  end
  if answer.compared and facts.total_ms then
    parts[#parts + 1] = seconds(facts.total_ms) .. " in all"
  end
  if facts.tokens_in or facts.tokens_out then
    parts[#parts + 1] = ("%s→%s tok"):format(
      facts.tokens_in and count(facts.tokens_in) or "?",
      facts.tokens_out and count(facts.tokens_out) or "?"
    )
  end
  if facts.cost_cents then
    parts[#parts + 1] = ("%s¢%.2f"):format(facts.estimated and "~" or "", facts.cost_cents)
  end
  if facts.status then
    parts[#parts + 1] = facts.status
  end
  if answer.state == "failed" then
    parts[#parts + 1] = facts.error_code or "failed"
  elseif answer.state == "cancelled" then
    parts[#parts + 1] = "cancelled"
  end
  return table.concat(parts, " · ")
end

local function escape(text)
  return (text:gsub("%%", "%%%%"))
end

--- Begins every line of ours.
local MARK = "%#Zeke"

--- Value of 'winbar' in an answer's windows: finished text, because Neovim evaluates it with every frame of a stream.
---@param bufnr integer
---@return string
function M.value(bufnr)
  local answer = require("zeke.answers").of_buffer(bufnr)
  if not answer then
    return MARK .. "Winbar#"
  end
  local now = vim.uv.hrtime()
  -- What does not fit is cut at the front of the model's name: the numbers behind it are worth more.
  local line = escape(M.line(answer, now)):gsub(" → ", " → %%<", 1)
  if answer.state == "waiting" then
    line = SPINNER[math.floor(now / 1e6 / TICK_MS) % #SPINNER + 1] .. " " .. line
  end
  local wrong = answer.state == "failed" or answer.facts.violation
  local group = wrong and "ZekeWinbarError" or "ZekeWinbar"
  line = "%#" .. group .. "# " .. line
  if answer.facts.degraded then
    line = "%#ZekeDegraded# DEGRADED " .. line
  end
  return line
end

--- Bring the line up to date in all windows of a buffer. One that the user changed stays theirs.
---@param bufnr integer
function M.refresh(bufnr)
  if not vim.api.nvim_buf_is_valid(bufnr) then
    return
  end
  local value = M.value(bufnr)
  for _, win in ipairs(vim.fn.win_findbuf(bufnr)) do
    local local_to = vim.wo[win][0]
    if vim.startswith(local_to.winbar, MARK) then
      local_to.winbar = value
    end
  end
end

---@type uv.uv_timer_t?
local timer

--- Turn the spinner until no answer waits any more.
function M.spin()
  if timer then
    return
  end
  timer = assert(vim.uv.new_timer())
  timer:start(
    TICK_MS,
    TICK_MS,
    vim.schedule_wrap(function()
      local waiting = require("zeke.answers").waiting()
      if #waiting == 0 and timer then
        timer:stop()
        timer:close()
        timer = nil
        return
      end
      for _, answer in ipairs(waiting) do
        M.refresh(answer.bufnr)
      end
    end)
  )
end

return M
