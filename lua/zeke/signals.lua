--- What is done with an answer is kept: it says more of a model than its speed.
local M = {}

local answers = require("zeke.answers")

--- Keep an implicit signal, once an answer.
---@param answer zeke.Answer?
---@param kind "accepted"|"rejected"|"yanked"|"retried"|"preferred"|"passed_over"
function M.record(answer, kind)
  if not answer then
    return
  end
  answer.signals = answer.signals or {}
  if not answer.signals[kind] then
    answer.signals[kind] = true
    require("zeke.host").notify("zeke_signal", answers.request_id(answer), kind)
  end
end

--- The host kept a rating.
---@param request_id string
---@param kind string
---@param sentence string
function M.rated(request_id, kind, sentence)
  require("zeke.notice").info(sentence)
  local answer = answers.of_request(request_id)
  if answer then
    answers.event("ZekeRated", answer, { rating = kind == "up" and "+" or "-" })
  end
end

return M
