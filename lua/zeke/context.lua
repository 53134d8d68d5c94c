--- What a request is about: the selection exactly as it stands, and where it comes from. Changes nothing.
local M = {}

---@class zeke.Scope
---@field kind "none"|"char"|"line"|"block"|"function"|"buffer"|"diff"
---@field text string
---@field first integer counted from 1; 0 without a scope
---@field last integer
---@field column? integer bytes before a characterwise selection in its first line

---@class zeke.Source
---@field bufnr integer
---@field path string relative to the root
---@field filetype string
---@field root string
---@field project string
---@field file? string text of the project's `.zeke.toml`, if the user trusts it

local BLOCK = "\22"
local KINDS = { v = "char", V = "line", [BLOCK] = "block" }

---@type string? the last Zeke command line that was typed or came from a mapping
local typed

--- Remember the range as it was written: a command is told only its line numbers.
---@param line string
function M.note_command_line(line)
  typed = line
end

local function is_visual(mode)
  return KINDS[mode] ~= nil
end

local function joined(lines, ends_with_newline)
  return table.concat(lines, "\n") .. (ends_with_newline and "\n" or "")
end

local function ends_with_newline(bufnr, last)
  if last < vim.api.nvim_buf_line_count(bufnr) then
    return true
  end
  return vim.bo[bufnr].endofline or (vim.bo[bufnr].fixendofline and not vim.bo[bufnr].binary)
end

---@return zeke.Scope
local function lines_scope(bufnr, kind, first, last)
  local lines = vim.api.nvim_buf_get_lines(bufnr, first - 1, last, false)
  local text = joined(lines, #lines > 0 and ends_with_newline(bufnr, last))
  return { kind = kind, text = text:find("[^\n]") and text or "", first = first, last = last }
end

---@return zeke.Scope
local function region_scope(bufnr, from, to, mode)
  local first, last = math.min(from[2], to[2]), math.max(from[2], to[2])
  if mode == "V" then
    return lines_scope(bufnr, "line", first, last)
  end
  local lines = vim.fn.getregion(from, to, { type = mode })
  -- A characterwise selection over the end of its last line holds the line break.
  local later = (from[2] > to[2] or (from[2] == to[2] and from[3] > to[3])) and from or to
  local line = vim.api.nvim_buf_get_lines(bufnr, last - 1, last, false)[1] or ""
  local over = mode == "v" and vim.o.selection == "inclusive" and later[3] > #line and ends_with_newline(bufnr, last)
  local earlier = later == from and to or from
  return {
    kind = KINDS[mode],
    text = joined(lines, over and #line > 0),
    first = first,
    last = last,
    column = math.max(earlier[3] - 1, 0),
  }
end

--- The region of '< and '>. A block to the line ends keeps that only in the visual mode itself,
--- so it is entered once more; marks, cursor, registers and events stay as they are.
---@return zeke.Scope
local function marked_scope(bufnr)
  local mode = vim.fn.visualmode()
  if mode ~= BLOCK then
    return region_scope(bufnr, vim.fn.getpos("'<"), vim.fn.getpos("'>"), mode)
  end
  local view, lazyredraw = vim.fn.winsaveview(), vim.go.lazyredraw
  local quietly = { noautocmd = true, keepjumps = true, silent = true }
  vim.go.lazyredraw = true
  vim.cmd({ cmd = "normal", args = { "gv" }, bang = true, mods = quietly })
  local ok, scope = pcall(region_scope, bufnr, vim.fn.getpos("v"), vim.fn.getpos("."), mode)
  vim.cmd({ cmd = "normal", args = { "\27" }, bang = true, mods = quietly })
  vim.fn.winrestview(view)
  vim.go.lazyredraw = lazyredraw
  assert(ok, scope)
  return scope
end

--- What a motion or text object moved over: the operator's scope.
---@param bufnr integer
---@param kind "char"|"line"|"block"
---@return zeke.Scope
function M.moved_over(bufnr, kind)
  local mode = ({ char = "v", line = "V", block = BLOCK })[kind]
  return region_scope(bufnr, vim.fn.getpos("'["), vim.fn.getpos("']"), mode)
end

--- The last visual selection of a buffer.
---@param bufnr integer
---@return zeke.Scope
function M.last_selection(bufnr)
  if vim.fn.line("'<") == 0 or bufnr ~= vim.api.nvim_get_current_buf() then
    return { kind = "none", text = "", first = 0, last = 0 }
  end
  return marked_scope(bufnr)
end

--- Whether lines came from '<,'>: they are the marks' lines, and the command line, if one was typed, does not say else.
local function is_marked(line1, line2)
  local line = typed
  typed = nil
  if line1 ~= vim.fn.line("'<") or line2 ~= vim.fn.line("'>") or not is_visual(vim.fn.visualmode()) then
    return false
  end
  return line == nil or line:find("'<", 1, true) ~= nil or line:find("^%s*:*%s*%*") ~= nil
end

--- What the command is about.
---@param bufnr integer
---@param opts { range: integer, line1: integer, line2: integer, explicit?: boolean } as a command's callback is given
---@param default? "none"|"function"|"buffer"
---@return zeke.Scope
function M.scope(bufnr, opts, default)
  if opts.range > 0 then
    local first, last = math.min(opts.line1, opts.line2), math.max(opts.line1, opts.line2)
    if not opts.explicit and opts.range == 2 and is_marked(first, last) then
      return marked_scope(bufnr)
    end
    local count = vim.api.nvim_buf_line_count(bufnr)
    first, last = math.max(first, 1), math.min(last, count)
    return lines_scope(bufnr, first == 1 and last == count and "buffer" or "line", first, last)
  end
  local mode = vim.fn.mode()
  if not opts.explicit and is_visual(mode) then
    -- A <Cmd> mapping: the marks are those of the last selection, the live one is meant.
    return region_scope(bufnr, vim.fn.getpos("v"), vim.fn.getpos("."), mode)
  end
  if default == "function" or default == "only_function" then
    local first, last = require("zeke.enclosing").lines(bufnr, vim.api.nvim_win_get_cursor(0)[1] - 1)
    if first and last then
      return lines_scope(bufnr, "function", first, last)
    end
    default = default == "function" and "buffer" or "none"
  end
  if default == "buffer" then
    return lines_scope(bufnr, "buffer", 1, vim.api.nvim_buf_line_count(bufnr))
  end
  return { kind = "none", text = "", first = 0, last = 0 }
end

--- The folder that names the project: a worktree's is that of its main repository.
---@param root string folder that holds `.git`
local function naming_folder(root)
  local git = root .. "/.git"
  local stat = vim.uv.fs_stat(git)
  if not stat or stat.type ~= "file" then
    return root
  end
  local file = io.open(git)
  local target = file and (file:read("*l") or ""):match("^gitdir:%s*(.-)%s*$")
  if file then
    file:close()
  end
  local main = target and target:match("^(.*)/%.git/worktrees/[^/]+/?$")
  if not main then
    return root
  end
  return vim.startswith(main, "/") and main or vim.fs.normalize(root .. "/" .. main)
end

--- Bytes of a file with options or instructions.
local PROJECT_FILE_LIMIT = 256 * 1024

---@type table<string, { at: integer, text: string? }>
local project_files = {}

--- A file of the project. Neovim asks the user once whether it is to be trusted (`:help vim.secure.read()`).
---@param root string
---@param name string
---@return string? text
local function project_file(root, name)
  local path = root .. "/" .. name
  local stat = vim.uv.fs_stat(path)
  -- A link to a device, or a pipe, would be read for ever.
  if not stat or stat.type ~= "file" or stat.size > PROJECT_FILE_LIMIT then
    return nil
  end
  local known = project_files[path]
  if not known or known.at ~= stat.mtime.sec then
    known = { at = stat.mtime.sec, text = vim.secure.read(path) }
    project_files[path] = known
  end
  return known.text
end

---@param bufnr integer
---@return zeke.Source
function M.source(bufnr)
  local name = vim.api.nvim_buf_get_name(bufnr)
  local is_file = name ~= "" and vim.bo[bufnr].buftype == "" and not name:find("^%a[%w+.-]+://")
  -- Zeke's own buffers belong to the project that they are about.
  local home = vim.b[bufnr].zeke_root or vim.fs.normalize(vim.fn.getcwd())
  local start = is_file and vim.fs.dirname(vim.fs.normalize(name)) or home
  local repository = vim.fs.root(start, { ".git", ".hg", ".jj", ".svn" })
  local root = repository or home
  local project = require("zeke.config").get().project
  if type(project) == "function" then
    project = project(root)
  end
  if type(project) ~= "string" or project == "" then
    project = vim.fs.basename(naming_folder(root))
    project = project ~= "" and project or "root"
  end
  local path = ""
  if is_file then
    path = vim.fs.relpath(root, vim.fs.normalize(name)) or vim.fs.basename(name)
  end
  return {
    bufnr = bufnr,
    path = path,
    filetype = vim.bo[bufnr].filetype,
    root = root,
    project = project,
    file = project_file(root, ".zeke.toml"),
  }
end

--- The project's own instructions for a model, sent with every request: `.zeke.md`, else `AGENTS.md`.
---@param root string
---@return string?
function M.guidance(root)
  return root ~= "" and (project_file(root, ".zeke.md") or project_file(root, "AGENTS.md")) or nil
end

--- What the language servers and linters say about a scope, a line each.
---@param bufnr integer
---@param scope zeke.Scope
---@return string[]
function M.diagnostics(bufnr, scope)
  local found = {}
  for _, diagnostic in ipairs(vim.diagnostic.get(bufnr)) do
    local line = diagnostic.lnum + 1
    if line >= scope.first and line <= scope.last then
      local severity = vim.diagnostic.severity[diagnostic.severity]:lower()
      local message = diagnostic.message:gsub("%s*\n%s*", " ")
      found[#found + 1] = ("line %d, %s: %s"):format(line, severity, message)
    end
  end
  return found
end

return M
