--- Context named in a prompt: #buffer #sel #diag #qf #symbols #diff #file:path. What is named is sent, and shown.
local M = {}

local LIMIT = 512 * 1024

---@class zeke.Attachment
---@field title string
---@field text string
---@field language string

local function attach(title, text, language)
  return { title = title, text = text, language = language or "" }
end

local function buffer_text(bufnr)
  return table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), "\n")
end

local function diagnostics(bufnr)
  local whole = { first = 1, last = vim.api.nvim_buf_line_count(bufnr) }
  return table.concat(require("zeke.context").diagnostics(bufnr, whole), "\n")
end

local function quickfix(root)
  local lines = {}
  for _, item in ipairs(vim.fn.getqflist()) do
    local name = item.bufnr > 0 and vim.api.nvim_buf_get_name(item.bufnr) or ""
    lines[#lines + 1] = ("%s:%d: %s"):format(vim.fs.relpath(root, name) or vim.fs.basename(name), item.lnum, item.text)
  end
  return table.concat(lines, "\n")
end

--- Functions and types of a buffer by their first lines, as far as treesitter or indentation tells.
local function symbols(bufnr)
  local lines, row = {}, 0
  local count = vim.api.nvim_buf_line_count(bufnr)
  while row < count do
    local first, last = require("zeke.enclosing").lines(bufnr, row)
    if first and last and first == row + 1 then
      lines[#lines + 1] = ("%d: %s"):format(first, vim.trim(vim.fn.getbufoneline(bufnr, first)))
    end
    row = row + 1
  end
  return table.concat(lines, "\n")
end

local function file(path, root)
  local full = vim.fs.normalize(vim.startswith(path, "/") and path or root .. "/" .. path)
  local stat = vim.uv.fs_stat(full)
  if not stat or stat.type ~= "file" then
    return nil, ("#file:%s is no file: give a path from %s"):format(path, root)
  elseif stat.size > LIMIT then
    return nil, ("#file:%s has %d KiB: at most %d are sent"):format(path, stat.size / 1024, LIMIT / 1024)
  end
  local inside = vim.fs.relpath(vim.uv.fs_realpath(root) or root, vim.uv.fs_realpath(full) or full)
  local text = table.concat(vim.fn.readfile(full), "\n")
  local shown = inside or vim.fs.basename(full)
  return attach("File " .. shown, text, vim.filetype.match({ filename = full }) or ""),
    nil,
    inside == nil and full or nil
end

--- One reference: its attachment, or what is wrong with it, and the path if it is outside of the project.
local function resolve(kind, path, bufnr, root)
  if kind == "file" then
    return file(path, root)
  end
  local filetype = vim.bo[bufnr].filetype
  local found = ({
    buffer = function()
      return attach("The whole buffer", buffer_text(bufnr), filetype)
    end,
    sel = function()
      local scope = require("zeke.context").last_selection(bufnr)
      return attach("Selected", scope.text, filetype)
    end,
    diag = function()
      return attach("Diagnostics", diagnostics(bufnr))
    end,
    qf = function()
      return attach("Quickfix list", quickfix(root))
    end,
    symbols = function()
      return attach("Symbols", symbols(bufnr))
    end,
  })[kind]()
  if vim.trim(found.text) == "" then
    return nil, ("#%s is empty: leave it out"):format(kind)
  end
  return found
end

M.names = { "#buffer", "#sel", "#diag", "#qf", "#symbols", "#diff", "#file:" }
local KNOWN = { buffer = true, sel = true, diag = true, qf = true, symbols = true, diff = true, file = true }

--- References of a prompt, each once, in their order.
---@param words string
---@return { [1]: string, [2]: string }[] kind and path
function M.parse(words)
  local found, seen = {}, {}
  for word in (" " .. words):gmatch("%s#(%S+)") do
    local kind, path = word:match("^(%l+):?(.*)$")
    local bare = kind and path:gsub("[.,;:!?)]+$", "") or ""
    if kind and KNOWN[kind] and (kind == "file") == (bare ~= "") and not seen[kind .. bare] then
      seen[kind .. bare] = true
      found[#found + 1] = { kind, bare }
    end
  end
  return found
end

--- Collect what a prompt names; `done` gets it, or one sentence when something is wrong.
---@param words string
---@param bufnr integer
---@param root string
---@param done fun(attachments: zeke.Attachment[]?, problem: string?)
function M.collect(words, bufnr, root, done)
  local attachments, outside, wants_diff = {}, {}, false
  for _, reference in ipairs(M.parse(words)) do
    if reference[1] == "diff" then
      wants_diff = true
    else
      local found, problem, path = resolve(reference[1], reference[2], bufnr, root)
      if not found then
        done(nil, problem)
        return
      end
      attachments[#attachments + 1] = found
      outside[#outside + 1] = path
    end
  end
  local function finish()
    if not wants_diff then
      done(attachments)
      return
    end
    require("zeke.changes").diff(root, false, function(text, problem)
      attachments[#attachments + 1] = text and attach("The uncommitted changes", text, "diff") or nil
      done(text and attachments or nil, problem)
    end)
  end
  if #outside == 0 then
    finish()
    return
  end
  local question = "outside of the project: " .. table.concat(outside, ", ")
  vim.ui.select({ "send it", "cancel" }, { prompt = question, kind = "zeke" }, function(choice)
    if choice == "send it" then
      finish()
    else
      done(nil, "nothing was sent")
    end
  end)
end

return M
