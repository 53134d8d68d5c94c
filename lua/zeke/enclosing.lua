--- The function around a line: by treesitter where a parser is installed, else by indentation.
local M = {}

--- Beginnings of functions, for languages whose parser does not come with Neovim.
local STARTS = {
  python = { "^%s*def%s", "^%s*async%s+def%s" },
  ruby = { "^%s*def%s" },
  elixir = { "^%s*defp?%s" },
  go = { "^func%s", "^func%(" },
  rust = { "^%s*[%w%s%(%)]*fn%s+[%w_]+" },
  zig = { "^%s*[%w%s]*fn%s+[%w_]+" },
  javascript = { "^%s*[%w%s]*function[%s%*%(]", "^%s*[%w%s]*[%w_$]+%s*=%s*[%w%s]*%(?.-%)?%s*=>%s*{%s*$" },
  sh = { "^%s*function%s", "^%s*[%w_%-]+%s*%(%)" },
  lua = { "^%s*[%w%s]*function[%s%(]", "^%s*[%w%._%s]+=%s*function" },
}
STARTS.typescript, STARTS.javascriptreact, STARTS.typescriptreact =
  STARTS.javascript, STARTS.javascript, STARTS.javascript
STARTS.bash, STARTS.zsh = STARTS.sh, STARTS.sh

local CLOSING = { "^%s*}", "^%s*end%f[%W]", "^%s*fi%f[%W]" }

local function is_function(node)
  local kind = node:type()
  if not node:named() or kind:find("call", 1, true) or kind:find("type", 1, true) or kind:find("name", 1, true) then
    return false
  end
  return kind:find("function", 1, true) ~= nil
    or kind:find("method", 1, true) ~= nil
    or kind == "constructor_declaration"
end

---@return integer? first, integer? last
local function by_treesitter(bufnr, row)
  local ok, parser = pcall(vim.treesitter.get_parser, bufnr, nil, { error = false })
  if not ok or not parser then
    return nil
  end
  local line = vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ""
  local column = #line:match("^%s*")
  parser:parse({ row, row + 1 })
  local node = parser:named_node_for_range({ row, column, row, column })
  while node do
    -- A decorated function is the function with its decorators.
    local parent = node:parent()
    if is_function(node) then
      if parent and parent:type():find("decorated", 1, true) then
        node = parent
      end
      local first, _, last, last_column = node:range()
      return first + 1, last_column == 0 and last or last + 1
    end
    node = parent
  end
end

local function matches(line, patterns)
  return vim.iter(patterns):any(function(pattern)
    return line:find(pattern) ~= nil
  end)
end

local function indent_of(line)
  return #(line:match("^%s*"):gsub("\t", "        "))
end

--- Last line of the block that begins at `first`: up to where the indentation comes back to its own.
local function block_end(lines, first)
  local own, last = indent_of(lines[first]), first
  for index = first + 1, #lines do
    local line = lines[index]
    if line:find("%S") then
      if indent_of(line) <= own then
        if matches(line, CLOSING) then
          return index
        end
        -- The end of a signature over several lines, or a brace on a line of its own.
        if not line:find("^%s*[%)%]{]") then
          return last
        end
      end
      last = index
    end
  end
  return last
end

--- First line of the decorators above `first`, which may have arguments over several lines.
local function with_decorators(lines, first)
  local own, index = indent_of(lines[first]), first - 1
  while index >= 1 and lines[index]:find("%S") do
    local indent = indent_of(lines[index])
    if indent == own and lines[index]:find("^%s*@") then
      first = index
    elseif indent < own or (indent == own and not lines[index]:find("^%s*[%)%]}]")) then
      break
    end
    index = index - 1
  end
  return first
end

---@return integer? first, integer? last
local function by_indentation(bufnr, row)
  local patterns = STARTS[vim.bo[bufnr].filetype]
  if not patterns then
    return nil
  end
  local lines = vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
  -- On a decorator the function is below.
  local from = row + 1
  while lines[from] and lines[from]:find("^%s*@") do
    from = from + 1
  end
  for index = math.min(from, #lines), 1, -1 do
    if matches(lines[index], patterns) then
      local last = block_end(lines, index)
      if last >= row + 1 then
        return with_decorators(lines, index), last
      end
    end
  end
end

--- First and last line, counted from 1, of the innermost function around the cursor.
---@param bufnr integer
---@param row integer counted from 0
---@return integer? first, integer? last
function M.lines(bufnr, row)
  local first, last = by_treesitter(bufnr, row)
  if first then
    return first, last
  end
  return by_indentation(bufnr, row)
end

return M
