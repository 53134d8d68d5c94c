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

--- The earlier turns of a conversation, oldest first, as Python rebuilds their messages.
---@param parent zeke.Answer?
local function history_of(parent)
  local turns = {}
  while parent do
    local text = table.concat(parent.parts)
    if text ~= "" then
      table.insert(turns, 1, {
        id = answers.request_id(parent),
        intent = parent.intent,
        prompt = parent.prompt,
        scope = parent.scope,
        source = parent.source,
        notes = parent.notes,
        attachments = parent.attachments,
        definition = parent.definition,
        text = text,
      })
    end
    parent = parent.parent and answers.get(parent.parent)
  end
  return turns
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
  local problem = deliver({
    id = answer.id,
    scope = answer.scope,
    source = answer.source,
    notes = answer.notes,
    attachments = answer.attachments,
    definition = answer.definition,
    guidance = require("zeke.context").guidance(answer.source.root),
    history = history_of(answer.parent and answers.get(answer.parent)),
    can_ask = #vim.api.nvim_list_uis() > 0,
    replay_of = answer.replay_of,
    target = answer.target,
  })
  if problem then
    require("zeke.notice").error(problem)
    return nil
  end
  require("zeke.conversation").open(answer, smods)
  answers.event("ZekeRequestStarted", answer)
  return answer.id
end

local NOTHING = { buffer = "buffer", ["function"] = "function" }

--- Hand the captured request to the handler of its command.
---@return string? id
local function hand_over(name, spec, opts, args, scope, source, more)
  if scope.kind ~= "none" and vim.trim(scope.text) == "" then
    local what = NOTHING[scope.kind] or "selection"
    require("zeke.notice").warn(("%s: nothing to send, the %s is empty"):format(name, what))
    return
  end
  local options, prompt = require("zeke.prompts").split(args)
  local answer = vim.tbl_extend("force", {
    command = name,
    intent = spec.intent,
    definition = spec.definition,
    result = options:match("%f[%w]out=(%l+)") or spec.result,
    prompt = prompt,
    args = args,
    scope = scope,
    source = source,
  }, more or {})
  if spec.diagnostics and not answer.notes then
    answer.notes = require("zeke.context").diagnostics(source.bufnr, scope)
  end
  if answer.result == "diff" and answer.region == nil then
    answer.region = require("zeke.proposal").capture(source.bufnr, scope)
  end
  return submit(answer, opts.smods, function(ctx)
    local host, bang = require("zeke.host"), opts.bang and 1 or 0
    if spec.definition then
      return host.notify("zeke_own", name, { args }, bang, ctx)
    elseif spec.range then
      return host.command(name, { args }, { opts.line1 or 0, opts.line2 or 0 }, bang, ctx)
    end
    return host.command(name, { args }, bang, ctx)
  end)
end

--- Collect the context that the words name, then go on. The source is captured already.
local function send(name, spec, opts, args, scope, source, more)
  require("zeke.references").collect(args, source.bufnr, source.root, function(attachments, problem)
    if not attachments then
      require("zeke.notice").warn(("%s: %s"):format(name, problem))
      return
    end
    more = vim.tbl_extend("keep", more or {}, { attachments = #attachments > 0 and attachments or nil })
    hand_over(name, spec, opts, args, scope, source, more)
  end)
end

---@param name string
---@param spec zeke.CommandSpec
---@param opts table
---@param words string
local function ask_from_command(name, spec, opts, words)
  local context = require("zeke.context")
  local bufnr = vim.api.nvim_get_current_buf()
  local source = context.source(bufnr)
  local args, prompt, problem = require("zeke.prompts").expand(words, source.root)
  if not args then
    require("zeke.notice").error(("%s: %s"):format(name, problem))
    return
  end
  local default = prompt and prompt.scope or spec.scope
  if opts.range == 0 and (default == "changes" or default == "staged") then
    require("zeke.changes").diff(source.root, default == "staged", function(text, wrong)
      if not text then
        require("zeke.notice").warn(("%s: %s"):format(name, wrong))
        return
      end
      send(name, spec, opts, args, { kind = "diff", text = text, first = 0, last = 0 }, source)
    end)
    return
  end
  local scope = context.scope(bufnr, opts, default)
  if default == "only_function" and scope.kind == "none" then
    require("zeke.notice").warn(("%s: no function around the cursor: select what is meant"):format(name))
    return
  end
  send(name, spec, opts, args, scope, source)
end

--- One more turn below an answer.
---@param parent zeke.Answer
---@param opts table
---@param args string
local function follow_up(parent, opts, args)
  local spec = require("zeke.commands").handled.ZekeReply
  local scope = { kind = "none", text = "", first = 0, last = 0 }
  send(
    "ZekeReply",
    { intent = parent.intent, range = spec.range, definition = parent.definition },
    opts,
    args,
    scope,
    parent.source,
    {
      parent = parent.id,
      bufnr = parent.bufnr,
    }
  )
end

--- A request about a scope that is known already.
---@param name string
---@param spec zeke.CommandSpec
---@param scope zeke.Scope
---@param words string
function M.about(name, spec, scope, words)
  local source = require("zeke.context").source(vim.api.nvim_get_current_buf())
  send(name, spec, { bang = false, smods = {} }, words, scope, source)
end

--- Ask for the words on a line of its own, then go on; nothing happens when the user leaves it empty.
local function with_words(question, words, go_on)
  if vim.trim(words) ~= "" then
    go_on(words)
    return
  end
  require("zeke.ask").open(question, "", go_on)
end

--- A follow-up to this buffer's conversation, else to the newest; with ! to the answer under the cursor.
function M.reply(opts)
  local bufnr = vim.api.nvim_get_current_buf()
  local parent = opts.bang and answers.at(bufnr, vim.api.nvim_win_get_cursor(0)[1]) or answers.of_buffer(bufnr)
  parent = parent or answers.newest()
  if not parent then
    require("zeke.notice").warn("there is no answer to reply to: ask with :Zeke first")
    return
  elseif answers.running(parent) then
    require("zeke.notice").warn("the answer still comes: wait, or stop it with :ZekeStop")
    return
  end
  with_words("reply", opts.args, function(words)
    follow_up(parent, opts, words)
  end)
end

--- How the command of an answer is to be asked again; a conversation of the cache has none.
local function spec_of(old)
  local spec = require("zeke.commands").requests()[old.command]
  if spec then
    return spec
  end
  for _, each in pairs(require("zeke.commands").requests()) do
    if each.definition and each.definition.name == old.intent then
      return each
    end
  end
  return { intent = old.intent, definition = old.definition, range = true }
end

--- The same once more in a buffer of its own: what was sent stays as it was, `more` says what is different.
---@param old zeke.Answer
---@param args string
---@param more { smods?: table, bang?: boolean, replay_of: string, target?: string, compared?: string[] }
---@return string? id
function M.again(old, args, more)
  local opts = { bang = more.bang or false, smods = more.smods or {} }
  local spec = spec_of(old)
  local kept = {
    parent = more.parent,
    attachments = more.attachments,
    notes = more.notes or {},
    region = old.region,
    replay_of = more.replay_of,
    target = more.target,
    compared = more.compared,
  }
  if not old.command then
    -- Of a conversation of the cache the intent is known, and where its code stood is not.
    spec = vim.tbl_extend("force", spec, { result = false })
    args = spec.definition and args or ("intent=%s %s"):format(old.intent, args)
  end
  return hand_over(old.command or "Zeke", spec, opts, args, old.scope, old.source, kept)
end

--- The same once more, below the old answer; with ! the prompt is edited first.
function M.retry(opts)
  local old = answers.of_buffer(vim.api.nvim_get_current_buf()) or answers.newest()
  if not old or answers.running(old) then
    require("zeke.notice").warn(old and "the answer still comes: stop it with :ZekeStop" or "there is nothing to retry")
    return
  end
  local function again(args)
    require("zeke.signals").record(old, "retried")
    local region, scope = require("zeke.proposal").renew(old)
    local more = { parent = old.parent, bufnr = old.bufnr, replay_of = answers.request_id(old), region = region }
    send(old.command or "Zeke", spec_of(old), { bang = false, smods = opts.smods }, args, scope, old.source, more)
  end
  local args = require("zeke.prompts").over(old.args or ("-- " .. old.prompt), opts.args)
  if not opts.bang then
    again(args)
    return
  end
  require("zeke.ask").open("retry", args, again)
end

--- Retry on a model that the user types.
function M.retry_on()
  require("zeke.replay").ask_model(function(words)
    M.retry({ args = words, bang = false })
  end)
end

--- A fresh conversation, also from inside another one.
function M.fresh(opts)
  local spec = require("zeke.commands").handled.Zeke
  with_words("zeke", opts.args, function(words)
    ask_from_command("Zeke", spec, { range = 0, bang = false, smods = opts.smods }, words)
  end)
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

--- Run one of the handled commands.
---@param name string
---@param spec zeke.CommandSpec
---@param opts table what a user command's callback is given
function M.command(name, spec, opts)
  if spec.inquiry then
    require("zeke.inquiry").run(name, spec, opts)
  elseif name == "ZekeStop" then
    stop_from_command(name, opts)
  elseif name == "ZekeReply" then
    M.reply(opts)
  elseif name == "Zeke" and opts.range == 0 and answers.of_buffer(vim.api.nvim_get_current_buf()) then
    M.reply(opts)
  elseif spec.scope == "none" and opts.range == 0 then
    with_words("zeke", opts.args, function(words)
      ask_from_command(name, spec, opts, words)
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
