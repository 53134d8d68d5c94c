--- Zeke's own Python process: found, started on first use, noticed when it dies, started again.
local M = {}

--- Never more starts than this in `WINDOW_S` seconds: a host that dies at once would spin.
local STARTS, WINDOW_S = 3, 30

-- The directory of the editor must not be importable: a project's httpcore.py would run in the host.
local BOOT = "import sys; sys.path[:] = [p for p in sys.path if p]; sys.path.insert(0, sys.argv[1]); "
  .. "import zeke.boot; zeke.boot.main(sys.argv[1])"
local NEEDED = "import pynvim, httpcore, msgpack, pydantic, platformdirs, detect_secrets, wcwidth"

---@class zeke.HostState
---@field channel? integer
---@field queue? table[] messages that wait for an interpreter to be found
---@field python? string
---@field stderr string[]
---@field starts integer[]
local state = { stderr = {}, starts = {} }

local function root()
  return vim.fs.dirname(vim.fs.dirname(vim.fs.dirname(debug.getinfo(1, "S").source:sub(2))))
end

--- Folder of the remote plugin's package: handler names begin with it.
function M.package()
  return vim.fs.normalize(root()) .. "/rplugin/python3/zeke"
end

--- The private environment of :ZekeInstall.
function M.environment()
  return vim.fs.normalize(vim.fn.stdpath("data")) .. "/zeke/venv"
end

local function python_of(environment)
  local name = vim.fn.has("win32") == 1 and "/Scripts/python.exe" or "/bin/python"
  return environment .. name
end

--- Interpreters to try, best first. The first two are the user's word and are not probed.
---@return string? chosen, string[] candidates, string? problem
local function interpreters()
  local wanted = require("zeke.config").get().python or vim.g.zeke_python
  if wanted and wanted ~= "" then
    local path = vim.fn.exepath(vim.fn.expand(wanted))
    if path == "" then
      return nil,
        {},
        ("g:zeke_python is %s, which is no program: set it to a python3, or unset it and run :ZekeInstall"):format(
          wanted
        )
    end
    return path, {}
  end
  local private = python_of(M.environment())
  if vim.fn.executable(private) == 1 then
    return private, {}
  end
  local candidates = {}
  for _, name in ipairs({ vim.g.python3_host_prog or "", "pynvim-python", "python3" }) do
    local path = name ~= "" and vim.fn.exepath(vim.fn.expand(name)) or ""
    if path ~= "" and not vim.tbl_contains(candidates, path) then
      candidates[#candidates + 1] = path
    end
  end
  return nil, candidates
end

local NO_PYTHON = "no Python has what Zeke needs yet: run :ZekeInstall"

--- The interpreter that a command would start, for :checkhealth.
---@return string? python, string? how, string? problem
function M.found()
  if state.python and vim.fn.executable(state.python) == 1 then
    return state.python, "which runs"
  end
  local python, candidates, problem = interpreters()
  if python then
    return python, python == python_of(M.environment()) and "of :ZekeInstall" or "of g:zeke_python or setup"
  end
  for _, candidate in ipairs(candidates) do
    if vim.system({ candidate, "-c", NEEDED }, { env = { PYTHONPATH = "" } }):wait(10000).code == 0 then
      return candidate, "Neovim's own python3"
    end
  end
  return nil, nil, problem or NO_PYTHON
end

local function fail_all(sentence)
  require("zeke.answers").fail_running(sentence)
end

local function on_exit(channel, code)
  if state.channel ~= channel then
    return
  end
  state.channel = nil
  if vim.v.exiting ~= vim.NIL then
    return
  end
  local last = ""
  for _, line in ipairs(state.stderr) do
    if vim.trim(line) ~= "" then
      last = vim.trim(line)
    end
  end
  local why = last ~= "" and (" (" .. last:sub(1, 120) .. ")") or ""
  local sentence = "the Python host ended with code %d%s: the next command starts a new one, :ZekeLog has more"
  sentence = sentence:format(code, why)
  require("zeke.notice").error(sentence)
  fail_all(sentence)
end

local function spawn(python)
  local now = vim.uv.now() / 1000
  state.starts = vim.tbl_filter(function(at)
    return now - at < WINDOW_S
  end, state.starts)
  if #state.starts >= STARTS then
    local sentence = "the Python host ended %d times within %d s: run :ZekeInstall! to build its environment anew"
    return sentence:format(STARTS, WINDOW_S)
  end
  state.starts[#state.starts + 1] = now
  state.stderr = {}
  local channel = vim.fn.jobstart({ python, "-c", BOOT, vim.fs.dirname(M.package()) }, {
    rpc = true,
    env = { PYTHONPATH = "", PYTHONSAFEPATH = "1" },
    on_exit = on_exit,
    on_stderr = function(_, data)
      vim.list_extend(state.stderr, data)
      if #state.stderr > 40 then
        state.stderr = vim.list_slice(state.stderr, #state.stderr - 40)
      end
    end,
  })
  if channel <= 0 then
    return ("%s could not be started: set g:zeke_python to a python3, or run :ZekeInstall"):format(python)
  end
  state.channel, state.python = channel, python
  vim.rpcnotify(channel, "zeke_configure", require("zeke.config").for_host())
end

local function deliver(queue)
  for _, message in ipairs(queue) do
    vim.rpcnotify(state.channel, message[1], unpack(message[2]))
  end
end

--- Ask each candidate for the packages without waiting for it; start the first that has them.
local function probe(candidates, index)
  local python = candidates[index]
  if not python then
    state.queue = nil
    require("zeke.notice").error(NO_PYTHON)
    fail_all(NO_PYTHON)
    return
  end
  vim.system(
    { python, "-c", NEEDED },
    { env = { PYTHONPATH = "" } },
    vim.schedule_wrap(function(result)
      if result.code ~= 0 then
        probe(candidates, index + 1)
        return
      end
      local queue, problem = state.queue or {}, spawn(python)
      state.queue = nil
      if problem then
        require("zeke.notice").error(problem)
        fail_all(problem)
      else
        deliver(queue)
      end
    end)
  )
end

--- Start the host unless it runs. Never waits.
---@return string? problem one sentence
local function ensure()
  if state.channel or state.queue then
    return nil
  end
  local chosen, candidates, problem = interpreters()
  if chosen then
    return spawn(chosen)
  end
  if problem or #candidates == 0 then
    return problem or NO_PYTHON
  end
  state.queue = {}
  probe(candidates, 1)
end

--- Send a notification to a handler; starts the host if needed.
---@param method string
---@param ... any
---@return string? problem one sentence when nothing could be sent
function M.notify(method, ...)
  local problem = ensure()
  if problem then
    return problem
  end
  if state.channel then
    -- A host that died is known to be dead a moment before Neovim says so.
    if not pcall(vim.rpcnotify, state.channel, method, ...) then
      return "the Python host has just ended: the next command starts a new one"
    end
  else
    table.insert(state.queue, { method, { ... } })
  end
end

--- Send to the handler of a command, with the argument layout of its decorator.
function M.command(name, ...)
  return M.notify(M.package() .. ":command:" .. name, ...)
end

--- Start Python and let it import what a request needs. Quiet when it cannot.
---@return boolean started
function M.prewarm()
  if require("zeke.config").get().prewarm then
    return M.notify("zeke_warm") == nil
  end
  return true
end

--- `prewarm = "start"`: as soon as the editor has started, and not before.
function M.prewarm_at_start()
  if require("zeke.config").get().prewarm ~= "start" then
    return
  end
  if vim.v.vim_did_enter == 1 then
    M.prewarm()
    return
  end
  vim.api.nvim_create_autocmd("VimEnter", { once = true, callback = vim.schedule_wrap(M.prewarm) })
end

--- A classic remote plugin host carries the handlers: use its channel instead of a process of ours.
function M.adopt(channel)
  if not state.channel then
    state.channel, state.python = channel, "Neovim's python3 host"
    vim.rpcnotify(channel, "zeke_configure", require("zeke.config").for_host())
  end
end

--- Options changed: tell a host that runs already.
function M.reconfigure()
  if state.channel then
    vim.rpcnotify(state.channel, "zeke_configure", require("zeke.config").for_host())
  end
end

--- End the host, so that the next command starts one from the current environment.
function M.restart()
  if state.channel then
    local channel = state.channel
    state.channel = nil
    pcall(vim.fn.jobstop, channel)
    fail_all("the Python host was restarted")
  end
  state.starts = {}
end

---@return { channel?: integer, python?: string, pid?: integer }
function M.status()
  local ok, pid = pcall(vim.fn.jobpid, state.channel or 0)
  return { channel = state.channel, python = state.python, pid = ok and pid or nil }
end

return M
