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
  local problem = deliver({ id = answer.id, scope = answer.scope, source = answer.source })
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

--- Run one of the handled commands.
---@param name string
---@param spec zeke.CommandSpec
---@param opts table what a user command's callback is given
function M.command(name, spec, opts)
  if not spec.intent then
    local answer = answers.of_buffer(vim.api.nvim_get_current_buf()) or answers.newest()
    if not (answer and answers.running(answer)) and not opts.bang then
      answer = answers.newest()
    end
    if not opts.bang and not (answer and answers.running(answer)) then
      require("zeke.notice").info("nothing is running")
      return
    end
    local ctx = { id = not opts.bang and answer and answer.id or nil }
    require("zeke.host").command(name, { opts.args }, opts.bang and 1 or 0, next(ctx) and ctx or vim.empty_dict())
    return
  end
  if spec.scope == "none" and opts.range == 0 and vim.trim(opts.args) == "" then
    vim.ui.input({ prompt = "Zeke: " }, function(text)
      if text and vim.trim(text) ~= "" then
        ask_from_command(name, spec, opts, text)
      end
    end)
    return
  end
  ask_from_command(name, spec, opts, opts.args)
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
