--- Values of the host for functions of the Lua API: the editor goes on working while one is waited for.
local M = {}

local TIMEOUT_MS = 10000

---@type table<integer, { value?: table, problem?: string }>
local arrived = {}
local token = 0

---@param what "stats"|"why"
---@param words string
---@param context table
---@return table? value, string? problem
function M.wait(what, words, context)
  token = token + 1
  local mine = token
  local problem = require("zeke.host").notify("zeke_fetch", mine, what, words, context)
  if problem then
    return nil, problem
  end
  vim.wait(TIMEOUT_MS, function()
    return arrived[mine] ~= nil
  end, 2)
  local found = arrived[mine] or { problem = "the host did not answer in time: see :ZekeLog" }
  arrived[mine] = nil
  return found.value, found.problem
end

--- The host's answer; what nobody knows is nil and not `vim.NIL`.
---@param mine integer
---@param value any
---@param problem string
function M.receive(mine, value, problem)
  local function known(found)
    if type(found) ~= "table" then
      return found
    end
    for key, each in pairs(found) do
      found[key] = each ~= vim.NIL and known(each) or nil
    end
    return found
  end
  arrived[mine] = problem == "" and { value = known(value) } or { problem = problem }
end

return M
