--- A small buffer to write a prompt in, of one line or many, with the earlier ones a key away.
local M = {}

---@type string[] prompts of this session, oldest first
local earlier = {}

local function close(win)
  vim.cmd.stopinsert()
  if vim.api.nvim_win_is_valid(win) then
    vim.api.nvim_win_close(win, true)
  end
end

--- Recall on the first and last line; elsewhere the cursor moves as usual.
local function recall(bufnr, state, step)
  local row = vim.api.nvim_win_get_cursor(0)[1]
  local edge = step < 0 and 1 or vim.api.nvim_buf_line_count(bufnr)
  local index = state.index + step
  if row ~= edge or index < 1 or index > #earlier + 1 then
    return step < 0 and "<Up>" or "<Down>"
  end
  local from = state.index
  state.index = index
  -- Neovim may ask for the mapping before it has inserted what was typed just now.
  vim.schedule(function()
    if from == #earlier + 1 then
      state.draft = vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
    end
    local lines = earlier[index] and vim.split(earlier[index], "\n", { plain = true }) or state.draft
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
    vim.api.nvim_win_set_cursor(0, { #lines, #lines[#lines] })
  end)
  return ""
end

--- Ask for a prompt; `done` is called with it, and not at all when the user leaves it empty.
---@param title string
---@param default string
---@param done fun(text: string)
function M.open(title, default, done)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, vim.split(default, "\n", { plain = true }))
  local options = vim.bo[bufnr]
  options.bufhidden, options.filetype, options.modeline = "wipe", "markdown", false
  local height = 5
  local win = vim.api.nvim_open_win(bufnr, true, {
    relative = "editor",
    row = math.max(vim.o.lines - height - vim.o.cmdheight - 3, 0),
    col = 2,
    width = math.max(vim.o.columns - 6, 10),
    height = math.min(height, math.max(vim.o.lines - 4, 1)),
    style = "minimal",
    border = "single",
    title = (" %s "):format(title),
    footer = " <CR> sends, <C-j> breaks the line, ↑ recalls, <C-c> cancels ",
  })
  local state = { index = #earlier + 1, draft = {} }
  local function send()
    local text = vim.trim(table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), "\n"))
    close(win)
    if text ~= "" then
      earlier[#earlier + 1] = text
      done(text)
    end
  end
  local function cancel()
    close(win)
  end
  local function map(modes, key, action, more)
    vim.keymap.set(modes, key, action, vim.tbl_extend("force", { buffer = bufnr, nowait = true }, more or {}))
  end
  map({ "n", "i" }, "<CR>", send)
  map({ "n", "i" }, "<C-s>", send)
  map({ "n", "i" }, "<C-c>", cancel)
  map("n", "q", cancel)
  map("n", "<Esc>", cancel)
  map("i", "<C-j>", function()
    vim.api.nvim_put({ "", "" }, "c", false, true)
  end)
  for key, step in pairs({ ["<Up>"] = -1, ["<Down>"] = 1 }) do
    map("i", key, function()
      return recall(bufnr, state, step)
    end, { expr = true })
  end
  vim.api.nvim_win_set_cursor(win, { vim.api.nvim_buf_line_count(bufnr), 0 })
  vim.cmd("startinsert!")
  -- While the prompt is typed.
  require("zeke.host").prewarm()
end

return M
