--- Commands that show or set something about the project or an answer, and send no prompt.
local M = {}

local answers = require("zeke.answers")

--- The command that :ZekePreview is about: its scope and words, as it would send them.
---@return table? ctx
local function previewed(opts)
  local name, words = opts.args:match("^%s*:?(Zeke%a*)!?%s*(.*)$")
  name, words = name or "Zeke", words or opts.args
  local spec = require("zeke.commands").requests()[name]
  if not spec then
    require("zeke.notice").error(("ZekePreview: `%s` sends no prompt: name a command like ZekeTest"):format(name))
    return nil
  end
  local source = require("zeke.context").source(vim.api.nvim_get_current_buf())
  local args, prompt, problem = require("zeke.prompts").expand(words, source.root)
  if problem then
    require("zeke.notice").error("ZekePreview: " .. problem)
    return nil
  end
  local default = prompt and prompt.scope or spec.scope
  local scope = require("zeke.context").scope(vim.api.nvim_get_current_buf(), opts, default)
  return { command = name, words = args, scope = scope, definition = spec.definition, source = source }
end

local function deliver(name, spec, opts, ctx)
  local arguments = { { opts.args } }
  if spec.range then
    arguments[2] = { opts.line1, opts.line2 }
  end
  if spec.bang then
    arguments[#arguments + 1] = opts.bang and 1 or 0
  end
  arguments[#arguments + 1] = ctx
  require("zeke.notice").problem(require("zeke.host").command(name, unpack(arguments)))
end

---@param name string
---@param spec zeke.CommandSpec
---@param opts table
function M.run(name, spec, opts)
  local bufnr = vim.api.nvim_get_current_buf()
  local answer = answers.of_buffer(bufnr)
  if name == "ZekePreview" then
    local ctx = previewed(opts)
    if not ctx then
      return
    end
    ctx.guidance = require("zeke.context").guidance(ctx.source.root)
    require("zeke.references").collect(ctx.words, bufnr, ctx.source.root, function(attachments, problem)
      if problem then
        require("zeke.notice").warn("ZekePreview: " .. problem)
        return
      end
      ctx.attachments = attachments
      deliver(name, spec, opts, ctx)
    end)
    return
  end
  local source = answer and answer.source or require("zeke.context").source(bufnr)
  if name == "ZekeStats" then
    require("zeke.stats").open(opts, source)
    return
  elseif name == "ZekeHistory" then
    require("zeke.history").open(opts, source)
    return
  end
  local newest = (name == "ZekeWhy" or name == "ZekeRate") and answers.newest() or nil
  local about = answer and answers.under_cursor() or newest
  deliver(name, spec, opts, { id = about and answers.request_id(about), source = source })
end

return M
