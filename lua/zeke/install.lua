--- :ZekeInstall runs scripts/provision.py, which makes the private environment, and reports its lines.
local M = {}

local running = false

local function base_python()
  for _, name in ipairs({ "python3", "python" }) do
    local path = vim.fn.exepath(name)
    if path ~= "" then
      return path
    end
  end
end

local function script()
  return vim.fs.dirname(vim.fs.dirname(vim.fs.dirname(require("zeke.host").package()))) .. "/scripts/provision.py"
end

--- Make or refresh the environment. Without a screen (a build hook) it waits for the end.
---@param opts? { fargs?: string[], bang?: boolean } "local" adds the embedded model; ! builds anew
function M.run(opts)
  opts = opts or {}
  local notice = require("zeke.notice")
  if running then
    notice.warn("an installation is running already")
    return
  end
  local python = base_python()
  if not python then
    notice.error("no python3 on PATH: install Python 3.10 or later, then run :ZekeInstall again")
    return
  end
  local argv = { python, script(), "--into", require("zeke.host").environment() }
  for _, extra in ipairs(opts.fargs or {}) do
    if extra ~= "local" and extra ~= "charts" then
      notice.error(("ZekeInstall: unknown argument `%s`: accepted are `local` and `charts`"):format(extra))
      return
    end
    vim.list_extend(argv, { "--extra", extra })
  end
  if opts.bang then
    argv[#argv + 1] = "--force"
  end
  running = true
  local last = ""
  local function say(_, data)
    for line in (data or ""):gmatch("[^\r\n]+") do
      last = vim.trim(line):gsub("^zeke: ", "")
      vim.schedule(function()
        notice.info(last)
      end)
    end
  end
  local function finish(result)
    running = false
    if result.code == 0 then
      require("zeke.host").restart()
      notice.info("installed: every Zeke command works now")
    else
      notice.error(last ~= "" and last or ("the installation ended with code %d"):format(result.code))
    end
  end
  local on_lines = { stdout = say, stderr = say, text = true }
  if #vim.api.nvim_list_uis() > 0 then
    vim.system(argv, on_lines, vim.schedule_wrap(finish))
    return
  end
  local result = vim.system(argv, on_lines):wait()
  finish(result)
  if result.code ~= 0 then
    vim.cmd("cquit 1")
  end
end

return M
