--- From a command or a Lua call to a notification: captures everything at once, opens the answer, waits for nothing.
local M = {}

local answers = require("zeke.answers")

--- uuid4 text (RFC 9562 §5.4).
local function new_id()
  local bytes = { assert(vim.uv.random(16)):byte(1, 16) }
  bytes[7] = bit.bor(bit.band(bytes[7], 0x0f), 0x40)
  bytes[9] = bit.bor(bit.band(bytes[9], 0x3f), 0x80)
  return ("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x"):format(unpack(bytes))
end

--- Send with `deliver`, then show: the gateway works while the window opens.
---@param answer table without id
---@param smods? table
---@param deliver fun(ctx: table): string?
---@return string? id
local function submit(answer, smods, deliver)
  answer = vim.tbl_extend(
    "force",
    { id = new_id(), parts = {}, state = "waiting", facts = {}, began = vim.uv.hrtime() },
    answer
  )
  local can_ask = #vim.api.nvim_list_uis() > 0
  local problem = deliver({ id = answer.id, scope = answer.scope, source = answer.source, can_ask = can_ask })
  if problem then
    require("zeke.notice").error(problem)
    return nil
  end
  require("zeke.scratch").open(answer, smods)
  answers.event("ZekeRequestStarted", answer)
  return answer.id
end

--- The words of the command line that the user reads as the prompt; options are Python's business.
local function prompt_of(args)
  local rest, count = vim.trim(args), 1
  while count > 0 do
    rest, count = rest:gsub("^[%a_][%w_.]*=%S*%s*", "")
  end
  return vim.trim((rest:gsub("^%-%-%f[%s%z]", "")))
end

---@param name string
---@param spec zeke.CommandSpec
---@param opts table
---@param args string
local function ask_from_command(name, spec, opts, args)
  local context = require("zeke.context")
  local bufnr = vim.api.nvim_get_current_buf()
  local scope = context.scope(bufnr, opts, spec.scope)
  if scope.kind ~= "none" and vim.trim(scope.text) == "" then
    require("zeke.notice").warn(
      ("%s: nothing to send, the %s is empty"):format(name, scope.kind == "buffer" and "buffer" or "selection")
    )
    return
  end
  submit(
    { intent = spec.intent, prompt = prompt_of(args), scope = scope, source = context.source(bufnr) },
    opts.smods,
    function(ctx)
      return require("zeke.host").command(name, { args }, { opts.line1, opts.line2 }, opts.bang and 1 or 0, ctx)
    end
  )
end

--- Stop this buffer's answer, else the newest that runs; with ! all.
local function stop_from_command(name, opts)
  local answer = answers.of_buffer(vim.api.nvim_get_current_buf())
  if not (answer and answers.running(answer)) then
    answer = answers.newest()
  end
  if opts.bang then
    require("zeke.host").command(name, { opts.args }, 1, vim.empty_dict())
  elseif answer and answers.running(answer) then
    M.stop(answer.id)
  else
    require("zeke.notice").info("nothing is running")
  end
end

--- The command that :ZekePreview is about: its scope and words, as it would send them.
---@return table? ctx
local function previewed(opts)
  local name, words = opts.args:match("^%s*:?(Zeke%a*)!?%s*(.*)$")
  name, words = name or "Zeke", words or opts.args
  local spec = require("zeke.commands").handled[name]
  if not (spec and spec.intent) then
    require("zeke.notice").error(("ZekePreview: `%s` sends no prompt: name a command like ZekeTest"):format(name))
    return nil
  end
  local scope = require("zeke.context").scope(vim.api.nvim_get_current_buf(), opts, spec.scope)
  return { command = name, words = words, scope = scope }
end

---@param name string
---@param spec zeke.CommandSpec
---@param opts table
local function inquire(name, spec, opts)
  local bufnr = vim.api.nvim_get_current_buf()
  local answer = answers.of_buffer(bufnr)
  local ctx = name == "ZekePreview" and previewed(opts) or name ~= "ZekePreview" and {} or nil
  if not ctx then
    return
  end
  ctx.id = answer and answer.id or new_id()
  ctx.source = answer and answer.source or require("zeke.context").source(bufnr)
  if name == "ZekeWhy" and not answer then
    ctx.id = answers.newest() and answers.newest().id or nil
  end
  local arguments = { { opts.args } }
  if spec.range then
    arguments[2] = { opts.line1, opts.line2 }
  end
  vim.list_extend(arguments, { opts.bang and 1 or 0, ctx })
  local problem = require("zeke.host").command(name, unpack(arguments))
  if problem then
    require("zeke.notice").error(problem)
  end
end

--- Run one of the handled commands.
---@param name string
---@param spec zeke.CommandSpec
---@param opts table what a user command's callback is given
function M.command(name, spec, opts)
  if spec.inquiry then
    inquire(name, spec, opts)
  elseif not spec.intent then
    stop_from_command(name, opts)
  elseif spec.scope == "none" and opts.range == 0 and vim.trim(opts.args) == "" then
    vim.ui.input({ prompt = "Zeke: " }, function(text)
      if text and vim.trim(text) ~= "" then
        ask_from_command(name, spec, opts, text)
      end
    end)
  else
    ask_from_command(name, spec, opts, opts.args)
  end
end

--- A classic remote plugin host was asked by its own command definition: take over from here.
---@param channel integer
---@param name string
---@param args string[]
---@param range integer[]
---@param bang integer
function M.classic(channel, name, args, range, bang)
  require("zeke.host").adopt(channel)
  local spec = require("zeke.commands").handled[name]
  -- Such a command cannot tell "no range" from "this line": a single line under the cursor counts as none.
  local given = not (range and range[1] == range[2] and range[1] == vim.fn.line("."))
  range = range or { 0, 0 }
  M.command(name, spec, {
    args = args[1] or "",
    range = spec.range and given and 2 or 0,
    line1 = range[1],
    line2 = range[2],
    bang = bang == 1,
    smods = {},
  })
end

---@param opts zeke.AskOptions
---@return string? id
function M.ask(opts)
  local context = require("zeke.context")
  local bufnr = opts.bufnr or vim.api.nvim_get_current_buf()
  local intent = opts.intent or "code"
  local range = opts.range
  local scope = context.scope(bufnr, {
    range = range and 2 or 0,
    line1 = range and range[1] or 0,
    line2 = range and range[2] or 0,
    explicit = true,
  }, "none")
  return submit({
    intent = intent,
    prompt = opts.prompt or "",
    scope = scope,
    source = context.source(bufnr),
    on_token = opts.on_token,
    on_done = opts.on_done,
  }, {}, function(ctx)
    ctx.intent, ctx.prompt, ctx.alias = intent, opts.prompt or "", opts.alias
    return require("zeke.host").notify("zeke_ask", ctx)
  end)
end

--- Stop one request, or the newest running one.
---@param id? string
function M.stop(id)
  local answer = id and answers.get(id) or answers.newest()
  if answer and answers.running(answer) then
    require("zeke.host").command("ZekeStop", { "" }, 0, { id = answer.id })
  end
end

return M
