--- A request as an operator: any motion or text object, and `.` repeats it with the same words.
local M = {}

---@type { command: string, words: string? }
local current = { command = "Zeke" }

--- Begin: an expression mapping returns this.
---@param command string
---@return string
function M.start(command)
  current = { command = command }
  -- While the motion is typed.
  require("zeke.host").prewarm()
  vim.go.operatorfunc = "v:lua.require'zeke.operator'.run"
  return "g@"
end

--- 'operatorfunc'.
---@param kind "char"|"line"|"block"
function M.run(kind)
  local scope = require("zeke.context").moved_over(vim.api.nvim_get_current_buf(), kind)
  local spec = require("zeke.commands").requests()[current.command]
  local function go(words)
    current.words = words
    require("zeke.request").about(current.command, spec, scope, words)
  end
  if current.words or spec.scope ~= "none" then
    go(current.words or "")
    return
  end
  require("zeke.ask").open("zeke", "", go)
end

return M
