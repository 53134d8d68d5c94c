--- :ZekeStats: a page of figures; each leads to its requests, each request to its conversation.
local M = {}

local page = require("zeke.page")

local GROUPINGS = { "intent_model", "intent", "model", "provider", "day", "project" }
local PERIODS = { "today", "week", "month", "all" }
local SORTS = { "count", "success", "p50", "p95", "speed", "cost", "accepted", "name" }

--- How long requests that end together are waited for before the figures are read again.
local TOGETHER_MS = 150

local function following(list, value)
  for index, each in ipairs(list) do
    if each == value then
      return list[index % #list + 1]
    end
  end
  return list[1]
end

--- Ask for the page with some of its state changed.
---@param self zeke.Page
---@param change? table
---@param fresh? boolean read the log again
local function request(self, change, fresh)
  self.state = vim.tbl_extend("force", self.state, change or {})
  require("zeke.notice").problem(
    require("zeke.host").notify("zeke_report", self.state, page.context(self, { fresh = fresh }))
  )
end

--- An action on the page under the cursor, once its figures are there.
local function on_page(action)
  return function()
    local self = page.current()
    if self and self.state.by then
      action(self)
    end
  end
end

local function cycle(name, list)
  return on_page(function(self)
    request(self, { [name] = following(list, self.state[name]) })
  end)
end

local function choose_project(self)
  local all = "all projects"
  vim.ui.select(
    vim.list_extend({ all }, self.state.projects or {}),
    { prompt = "project", kind = "zeke" },
    function(name)
      if name then
        request(self, { project = name == all and "" or name, only = vim.empty_dict() })
      end
    end
  )
end

local function open_target(self)
  local target = page.target()
  if not target then
    return
  elseif target.request then
    require("zeke.replay").show(target.request, target.has_text)
    return
  end
  table.insert(self.back, self.state)
  request(self, { only = target })
  vim.api.nvim_win_set_cursor(0, { 1, 0 })
end

local function go_back(self)
  local before = table.remove(self.back)
  if before then
    request(self, before)
  end
end

local function export(self)
  vim.ui.input({ prompt = "Export to (.csv, .json, .html): ", completion = "file" }, function(path)
    if path and vim.trim(path) ~= "" then
      local state = self.state
      local by = state.by == "intent_model" and "" or " by=" .. state.by
      M.run(("%s%s export=%s"):format(state.period, by, path), state.project == "", self.source)
    end
  end)
end

---@type zeke.PageKey[]
local KEYS = {
  { "<CR>", "open", on_page(open_target) },
  { "<BS>", "back", on_page(go_back) },
  { "s", "sort", cycle("sort", SORTS) },
  {
    "S",
    "reverse",
    on_page(function(self)
      request(self, { descending = not self.state.descending })
    end),
  },
  { "b", "group", cycle("by", GROUPINGS) },
  { "p", "period", cycle("period", PERIODS) },
  { "P", "project", on_page(choose_project) },
  {
    "R",
    "refresh",
    on_page(function(self)
      request(self, nil, true)
    end),
  },
  { "x", "export", on_page(export) },
}

--- Give the command to the host without a page.
---@param words string
---@param everywhere boolean
---@param source zeke.Source
function M.run(words, everywhere, source)
  local context = { source = source, cwd = vim.fn.getcwd(), serial = 0 }
  require("zeke.notice").problem(require("zeke.host").command("ZekeStats", { words }, everywhere and 1 or 0, context))
end

---@type uv.uv_timer_t?
local timer

--- Read the figures again a moment after something happened, where they are on a screen.
local function refresh_soon()
  timer = timer or assert(vim.uv.new_timer())
  timer:start(
    TOGETHER_MS,
    0,
    vim.schedule_wrap(function()
      for _, self in ipairs(page.visible()) do
        if self.state.by then
          request(self, nil, true)
        end
      end
    end)
  )
end

local function watch()
  local group = vim.api.nvim_create_augroup("zeke.stats", { clear = true })
  vim.api.nvim_create_autocmd("User", {
    group = group,
    pattern = { "ZekeFinished", "ZekeRated", "ZekeApplied", "ZekeRejected" },
    callback = refresh_soon,
  })
  vim.api.nvim_create_autocmd("WinResized", {
    group = group,
    callback = function()
      for _, self in ipairs(page.visible()) do
        if self.state.by and vim.tbl_contains(vim.v.event.windows, vim.fn.win_findbuf(self.bufnr)[1]) then
          request(self)
        end
      end
    end,
  })
end

---@param opts table what a user command's callback is given
---@param source zeke.Source
function M.open(opts, source)
  if opts.args:find("export=", 1, true) then
    M.run(opts.args, opts.bang, source)
    return
  end
  watch()
  local self = page.open("stats", opts.smods or {}, source, KEYS)
  local bang = opts.bang and 1 or 0
  require("zeke.notice").problem(require("zeke.host").command("ZekeStats", { opts.args }, bang, page.context(self)))
end

--- A file was written: say where, and show a page of charts in the browser.
---@param path string
---@param attempts integer
function M.exported(path, attempts)
  require("zeke.notice").info(("%d attempt%s in %s"):format(attempts, attempts == 1 and " is" or "s are", path))
  if path:lower():match("%.html$") and #vim.api.nvim_list_uis() > 0 then
    local _, problem = vim.ui.open(path)
    if problem then
      require("zeke.notice").warn("open it in a browser: " .. path)
    end
  end
end

return M
