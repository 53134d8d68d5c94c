--- What an answer is good for beyond reading: findings for the quickfix list, a commit message for its buffer.
local M = {}

local LAST_LINE = 2 ^ 31 - 1

--- Whether a path of an answer is a file of the project, also when links are followed.
local function is_inside(path, root)
  local real = vim.uv.fs_realpath(path)
  local stat = real and vim.uv.fs_stat(real)
  return stat and stat.type == "file" and vim.fs.relpath(vim.uv.fs_realpath(root) or root, real) ~= nil
end

--- `file:line: text` lines of a review that name files of the project.
---@param text string
---@param root string
---@return table[] items of the quickfix list
function M.parse(text, root)
  local items = {}
  for line in text:gmatch("[^\n]+") do
    local file, row, message = line:match("^[%s%-%*%d%.`]*([%w_%-%./]+):(%d+)[:`]*%s*(.+)$")
    local path = file and vim.fs.normalize(root .. "/" .. file)
    local lnum = tonumber(row)
    -- A path that leaves the project is only text.
    if
      path
      and lnum <= LAST_LINE
      and not file:find("%.%.")
      and not vim.startswith(file, "/")
      and is_inside(path, root)
    then
      items[#items + 1] = { filename = path, lnum = lnum, col = 1, text = (message:gsub("[`%s]*$", "")), type = "W" }
    end
  end
  return items
end

--- Put the findings of a review into the quickfix list, without opening it.
---@param answer zeke.Answer
---@return string? sentence
function M.collect(answer)
  local items = M.parse(table.concat(answer.parts), answer.source.root)
  if #items == 0 then
    return nil
  end
  vim.fn.setqflist({}, " ", { title = "Zeke review", items = items })
  return ("%d finding%s in the quickfix list: :copen"):format(#items, #items == 1 and "" or "s")
end

--- The message alone: models like to put it into a fence.
local function message_of(text)
  local lines = vim.split(vim.trim(text), "\n", { plain = true })
  local block = require("zeke.keys").blocks(lines)[1]
  return block and vim.list_slice(lines, block.first, block.last) or lines
end

--- Insert a commit message at the top of the commit buffer that is open.
---@param text string
---@return boolean inserted
function M.insert_message(text)
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(bufnr) and vim.bo[bufnr].filetype == "gitcommit" then
      vim.api.nvim_buf_set_lines(bufnr, 0, 0, false, message_of(text))
      require("zeke.notice").info("the message is at the top of the commit buffer")
      return true
    end
  end
  require("zeke.notice").warn("no commit buffer is open: git commit first, or gY yanks the message")
  return false
end

return M
