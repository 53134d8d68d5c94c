--- One line for the user. The whole sentence goes to :messages; a line longer than the
--- screen would ask for <Enter> and hold up every stream, so the screen gets a shortened one.
local M = {}

local function is_builtin(fn)
  return (debug.getinfo(fn, "S").source or ""):find("vim/_editor", 1, true) ~= nil
end

local function show(sentence, level, highlight)
  local line = "zeke: " .. sentence:gsub("%s*[\r\n]+%s*", " ")
  if not is_builtin(vim.notify) then
    vim.notify(line, level, { title = "zeke" })
    return
  end
  vim.cmd({ cmd = "echomsg", args = { vim.fn.string(line) }, mods = { silent = true } })
  local room = vim.v.echospace
  local short = vim.fn.strdisplaywidth(line) > room and vim.fn.strcharpart(line, 0, math.max(room - 1, 10)) .. "…"
    or line
  vim.api.nvim_echo({ { short, highlight } }, false, {})
end

function M.info(sentence)
  show(sentence, vim.log.levels.INFO)
end

function M.warn(sentence)
  show(sentence, vim.log.levels.WARN, "WarningMsg")
end

function M.error(sentence)
  show(sentence, vim.log.levels.ERROR, "ErrorMsg")
end

return M
