--- The editor's side of the commands. The names are those of the Python handlers; a test compares them.
local M = {}

---@class zeke.CommandSpec
---@field desc string
---@field intent? string the intent of a request command
---@field inquiry? boolean shows or sets something about the project or an answer
---@field scope? "none"|"function"|"buffer" what is sent when no range is given
---@field range? boolean
---@field bang? boolean
---@field nargs? string
---@field native? fun(opts: table) a command that needs no Python

--- Python handlers, by command.
---@type table<string, zeke.CommandSpec>
M.handled = {
  Zeke = { desc = "Ask anything; a range is sent with it", intent = "code", scope = "none", range = true, bang = true },
  ZekeTest = {
    desc = "Tests for the selection or the enclosing function",
    intent = "tests",
    scope = "function",
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
  ZekeBudget = { desc = "Show or set the project's monthly limit in cents", inquiry = true, bang = true },
  ZekeStop = { desc = "Stop this buffer's request, else the newest (! all); the text stays", bang = true },
}

--- Commands that live in the editor alone.
---@type table<string, zeke.CommandSpec>
M.native = {
  ZekeInstall = {
    desc = "Make Zeke's private Python environment (argument: local, for the embedded model)",
    nargs = "*",
    bang = true,
    native = function(opts)
      require("zeke.install").run(opts)
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
  for _, map in ipairs({ { "ask", ":Zeke " }, { "test", ":ZekeTest<CR>" }, { "stop", "<Cmd>ZekeStop<CR>" } }) do
    for _, mode in ipairs({ "n", "x" }) do
      vim.keymap.set(mode, "<Plug>(zeke-" .. map[1] .. ")", map[2], { desc = "Zeke: " .. map[1] })
    end
  end
end

return M
