--- Zeke's Lua API. Nothing here is loaded before it is used.
local M = {}

--- Set options (`:help zeke-options`). Not needed: every command works with the defaults.
---@param opts? table
function M.setup(opts)
  require("zeke.config").setup(opts)
  require("zeke.commands").define_own()
  require("zeke.maps").opt_in(require("zeke.config").get().keymaps)
  require("zeke.host").reconfigure()
  require("zeke.host").prewarm_at_start()
end

---@class zeke.AskOptions
---@field prompt? string
---@field intent? string default "code"
---@field alias? string
---@field range? { [1]: integer, [2]: integer } first and last line, counted from 1
---@field bufnr? integer
---@field on_token? fun(text: string)
---@field on_done? fun(answer: zeke.AnswerView)

--- Ask from Lua; returns the request's id at once.
---@param opts zeke.AskOptions
---@return string id
function M.ask(opts)
  return require("zeke.request").ask(opts)
end

--- One more turn of this buffer's conversation, or of the newest.
---@param text string
function M.reply(text)
  require("zeke.request").reply({ args = text, bang = false, range = 0 })
end

--- The newest answer once more.
function M.retry()
  require("zeke.request").retry({ args = "", bang = false })
end

--- The same prompt once more in a buffer of its own, as :ZekeReplay.
---@param words? string an id, options like "model=…"
function M.replay(words)
  require("zeke.replay").replay({ args = words or "" })
end

--- The last prompt on several models side by side, as :ZekeCompare.
---@param names string[]
function M.compare(names)
  require("zeke.replay").compare({ args = table.concat(names, " "), bang = false })
end

--- The figures of :ZekeStats as a table; costs in cents, times in milliseconds, shares from 0 to 1, unknown nil.
---@param opts? { period?: string, by?: string, all?: boolean }
---@return table? figures, string? problem
function M.stats(opts)
  opts = opts or {}
  local words = (opts.period or "month") .. (opts.by and " by=" .. opts.by or "")
  local source = require("zeke.context").source(vim.api.nvim_get_current_buf())
  return require("zeke.fetch").wait("stats", words, { source = source, everywhere = opts.all })
end

--- What :ZekeWhy knows as a table: attempts, the model's record, signals.
---@param id? string default: the newest request
---@return table? found, string? problem
function M.why(id)
  local answer = not id and require("zeke.answers").newest() or nil
  local source = require("zeke.context").source(vim.api.nvim_get_current_buf())
  id = id or answer and require("zeke.answers").request_id(answer) or ""
  return require("zeke.fetch").wait("why", id, { source = source })
end

--- Stop one request, or the newest.
---@param id? string
function M.stop(id)
  require("zeke.request").stop(id)
end

--- What is known of an answer; `text` is exactly what the gateway sent.
---@param id? string default: the answer shown in this buffer, else the newest
---@return zeke.AnswerView?
function M.answer(id)
  return require("zeke.answers").view(id)
end

--- How many requests run.
---@return integer
function M.pending()
  return require("zeke.answers").pending()
end

--- A short text for a statusline; empty when nothing runs.
---@return string
function M.status()
  return require("zeke.answers").status()
end

return M
