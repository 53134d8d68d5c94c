--- Keys of the answer's own buffer. Nothing is mapped anywhere else.
local M = {}

local function hide()
  if #vim.api.nvim_tabpage_list_wins(0) > 1 or #vim.api.nvim_list_tabpages() > 1 then
    vim.api.nvim_win_close(0, false)
    return
  end
  vim.wo.winfixbuf = false
  -- The last window cannot close: go back to the buffer the user came from.
  local alternate = vim.fn.bufnr("#")
  if alternate > 0 and vim.api.nvim_buf_is_loaded(alternate) then
    vim.api.nvim_set_current_buf(alternate)
  else
    vim.cmd.enew()
  end
end

--- Code blocks of some lines: first and last line of the code, counted from 1.
---@param lines string[]
---@return { first: integer, last: integer }[]
function M.blocks(lines)
  local found, open, from = {}, nil, 0
  for row, line in ipairs(lines) do
    local fence = line:match("^%s*(```+)") or line:match("^%s*(~~~+)")
    if fence and not open then
      open, from = fence, row + 1
    elseif fence and vim.startswith(fence, open) and line:match("^%s*[`~]+%s*$") then
      found[#found + 1] = { first = from, last = row - 1 }
      open = nil
    end
  end
  if open then
    found[#found + 1] = { first = from, last = #lines }
  end
  return found
end

local function yank(text)
  require("zeke.signals").record(require("zeke.answers").under_cursor(), "yanked")
  vim.fn.setreg(vim.v.register, text, "l")
  require("zeke.notice").info(("yanked %d lines"):format(select(2, text:gsub("\n", "\n"))))
end

--- Whether a line belongs to what was sent, or to reasoning.
local function is_sent(bufnr, row)
  return vim.iter(require("zeke.answers").thread(bufnr)):any(function(answer)
    local sent, thought = answer.sent, answer.thought
    return sent and row >= sent[1] and row <= sent[2] or thought and row >= thought[1] and row <= (thought[2] or row)
  end)
end

--- Code blocks of the answers in a buffer.
local function answer_blocks(bufnr)
  return vim.tbl_filter(function(block)
    return not is_sent(bufnr, block.first)
  end, M.blocks(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)))
end

--- The block under the cursor, else the last answer's last one.
local function yank_block()
  local bufnr = vim.api.nvim_get_current_buf()
  local lines = vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
  local row, blocks = vim.api.nvim_win_get_cursor(0)[1], answer_blocks(bufnr)
  local chosen = blocks[#blocks]
  for _, block in ipairs(M.blocks(lines)) do
    if row >= block.first - 1 and row <= block.last + 1 then
      chosen = block
    end
  end
  if not chosen then
    require("zeke.notice").warn("no code block in this answer: gY yanks all of it")
    return
  end
  yank(table.concat(vim.list_slice(lines, chosen.first, chosen.last), "\n") .. "\n")
end

--- Move to the next or previous of some lines.
local function jump(rows, forward)
  local here, target = vim.api.nvim_win_get_cursor(0)[1], nil
  for _, row in ipairs(rows) do
    if forward and row > here and not target then
      target = row
    elseif not forward and row < here then
      target = row
    end
  end
  if target then
    vim.cmd("normal! m'")
    vim.api.nvim_win_set_cursor(0, { target, 0 })
  end
end

local function jump_answer(forward)
  local answers = require("zeke.answers")
  jump(vim.tbl_map(answers.first_row, answers.thread(vim.api.nvim_get_current_buf())), forward)
end

local function jump_block(forward)
  local rows = vim.tbl_map(function(block)
    return block.first
  end, answer_blocks(vim.api.nvim_get_current_buf()))
  jump(rows, forward)
end

local function yank_answer()
  local view = require("zeke.answers").view()
  if view then
    yank((view.text:gsub("\n*$", "")) .. "\n")
  end
end

local function reply()
  require("zeke.request").reply({ args = "", bang = false, range = 0 })
end

--- Put a commit message at the top of the commit buffer, or apply a proposed change.
local function apply()
  local view = require("zeke.answers").view()
  if view and view.intent == "commit" then
    if require("zeke.findings").insert_message(view.text) then
      require("zeke.signals").record(require("zeke.answers").under_cursor(), "accepted")
    end
  else
    require("zeke.proposal").apply()
  end
end

---@type { [1]: string, [2]: string, [3]: fun() }[] key, help, what it does
M.table = {
  { "<CR>", "reply", reply },
  { "<C-s>", "reply", reply },
  {
    "<C-c>",
    "stop the answer; the text stays",
    function()
      local answer = require("zeke.answers").of_buffer(vim.api.nvim_get_current_buf())
      require("zeke.request").stop(answer and answer.id)
    end,
  },
  { "q", "hide this window", hide },
  { "gy", "yank the code block under the cursor, else the last one", yank_block },
  { "gY", "yank the whole answer", yank_answer },
  { "ga", "apply the proposed change; insert a commit message", apply },
  {
    "gr",
    "dismiss the proposed change",
    function()
      require("zeke.proposal").reject()
    end,
  },
  {
    "gD",
    "the proposed change in a diff tab; compared answers in diff mode",
    function()
      local answer = require("zeke.answers").under_cursor()
      if answer and answer.compared then
        require("zeke.replay").toggle_diff(answer)
      else
        require("zeke.proposal").tab()
      end
    end,
  },
  {
    "gK",
    "keep this one of the compared answers",
    function()
      local answer = require("zeke.answers").under_cursor()
      if answer and answer.compared then
        require("zeke.replay").keep(answer)
      else
        require("zeke.notice").warn("nothing is compared here: :ZekeCompare names two models")
      end
    end,
  },
  { "+", "rate the answer as good", "<Cmd>ZekeRate +<CR>" },
  { "-", "rate the answer as bad", "<Cmd>ZekeRate -<CR>" },
  { "gR", "retry", "<Cmd>ZekeRetry<CR>" },
  { "gM", "retry on another model", "<Cmd>lua require('zeke.request').retry_on()<CR>" },
  { "gi", "why this model", "<Cmd>ZekeWhy<CR>" },
  {
    "]]",
    "next answer",
    function()
      jump_answer(true)
    end,
  },
  {
    "[[",
    "previous answer",
    function()
      jump_answer(false)
    end,
  },
  {
    "]c",
    "next code block",
    function()
      jump_block(true)
    end,
  },
  {
    "[c",
    "previous code block",
    function()
      jump_block(false)
    end,
  },
  {
    "g?",
    "this help",
    function()
      M.help()
    end,
  },
}

--- A small float with the keys; any of q, <Esc>, <CR> closes it.
function M.help()
  local lines = {}
  for _, key in ipairs(M.table) do
    lines[#lines + 1] = (" %-6s %s "):format(key[1], key[2])
  end
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  vim.bo[bufnr].modifiable, vim.bo[bufnr].bufhidden = false, "wipe"
  local width = 0
  for _, line in ipairs(lines) do
    width = math.max(width, vim.fn.strdisplaywidth(line))
  end
  local win = vim.api.nvim_open_win(bufnr, true, {
    relative = "cursor",
    row = 1,
    col = 0,
    width = math.min(width, math.max(vim.o.columns - 4, 1)),
    height = #lines,
    style = "minimal",
    border = "single",
    title = " zeke ",
  })
  for _, key in ipairs({ "q", "<Esc>", "<CR>", "g?" }) do
    vim.keymap.set("n", key, function()
      vim.api.nvim_win_close(win, true)
    end, { buffer = bufnr, nowait = true })
  end
end

---@param bufnr integer
function M.attach(bufnr)
  for _, key in ipairs(M.table) do
    vim.keymap.set("n", key[1], key[3], { buffer = bufnr, nowait = true, desc = "Zeke: " .. key[2] })
  end
end

return M
