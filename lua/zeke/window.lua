--- Windows on an answer's buffer: where they open, how they look, which of them follow the stream.
local M = {}

local answers = require("zeke.answers")

require("zeke.highlights")

--- Text of the closed fold over what was sent.
function M.foldtext()
  local count = vim.v.foldend - vim.v.foldstart + 1
  for _, answer in ipairs(answers.thread(vim.api.nvim_get_current_buf())) do
    if answer.thought and answer.thought[1] == vim.v.foldstart then
      return ("▸ %d line%s of reasoning (zo opens)"):format(count, count == 1 and "" or "s")
    end
  end
  return ("▸ %d line%s sent (zo opens)"):format(count - 2, count == 3 and "" or "s")
end

--- Set up each new window that shows the buffer. Options are local to the pair of window and buffer.
---@param win integer
---@param bufnr integer
function M.dress(win, bufnr)
  local local_to = vim.wo[win][0]
  local_to.wrap, local_to.linebreak, local_to.number, local_to.relativenumber = true, true, false, false
  local_to.signcolumn, local_to.foldcolumn, local_to.list, local_to.spell = "no", "0", false, false
  local_to.foldmethod, local_to.foldenable, local_to.fillchars = "manual", true, "fold: ,eob: "
  local_to.foldtext = "v:lua.require'zeke.window'.foldtext()"
  if require("zeke.config").get().ui.winbar then
    local_to.winbar = require("zeke.winbar").value(bufnr)
  end
  vim.api.nvim_win_call(win, function()
    for _, answer in ipairs(answers.thread(bufnr)) do
      for _, range in ipairs({ answer.sent or {}, answer.thought or {} }) do
        if range[2] and vim.fn.foldlevel(range[1]) == 0 then
          vim.cmd({ cmd = "fold", range = range })
        end
      end
    end
  end)
end

--- Open a window on the buffer without moving the cursor out of the user's, unless they want that.
---@param bufnr integer
---@param smods? table modifiers of the command
function M.open(bufnr, smods)
  local ui = require("zeke.config").get().ui
  smods = smods or {}
  local how = ui.open
  if smods.hide then
    how = "hide"
  elseif (smods.tab or -1) >= 0 then
    how = "tab"
  elseif smods.horizontal then
    how = "horizontal"
  elseif smods.vertical then
    how = "vertical"
  elseif (smods.split or "") ~= "" then
    how = "horizontal"
  end
  if how == "hide" then
    return
  elseif how == "tab" then
    vim.cmd({ cmd = "split", mods = { tab = (smods.tab or -1) >= 0 and smods.tab or vim.fn.tabpagenr() } })
    vim.api.nvim_win_set_buf(0, bufnr)
    return
  end
  local side = ({ aboveleft = "before", leftabove = "before", topleft = "first", botright = "last" })[smods.split]
  local config = { win = vim.api.nvim_get_current_win() }
  if how == "vertical" then
    config.split = (side == "before" or side == "first") and "left" or "right"
    config.width = ui.width > 0 and ui.width or nil
  else
    config.split = (side == "before" or side == "first") and "above" or "below"
  end
  if side == "first" or side == "last" then
    config.win = -1
  end
  local view = vim.fn.winsaveview()
  local ok, win = pcall(vim.api.nvim_open_win, bufnr, ui.focus, config)
  if not ok then
    -- No room for a split (E36): a float over the editor always fits.
    win = vim.api.nvim_open_win(bufnr, ui.focus, {
      relative = "editor",
      row = 1,
      col = 1,
      width = math.max(vim.o.columns - 4, 1),
      height = math.max(vim.o.lines - 5, 1),
      border = "single",
    })
  end
  if not ui.focus then
    vim.fn.winrestview(view)
  end
  -- What the user opens next shall not replace an answer that still comes.
  vim.wo[win][0].winfixbuf = true
  M.dress(win, bufnr)
end

--- Whether the user is at something that a moved cursor would change.
local function is_busy()
  local mode = vim.api.nvim_get_mode().mode
  return not mode:find("^n") or mode == "no"
end

--- Windows that follow the stream: their cursor is on the last line and nobody works in them.
---@param bufnr integer
---@return integer[]
function M.followers(bufnr)
  local windows = vim.fn.win_findbuf(bufnr)
  local last, here = vim.api.nvim_buf_line_count(bufnr), vim.api.nvim_get_current_win()
  -- With every frame of a stream: from the end, so that one can be left out in place.
  for i = #windows, 1, -1 do
    local is_at_end = vim.api.nvim_win_get_cursor(windows[i])[1] == last
    if not is_at_end or windows[i] == here and is_busy() then
      table.remove(windows, i)
    end
  end
  return windows
end

--- Fold lines in every window that shows the buffer.
---@param bufnr integer
---@param range integer[]
function M.fold(bufnr, range)
  for _, win in ipairs(vim.fn.win_findbuf(bufnr)) do
    vim.api.nvim_win_call(win, function()
      vim.cmd({ cmd = "fold", range = range })
    end)
  end
end

return M
