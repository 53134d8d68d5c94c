--- Options. `defaults` is the documentation's source; a nil default is written in `kinds` alone.
local M = {}

---@class zeke.Config
M.defaults = {
  --- Python that runs Zeke's host; also `g:zeke_python`. Default: the environment of :ZekeInstall.
  python = nil,
  gateway = {
    --- Base URL; default `ZEKE_API_BASE`, `OMEN_BASE`, then http://127.0.0.1:8080/v1.
    base = nil,
    --- Bearer key; default `ZEKE_API_KEY`, then `OMEN_API_KEY`.
    key = nil,
    --- Program and arguments that print the key, e.g. { "pass", "show", "omen" }. No shell is involved.
    key_cmd = nil,
    --- How hints travel: "auto", "tags" (body), "litellm" (header), "none".
    hints = "auto",
    --- Headers sent with every request.
    headers = {},
    --- Seconds. There is no limit on the whole answer.
    timeouts = { connect = nil, first_byte = 120, idle = 60 },
  },
  --- Names for a choice: { mine = { extends = "code-fast", model = …, provider = …, tags = {}, … } }
  aliases = {},
  --- Intents of your own: { idiom = { command = "ZekeIdiom", instruction = …, system = …, scope = …, result = … } }
  intents = {},
  --- The monthly limit of projects that set none, in cents; "ask", "local", "refuse" or "warn" when it is reached.
  budget = { month_cents = 200, warn_at = 0.8, on_exceeded = "ask" },
  --- `false`: never answer from a local model.
  fallback = {
    --- `host` as in OLLAMA_HOST; `model` is preferred over the largest coder model that fits.
    ollama = { host = nil, model = nil },
    --- A GGUF file of yours instead of the one that comes with `:ZekeInstall local`.
    embedded = { model_path = nil, threads = nil, max_tokens = 512 },
  },
  --- Name of the project, or a function of the root folder. Default: the repository's folder name.
  project = nil,
  --- The database; default `ZEKE_DB`, then the user's data folder.
  database = nil,
  --- Keep prompts and answers for :ZekeHistory, for how many days and megabytes (0: without a limit). `log=0` keeps one
  --- request out.
  log = { text = true, retention_days = 90, max_mb = 500 },
  --- A line a day at most when a model got slow, an intent moved to another provider, or the month gets dear.
  notices = true,
  ui = {
    --- "vertical", "horizontal", "tab" or "hide"; the command's own modifiers win.
    open = "vertical",
    --- Columns of a vertical split; 0 halves the window.
    width = 0,
    --- Move the cursor into the answer's window.
    focus = false,
    --- How a proposed change is shown: "inline" in the source, or in a "tab" in diff mode.
    diff = "inline",
    --- Show the routing line above the answer.
    winbar = true,
  },
  --- true: <leader>z… for everything; a table: your own keys, { test = "<leader>t" }. No map is overwritten.
  keymaps = false,
  --- When Python starts: "cmdline" (also `true`), while a Zeke command is being typed or a motion or prompt is waited
  --- for; "start", with the editor; `false`, with the first request.
  prewarm = "cmdline",
}

--- What each option accepts. Options that are nil by default are listed here only.
local kinds = {
  ["python"] = "string",
  ["gateway.base"] = "string",
  ["gateway.key"] = "string",
  ["gateway.key_cmd"] = "table",
  ["gateway.hints"] = { values = { "auto", "tags", "litellm", "none" } },
  ["gateway.headers"] = "table",
  ["aliases"] = "table",
  ["intents"] = "table",
  ["budget.month_cents"] = "number",
  ["budget.warn_at"] = "number",
  ["budget.on_exceeded"] = { values = { "ask", "local", "refuse", "warn" } },
  ["gateway.timeouts.connect"] = "number",
  ["gateway.timeouts.first_byte"] = "number",
  ["gateway.timeouts.idle"] = "number",
  ["fallback"] = { "table", "boolean" },
  ["fallback.ollama"] = { "table", "boolean" },
  ["fallback.ollama.host"] = "string",
  ["fallback.ollama.model"] = "string",
  ["fallback.embedded"] = { "table", "boolean" },
  ["fallback.embedded.model_path"] = "string",
  ["fallback.embedded.threads"] = "number",
  ["fallback.embedded.max_tokens"] = "number",
  ["project"] = { "string", "function" },
  ["database"] = "string",
  ["log.text"] = "boolean",
  ["log.retention_days"] = "number",
  ["log.max_mb"] = "number",
  ["notices"] = "boolean",
  ["ui.open"] = { values = { "vertical", "horizontal", "tab", "hide" } },
  ["ui.width"] = "number",
  ["ui.focus"] = "boolean",
  ["ui.diff"] = { values = { "inline", "tab" } },
  ["ui.winbar"] = "boolean",
  ["keymaps"] = { "boolean", "table" },
  ["prewarm"] = { values = { "cmdline", "start", true, false } },
}

---@type zeke.Config
local current = vim.deepcopy(M.defaults)
--- What the user set, without the defaults: a project's file stands between the two.
local given = {}

local function accepted(prefix)
  local names = {}
  for name in pairs(kinds) do
    local rest = prefix == "" and name or (name:sub(1, #prefix + 1) == prefix .. "." and name:sub(#prefix + 2) or nil)
    if rest then
      names[rest:match("^[^.]+")] = true
    end
  end
  local list = vim.tbl_keys(names)
  table.sort(list)
  return list
end

--- The kind of one option: a Lua type, several, or the values it may have; "table" for a group.
local function kind_of(name)
  return kinds[name] or (#accepted(name) > 0 and "table") or nil
end

local function problem(name, value)
  local kind = kind_of(name)
  if not kind then
    local parent = name:match("^(.*)%.[^.]*$") or ""
    return ("unknown option `%s`: accepted here are %s"):format(name, table.concat(accepted(parent), ", "))
  end
  if type(kind) == "table" and kind.values then
    if vim.tbl_contains(kind.values, value) then
      return nil
    end
    local accepted_values = table.concat(vim.tbl_map(tostring, kind.values), ", ")
    return ("option `%s` is %s: accepted are %s"):format(name, vim.inspect(value), accepted_values)
  end
  local types = type(kind) == "table" and kind or { kind }
  if vim.tbl_contains(types, type(value)) then
    return nil
  end
  return ("option `%s` is a %s: accepted is a %s"):format(name, type(value), table.concat(types, " or "))
end

--- Tables with keys of the user's own; Python looks at what is in them.
local free = { ["gateway.headers"] = true, ["gateway.key_cmd"] = true, aliases = true, intents = true, keymaps = true }

local function merge(into, options, prefix, problems)
  for key, value in pairs(options) do
    local name = prefix == "" and tostring(key) or prefix .. "." .. tostring(key)
    local wrong = problem(name, value)
    if wrong then
      problems[wrong] = true
    elseif type(value) == "table" and not free[name] then
      into[key] = type(into[key]) == "table" and into[key] or {}
      merge(into[key], value, name, problems)
    else
      into[key] = value
    end
  end
end

--- Take the user's options over the defaults. Wrong ones are named and left out; the rest holds.
---@param opts? table
function M.setup(opts)
  current, given = vim.deepcopy(M.defaults), {}
  local problems = {}
  merge(current, opts or {}, "", problems)
  merge(given, opts or {}, "", problems)
  local sentences = vim.tbl_keys(problems)
  table.sort(sentences)
  for _, sentence in ipairs(sentences) do
    require("zeke.notice").warn("setup: " .. sentence)
  end
end

---@return zeke.Config
function M.get()
  return current
end

--- The options that Python needs; functions stay here.
function M.for_host()
  return {
    gateway = given.gateway,
    fallback = given.fallback,
    aliases = given.aliases,
    budget = given.budget,
    database = given.database,
    log = given.log,
    notices = given.notices,
    journal = require("zeke.info").log_path(),
  }
end

return M
