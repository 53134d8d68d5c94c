--- :ZekeHistory: earlier turns, found by their words, to be shown again, forked, asked once more or forgotten.
local M = {}

local page = require("zeke.page")

local function ask(self)
  require("zeke.notice").problem(
    require("zeke.host").command(
      "ZekeHistory",
      { self.state.query },
      self.state.everywhere and 1 or 0,
      page.context(self)
    )
  )
end

local function on_turn(action)
  return function()
    local target = page.target()
    if target and target.request then
      action(target)
    end
  end
end

local function search()
  local self = assert(page.current())
  vim.ui.input({ prompt = "Find: ", default = self.state.query }, function(words)
    if words then
      self.state = { query = words, everywhere = self.state.everywhere }
      ask(self)
    end
  end)
end

local function everywhere()
  local self = assert(page.current())
  self.state = { query = self.state.query, everywhere = not self.state.everywhere }
  ask(self)
end

--- Forget the turns of some lines, after a question.
local function forget(first, last)
  local self = assert(page.current())
  local ids = vim.tbl_map(function(target)
    return target.request
  end, page.targets_in(first, last))
  if #ids == 0 then
    return
  end
  local question = ("forget %d turn%s for ever?"):format(#ids, #ids == 1 and "" or "s")
  vim.ui.select({ "keep", "forget" }, { prompt = question, kind = "zeke" }, function(choice)
    if choice == "forget" then
      require("zeke.host").notify("zeke_forget", ids)
      ask(self)
    end
  end)
end

local function forget_selected()
  local first, last = vim.fn.line("v"), vim.fn.line(".")
  vim.api.nvim_feedkeys(vim.keycode("<Esc>"), "nx", false)
  forget(math.min(first, last), math.max(first, last))
end

---@type zeke.PageKey[]
local KEYS = {
  {
    "<CR>",
    "show",
    on_turn(function(target)
      require("zeke.replay").show(target.request, true)
    end),
  },
  {
    "f",
    "fork",
    on_turn(function(target)
      require("zeke.replay").recall(target.request, "fork", "")
    end),
  },
  {
    "r",
    "replay",
    on_turn(function(target)
      require("zeke.replay").ask_model(function(words)
        require("zeke.replay").recall(target.request, "replay", words)
      end)
    end),
  },
  {
    "d",
    "forget",
    function()
      local row = vim.api.nvim_win_get_cursor(0)[1]
      forget(row, row)
    end,
  },
  {
    "gi",
    "why",
    on_turn(function(target)
      vim.cmd.ZekeWhy(target.request)
    end),
  },
  { "s", "search", search },
  { "P", "all projects", everywhere },
}

---@param opts table what a user command's callback is given
---@param source zeke.Source
function M.open(opts, source)
  local self = page.open("history", opts.smods or {}, source, KEYS)
  self.state = { query = opts.args, everywhere = opts.bang or false }
  vim.keymap.set("x", "d", forget_selected, { buffer = self.bufnr, nowait = true, desc = "Zeke: forget" })
  ask(self)
end

return M
