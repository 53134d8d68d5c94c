--- What is known of every answer of this session, by request id. No windows, no buffers' text.
local M = {}

---@class zeke.Answer
---@field id string
---@field bufnr integer
---@field command? string
---@field args? string what stood after the command
---@field definition? table
---@field result? "diff"
---@field region? zeke.Region|false
---@field notes? string[] diagnostics that were sent along
---@field parent? string id of the answer that this one follows
---@field origin? string its request in the log, when it is a copy of another conversation's turn
---@field replay_of? string request that this one asks once more
---@field target? string model or alias of a comparison
---@field compared? string[] ids of the answers that are compared, itself among them
---@field signals? table<string, true> what was recorded of it already
---@field thought? integer[] first and last line of its reasoning
---@field attachments? zeke.Attachment[]
---@field sent? integer[] first and last line of what was sent
---@field start? integer extmark of its first line
---@field intent string
---@field prompt string
---@field scope zeke.Scope
---@field source zeke.Source
---@field parts string[] the answer as it came
---@field state "waiting"|"streaming"|"done"|"failed"|"cancelled"
---@field began integer nanoseconds
---@field facts table what the host said of the route: model, provider, ttft_ms, …
---@field banner? integer extmark of the line that says why a local model answers
---@field on_token? fun(text: string)
---@field on_done? fun(view: zeke.AnswerView)

---@class zeke.AnswerView
---@field id string
---@field bufnr integer
---@field text string
---@field prompt string
---@field intent string
---@field success boolean
---@field model? string
---@field provider? string
---@field error_code? string
---@field degraded? boolean

---@type table<string, zeke.Answer>
local all = {}
---@type string[] ids, oldest first
local order = {}
---@type string[] ids of answers without a buffer, in the order in which they lost it
local gone = {}
local REMEMBERED = 20

---@param answer zeke.Answer
function M.add(answer)
  if not all[answer.id] then
    order[#order + 1] = answer.id
  end
  all[answer.id] = answer
end

---@param id string
---@return zeke.Answer?
function M.get(id)
  return all[id]
end

--- A buffer was wiped out: its answers can be asked for until `REMEMBERED` later ones have gone the same way.
---@param bufnr integer
function M.release(bufnr)
  for _, answer in ipairs(M.thread(bufnr)) do
    gone[#gone + 1] = answer.id
  end
  while #gone > REMEMBERED and not M.running(all[gone[1]]) do
    local id = table.remove(gone, 1)
    all[id] = nil
    for index, known in ipairs(order) do
      if known == id then
        table.remove(order, index)
        break
      end
    end
  end
end

--- What an answer is called in the log.
---@param answer zeke.Answer
---@return string
function M.request_id(answer)
  return answer.origin or answer.id
end

--- The answer of a request in the log; of several copies the original.
---@param request_id string
---@return zeke.Answer?
function M.of_request(request_id)
  if all[request_id] then
    return all[request_id]
  end
  for _, answer in pairs(all) do
    if answer.origin == request_id then
      return answer
    end
  end
end

---@param answer zeke.Answer
function M.running(answer)
  return answer.state == "waiting" or answer.state == "streaming"
end

--- The answer shown in a buffer, the last one if it holds several.
---@param bufnr integer
---@return zeke.Answer?
function M.of_buffer(bufnr)
  for i = #order, 1, -1 do
    local answer = all[order[i]]
    if answer.bufnr == bufnr then
      return answer
    end
  end
end

--- The answer whose text a line belongs to.
---@param bufnr integer
---@param row integer counted from 1
---@return zeke.Answer?
function M.at(bufnr, row)
  local found
  for _, id in ipairs(order) do
    local answer = all[id]
    if answer.bufnr == bufnr and M.first_row(answer) <= row then
      found = answer
    end
  end
  return found
end

--- The answer that the cursor is in.
---@return zeke.Answer?
function M.under_cursor()
  return M.at(vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)[1])
end

--- First line of an answer's turn in its buffer, counted from 1.
---@param answer zeke.Answer
---@return integer
function M.first_row(answer)
  local mark = answer.start
    and vim.api.nvim_buf_get_extmark_by_id(answer.bufnr, vim.api.nvim_create_namespace("zeke"), answer.start, {})
  return mark and mark[1] and mark[1] + 1 or 1
end

--- The answers of a buffer, oldest first.
---@param bufnr integer
---@return zeke.Answer[]
function M.thread(bufnr)
  local found = {}
  for _, id in ipairs(order) do
    if all[id].bufnr == bufnr then
      found[#found + 1] = all[id]
    end
  end
  return found
end

---@return zeke.Answer? the newest, running ones first
function M.newest()
  for i = #order, 1, -1 do
    if M.running(all[order[i]]) then
      return all[order[i]]
    end
  end
  return all[order[#order]]
end

---@param id? string
---@return zeke.AnswerView?
function M.view(id)
  local answer = id and all[id] or not id and (M.of_buffer(vim.api.nvim_get_current_buf()) or M.newest())
  if not answer then
    return nil
  end
  return vim.tbl_extend("keep", {
    id = answer.id,
    bufnr = answer.bufnr,
    text = table.concat(answer.parts),
    prompt = answer.prompt,
    intent = answer.intent,
    success = answer.state == "done",
  }, answer.facts)
end

---@return integer
function M.pending()
  local count = 0
  for _, answer in pairs(all) do
    count = count + (M.running(answer) and 1 or 0)
  end
  return count
end

--- Answers that have shown nothing yet.
---@return zeke.Answer[]
function M.waiting()
  return vim.tbl_filter(function(answer)
    return answer.state == "waiting"
  end, vim.tbl_values(all))
end

---@return string
function M.status()
  local count = M.pending()
  if count == 0 then
    return ""
  end
  local answer = assert(M.newest())
  local text = ("zeke %s → %s%s"):format(
    answer.intent,
    answer.facts.model or answer.facts.requested or "…",
    count > 1 and (" +%d"):format(count - 1) or ""
  )
  -- A statusline runs what stands in %{}, and a gateway may name its model so.
  return (text:gsub("%%", "％"):gsub("%c", " "))
end

--- End every running answer with one sentence: the host is gone.
---@param sentence string
function M.fail_running(sentence)
  for _, id in ipairs(vim.deepcopy(order)) do
    if M.running(all[id]) then
      require("zeke.scratch").finish(id, { success = false, message = sentence, quiet = true })
    end
  end
end

--- Fire a `User` event with the fields of the public interface.
---@param name string
---@param answer zeke.Answer
---@param more? table
function M.event(name, answer, more)
  local data = vim.tbl_extend("keep", more or {}, {
    id = answer.id,
    bufnr = answer.bufnr,
    intent = answer.intent,
    project = answer.source.project,
  }, answer.facts)
  vim.api.nvim_exec_autocmds("User", { pattern = name, modeline = false, data = data })
end

return M
