--- The editor's side of the commands. The names are those of the Python handlers; a test compares them.
local M = {}

---@class zeke.CommandSpec
---@field desc string
---@field intent? string the intent of a request command
---@field definition? table the intent itself, if it is one of the user's own
---@field inquiry? boolean shows or sets something about the project or an answer
---@field scope? "none"|"function"|"only_function"|"buffer"|"changes"|"staged" what is sent when no range is given
---@field result? "diff" the answer is held against the source
---@field diagnostics? boolean the scope's diagnostics are sent along
---@field range? boolean
---@field bang? boolean
---@field nargs? string
---@field native? fun(opts: table) a command that needs no Python

local function request(intent, scope, desc, more)
  return vim.tbl_extend("force", { intent = intent, scope = scope, desc = desc, range = true, bang = true }, more or {})
end

--- Python handlers, by command.
---@type table<string, zeke.CommandSpec>
M.handled = {
  Zeke = request("code", "none", "Ask anything; a range is sent with it"),
  ZekeTest = request("tests", "function", "Tests for the selection or the enclosing function"),
  ZekeExplain = request("explain", "function", "Explain the selection or the enclosing function"),
  ZekeRefactor = request("refactor", "only_function", "Refactor, as a diff", { result = "diff" }),
  ZekeFix = request(
    "fix",
    "only_function",
    "Fix, with the diagnostics, as a diff",
    { result = "diff", diagnostics = true }
  ),
  ZekeDocs = request("docs", "only_function", "Document, as a diff", { result = "diff" }),
  ZekeReview = request("review", "changes", "Review the selection or the uncommitted changes"),
  ZekeCommit = request("commit", "staged", "A commit message for what is staged", { range = false }),
  ZekeReply = {
    desc = "One more turn of this conversation (! from the answer under the cursor)",
    range = true,
    bang = true,
  },
  ZekePreview = {
    desc = "What a command would send, and where each value comes from; sends nothing",
    inquiry = true,
    range = true,
    bang = true,
  },
  ZekeWhy = { desc = "Why this model answered (! the raw trace)", inquiry = true, bang = true },
  ZekePrefs = { desc = "Show or set the project's preferences (! forget them)", inquiry = true, bang = true },
  ZekeModel = { desc = "Pin a model or alias for the project", inquiry = true, bang = true },
  ZekeAlias = { desc = "Pin an alias for the project", inquiry = true, bang = true },
  ZekeHistory = { desc = "Earlier conversations (! of all projects)", inquiry = true, bang = true },
  ZekeStats = { desc = "How the models do here (! in all projects)", inquiry = true, bang = true },
  ZekeRate = { desc = "Rate this buffer's answer: + or -, and a note", inquiry = true },
  ZekeBudget = { desc = "Show or set the project's monthly limit in cents", inquiry = true, bang = true },
  ZekeStop = { desc = "Stop this buffer's request, else the newest (! all); the text stays", bang = true },
}

--- Commands that live in the editor alone.
---@type table<string, zeke.CommandSpec>
M.native = {
  ZekeInstall = {
    desc = "Make Zeke's private Python environment (local adds the embedded model, charts the HTML export)",
    nargs = "*",
    bang = true,
    native = function(opts)
      require("zeke.install").run(opts)
    end,
  },
  ZekeRetry = {
    desc = "The same once more (! edit the prompt first); options before it win",
    nargs = "?",
    bang = true,
    native = function(opts)
      require("zeke.request").retry(opts)
    end,
  },
  ZekeReplay = {
    desc = "The same prompt once more in a buffer of its own; an id names an earlier request",
    nargs = "?",
    native = function(opts)
      require("zeke.replay").replay(opts)
    end,
  },
  ZekeCompare = {
    desc = "The last prompt on two or more models, side by side (! over budget and warnings)",
    nargs = "+",
    bang = true,
    native = function(opts)
      require("zeke.replay").compare(opts)
    end,
  },
  ZekeNew = {
    desc = "A fresh conversation",
    nargs = "?",
    native = function(opts)
      require("zeke.request").fresh(opts)
    end,
  },
  ZekeToggle = {
    desc = "Show or hide the newest answer",
    native = function()
      require("zeke.conversation").toggle()
    end,
  },
  ZekeApply = {
    desc = "Take over the proposed change; a range takes the hunks in it",
    range = true,
    native = function(opts)
      require("zeke.proposal").apply(opts)
    end,
  },
  ZekeReject = {
    desc = "Dismiss the proposed change; a range dismisses the hunks in it",
    range = true,
    native = function(opts)
      require("zeke.proposal").reject(opts)
    end,
  },
  ZekeInfo = {
    desc = "Versions, paths and gateway",
    native = function()
      require("zeke.info").show()
    end,
  },
  ZekeLog = {
    desc = "Open the redacted log",
    native = function()
      require("zeke.info").log()
    end,
  },
}

--- Commands that send a prompt, the user's own intents included.
---@return table<string, zeke.CommandSpec>
function M.requests()
  local found = {}
  for name, spec in pairs(M.handled) do
    found[name] = spec.intent and spec or nil
  end
  for intent, given in pairs(require("zeke.config").get().intents) do
    local spec = request(intent, given.scope or "function", given.desc or given.instruction or intent)
    spec.result = given.result == "diff" and "diff" or nil
    spec.definition = vim.tbl_extend("force", given, { name = intent })
    found[given.command] = spec
  end
  return found
end

local function complete(...)
  return require("zeke.completion").complete(...)
end

local function define(name, spec)
  local nargs = spec.nargs or (spec.native and 0 or "?")
  vim.api.nvim_create_user_command(name, spec.native or function(opts)
    require("zeke.request").command(name, spec, opts)
  end, {
    desc = "Zeke: " .. spec.desc,
    nargs = nargs,
    range = spec.range,
    bang = spec.bang,
    complete = nargs ~= 0 and complete or nil,
    force = true,
  })
end

--- Define the commands of the user's own intents.
function M.define_own()
  for name, spec in pairs(M.requests()) do
    if spec.definition then
      define(name, spec)
    end
  end
end

local function define_all()
  for name, spec in pairs(M.handled) do
    define(name, spec)
  end
  for name, spec in pairs(M.native) do
    define(name, spec)
  end
end

--- Define the commands, and the watch that starts Python while a Zeke command is being typed.
function M.install()
  define_all()
  local group = vim.api.nvim_create_augroup("zeke", { clear = true })
  if vim.v.vim_did_enter == 0 then
    -- A manifest of :UpdateRemotePlugins is sourced after this file and replaces the commands.
    vim.api.nvim_create_autocmd("VimEnter", { group = group, once = true, callback = define_all })
  end
  vim.api.nvim_create_autocmd("CmdlineChanged", {
    group = group,
    pattern = ":",
    callback = function()
      -- Returning true removes the watch: it is wanted until Python runs once.
      return vim.fn.getcmdline():find("Zek") ~= nil and require("zeke.host").prewarm()
    end,
  })
  vim.api.nvim_create_autocmd("CmdlineLeave", {
    group = group,
    pattern = ":",
    callback = function()
      local line = vim.fn.getcmdline()
      if line:find("Zek", 1, true) then
        require("zeke.context").note_command_line(line)
      end
    end,
  })
  require("zeke.maps").define()
end

return M
