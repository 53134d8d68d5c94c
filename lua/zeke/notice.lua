--- One line for the user. A line longer than the screen would ask for <Enter> and hold up every stream,
--- so 'shortmess' cuts its middle on the screen; :messages has the whole sentence.
local M = {}

local function is_builtin(fn)
  return (debug.getinfo(fn, "S").source or ""):find("vim/_editor", 1, true) ~= nil
end

local function echo(line, highlight)
  -- A second message in the same turn would scroll the first one up and ask for <Enter>, too.
  vim.cmd.redraw()
  local shortmess = vim.o.shortmess
  vim.o.shortmess = shortmess .. "T"
  vim.cmd.echohl(highlight or "None")
  vim.cmd.echomsg(vim.fn.string(line))
  vim.cmd.echohl("None")
  vim.o.shortmess = shortmess
end

local function show(sentence, level, highlight)
  local line = "zeke: " .. sentence:gsub("%s*[\r\n]+%s*", " ")
  if not is_builtin(vim.notify) then
    vim.notify(line, level, { title = "zeke" })
  elseif #vim.api.nvim_list_uis() == 0 then
    echo(line, highlight)
  else
    -- Inside a typed command 'shortmess' is not heeded.
    vim.schedule(function()
      echo(line, highlight)
    end)
  end
end

function M.info(sentence)
  show(sentence, vim.log.levels.INFO)
end

function M.warn(sentence)
  show(sentence, vim.log.levels.WARN, "WarningMsg")
end

--- The sentence of a call that could not be made, if it could not.
---@param sentence? string
function M.problem(sentence)
  if sentence then
    M.error(sentence)
  end
end

function M.error(sentence)
  show(sentence, vim.log.levels.ERROR, "ErrorMsg")
end

return M
