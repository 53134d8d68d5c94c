--- The prompt library: Markdown files with front matter, used as `/name` in any request.
local M = {}

local KEYS = { intent = true, alias = true, scope = true, result = true }
--- Bytes of a prompt file.
local LIMIT = 256 * 1024

---@class zeke.Prompt
---@field name string
---@field text string
---@field intent? string
---@field alias? string
---@field scope? string

--- Folders of the library; a project's prompts come before the user's of the same name.
local function folders(root)
  return { root .. "/.zeke/prompts", vim.fn.stdpath("config") .. "/zeke/prompts" }
end

---@param lines string[]
---@return zeke.Prompt
local function parse(name, lines)
  local prompt, first = { name = name }, 1
  if lines[1] == "---" then
    for row = 2, #lines do
      if lines[row] == "---" then
        first = row + 1
        break
      end
      -- One word: what comes after it would be read as further options.
      local key, value = lines[row]:match("^(%w+):%s*([%w_.:/-]+)%s*$")
      if key and KEYS[key] then
        prompt[key] = value
      end
    end
  end
  prompt.text = vim.trim(table.concat(lines, "\n", first))
  return prompt
end

--- Names and files of the library. Nothing is read: a link may lead to a device that never ends.
---@param root string the project's
---@return table<string, string>
function M.files(root)
  local found = {}
  for _, folder in ipairs(folders(root)) do
    for entry in vim.fs.dir(folder) do
      local name = entry:match("^([%w_-]+)%.md$")
      local stat = name and not found[name] and vim.uv.fs_stat(folder .. "/" .. entry)
      if stat and stat.type == "file" and stat.size <= LIMIT then
        found[name] = folder .. "/" .. entry
      end
    end
  end
  return found
end

--- Read one prompt. A project's is used only when the user trusts its file: it decides what is sent.
---@param name string
---@param path string
---@param root string
---@return zeke.Prompt?
local function read(name, path, root)
  if vim.startswith(path, folders(root)[1] .. "/") then
    local text = vim.secure.read(path)
    return type(text) == "string" and parse(name, vim.split(text, "\r?\n")) or nil
  end
  local ok, lines = pcall(vim.fn.readfile, path)
  return ok and parse(name, lines) or nil
end

--- The words before the text, and the text, of what stands after a command.
---@param args string
---@return string options, string text, boolean ended whether `--` ended the options
function M.split(args)
  local options, rest = "", vim.trim(args)
  local word = rest:match("^[%a_][%w_.]*=%S*%s*")
  while word do
    options, rest = options .. word, rest:sub(#word + 1)
    word = rest:match("^[%a_][%w_.]*=%S*%s*")
  end
  local text, count = rest:gsub("^%-%-%f[%s%z]%s*", "")
  return options, text, count > 0
end

--- What stood after a command with options over its own: of an option given twice the last one counts.
---@param args string
---@param words string options, and a text that takes the place of the old one
---@return string
function M.over(args, words)
  local options, text = M.split(args)
  local more, other = M.split(words)
  return vim.trim(("%s %s -- %s"):format(vim.trim(options), vim.trim(more), other ~= "" and other or text))
end

--- Replace `/name` at the beginning of the text after the options by the prompt of that name.
---@param args string
---@param root string
---@return string? args, zeke.Prompt? prompt, string? problem
function M.expand(args, root)
  local options, rest, ended = M.split(args)
  local name, more = rest:match("^/([%w_-]+)%s*(.*)$")
  if not name or ended then
    return args
  end
  local known = M.files(root)
  if not known[name] then
    local names = vim.tbl_keys(known)
    table.sort(names)
    local accepted = #names > 0 and table.concat(names, ", ") or "none yet, put NAME.md into .zeke/prompts"
    return nil, nil, ("unknown prompt `/%s`: accepted are %s"):format(name, accepted)
  end
  local prompt = read(name, known[name], root)
  if not prompt then
    local sentence = "the prompt `/%s` was not used: look at %s and trust it with :trust"
    return nil, nil, sentence:format(name, vim.fs.relpath(root, known[name]) or known[name])
  end
  -- The command line wins: an option given twice counts the last time.
  local own = prompt.alias and ("alias=%s "):format(prompt.alias) or ""
  own = own .. (prompt.intent and ("intent=%s "):format(prompt.intent) or "")
  own = own .. (prompt.result and ("out=%s "):format(prompt.result) or "")
  local text = prompt.text .. (more ~= "" and "\n\n" .. more or "")
  return own .. options .. " -- " .. text, prompt
end

return M
