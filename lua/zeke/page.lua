--- A page of the log in a window of its own: opened at once, filled by the host, its parts lead on.
local M = {}

require("zeke.highlights")

local ns = vim.api.nvim_create_namespace("zeke.page")

---@class zeke.Page
---@field bufnr integer
---@field serial integer of the newest request; what comes for an older one is not shown
---@field state table as the host sent it
---@field targets table[] row, first byte, end byte, what it opens
---@field source zeke.Source where the command was given
---@field footer string
---@field back table[] states to go back to

---@type table<integer, zeke.Page>
local pages = {}

--- Columns beside which a page of 60 still leaves room for code.
local WIDE = 150

---@return zeke.Page?
function M.current()
  return pages[vim.api.nvim_get_current_buf()]
end

--- Pages that are on a screen.
---@return zeke.Page[]
function M.visible()
  return vim.tbl_filter(function(page)
    return #vim.fn.win_findbuf(page.bufnr) > 0
  end, vim.tbl_values(pages))
end

local function columns_of(page)
  local win = vim.fn.win_findbuf(page.bufnr)[1]
  return win and vim.api.nvim_win_get_width(win) or vim.o.columns
end

--- What the host is told with every request; each makes the earlier ones stale.
---@param page zeke.Page
---@param more? table
function M.context(page, more)
  page.serial = page.serial + 1
  return vim.tbl_extend("force", {
    page = page.bufnr,
    serial = page.serial,
    columns = columns_of(page),
    source = page.source,
    cwd = vim.fn.getcwd(),
  }, more or {})
end

local function write(page, lines)
  vim.bo[page.bufnr].modifiable = true
  vim.api.nvim_buf_set_lines(page.bufnr, 0, -1, false, lines)
  vim.bo[page.bufnr].modifiable = false
end

--- The keys stand in the window's own status line; where there is none they are the last line of the page.
local function has_statusline()
  return vim.o.laststatus == 1 or vim.o.laststatus == 2
end

--- The host's answer. Cursor and view of every window stay where they are.
---@param bufnr integer
---@param serial integer
---@param lines string[]
---@param spans table[] row, first byte, end byte, highlight group
---@param targets table[]
---@param state table
function M.fill(bufnr, serial, lines, spans, targets, state)
  local page = pages[bufnr]
  if not page or serial ~= page.serial or not vim.api.nvim_buf_is_valid(bufnr) then
    return
  end
  page.targets, page.state = targets, next(state) and state or page.state
  local views = {}
  for _, win in ipairs(vim.fn.win_findbuf(bufnr)) do
    views[win] = vim.api.nvim_win_call(win, vim.fn.winsaveview)
  end
  if not has_statusline() then
    vim.list_extend(lines, { "", page.footer })
  end
  write(page, lines)
  vim.api.nvim_buf_clear_namespace(bufnr, ns, 0, -1)
  for _, span in ipairs(spans) do
    vim.api.nvim_buf_set_extmark(bufnr, ns, span[1], span[2], { end_col = span[3], hl_group = span[4] })
  end
  for win, view in pairs(views) do
    vim.api.nvim_win_call(win, function()
      vim.fn.winrestview(view)
    end)
  end
end

--- What the cursor is on, else the next thing in its line.
---@return table?
function M.target()
  local page = M.current()
  if not page then
    return nil
  end
  local cursor = vim.api.nvim_win_get_cursor(0)
  local found
  for _, target in ipairs(page.targets) do
    if target[1] == cursor[1] - 1 and (not found or target[2] <= cursor[2]) then
      found = target[4]
    end
  end
  return found
end

--- What the lines of a range open, each once.
---@return table[]
function M.targets_in(first, last)
  local found, seen = {}, {}
  for _, target in ipairs(assert(M.current()).targets) do
    local opens = target[4]
    if target[1] >= first - 1 and target[1] <= last - 1 and not seen[opens.request or opens] then
      seen[opens.request or opens] = true
      found[#found + 1] = opens
    end
  end
  return found
end

local function open_window(bufnr, smods)
  local wide = vim.o.columns >= WIDE
  local asked = smods.vertical or smods.horizontal or (smods.tab or -1) >= 0 or (smods.split or "") ~= ""
  if (smods.tab or -1) >= 0 then
    vim.cmd({ cmd = "split", mods = { tab = smods.tab } })
    vim.api.nvim_win_set_buf(0, bufnr)
    return
  end
  local mods =
    { vertical = smods.vertical or (not asked and wide), split = smods.split ~= "" and smods.split or "botright" }
  vim.cmd({ cmd = "sbuffer", args = { tostring(bufnr) }, mods = mods })
  if not asked and not wide then
    vim.api.nvim_win_set_height(0, math.max(math.floor(vim.o.lines * 0.7), 1))
  end
end

local function dress(page)
  local local_to = vim.wo[vim.api.nvim_get_current_win()][0]
  local_to.number, local_to.relativenumber, local_to.signcolumn, local_to.foldcolumn = false, false, "no", "0"
  local_to.wrap, local_to.list, local_to.spell, local_to.cursorline = false, false, false, true
  if has_statusline() then
    local_to.statusline = " " .. page.footer:gsub("%%", "%%%%")
  end
end

--- Keys of a page: key, what it does in a word, the action. The words make the footer and the help.
---@alias zeke.PageKey { [1]: string, [2]: string, [3]: fun() }

local function help(keys)
  local lines = vim.tbl_map(function(key)
    return (" %-5s %s "):format(key[1], key[2])
  end, keys)
  require("zeke.report").show("keys", lines, "")
end

---@param page zeke.Page
---@param keys zeke.PageKey[]
local function map(page, keys)
  keys = vim.list_extend(vim.list_slice(keys), {
    { "q", "close", "<Cmd>close<CR>" },
    {
      "g?",
      "help",
      function()
        help(keys)
      end,
    },
  })
  for _, key in ipairs(keys) do
    vim.keymap.set("n", key[1], key[3], { buffer = page.bufnr, nowait = true, desc = "Zeke: " .. key[2] })
  end
  page.footer = table.concat(
    vim.tbl_map(function(key)
      return key[1] .. " " .. key[2]
    end, keys),
    "  "
  )
end

--- Show a page, the one of that name if it is open already, with a first line before the host answers.
---@param name string
---@param smods table
---@param source zeke.Source
---@param keys zeke.PageKey[]
---@return zeke.Page
function M.open(name, smods, source, keys)
  local title = "zeke://" .. name
  local bufnr = vim.fn.bufnr("^" .. vim.fn.escape(title, "[]*?^$\\") .. "$")
  local page = pages[bufnr]
  if not page then
    bufnr = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(bufnr, title)
    local options = vim.bo[bufnr]
    options.bufhidden, options.undolevels, options.swapfile, options.modeline = "wipe", -1, false, false
    page = { bufnr = bufnr, serial = 0, state = {}, targets = {}, source = source, footer = "", back = {} }
    pages[bufnr] = page
    vim.api.nvim_create_autocmd("BufWipeout", {
      buffer = bufnr,
      once = true,
      callback = function()
        pages[bufnr] = nil
      end,
    })
    map(page, keys)
    options.filetype = "zeke-page"
    write(page, { "# " .. name, "", "reading the log …" })
  end
  page.source, page.back = source, {}
  vim.b[bufnr].zeke_root = source.root
  local win = vim.fn.win_findbuf(bufnr)[1]
  if win then
    vim.api.nvim_set_current_win(win)
  else
    open_window(bufnr, smods)
    dress(page)
  end
  return page
end

return M
