--- A proposed change, shown in the source and applied there by hunks. The source is touched by nothing else.
local M = {}

local ns = vim.api.nvim_create_namespace("zeke.proposal")
--- What requests are about outlives the proposals that come and go.
local ns_region = vim.api.nvim_create_namespace("zeke.region")

---@class zeke.Region the lines that a request is about, as they were when it was made
---@field bufnr integer
---@field lines string[]
---@field mark integer extmark of the first line
---@field prefix string text of the first line before the selection
---@field suffix string text of the last line after it

---@class zeke.Hunk
---@field before string[]
---@field after string[]
---@field mark integer extmark of its first line, or of the line it comes before

---@class zeke.Proposal
---@field answer zeke.Answer
---@field hunks zeke.Hunk[]

---@type table<integer, zeke.Proposal> by source buffer
local pending = {}

local function notice()
  return require("zeke.notice")
end

--- Remember what is replaced later; nil when the selection cannot be.
---@param bufnr integer
---@param scope zeke.Scope
---@return zeke.Region?
function M.capture(bufnr, scope)
  if scope.kind == "block" or scope.kind == "none" or scope.kind == "diff" then
    return nil
  end
  local lines = vim.api.nvim_buf_get_lines(bufnr, scope.first - 1, scope.last, false)
  local prefix, suffix = "", ""
  if scope.kind == "char" then
    local text = table.concat(lines, "\n")
    local stop = scope.column + #(scope.text:gsub("\n$", ""))
    prefix, suffix = text:sub(1, scope.column), text:sub(stop + 1)
  end
  local mark = vim.api.nvim_buf_set_extmark(bufnr, ns_region, scope.first - 1, 0, {
    end_row = scope.last,
    right_gravity = false,
    end_right_gravity = true,
    strict = false,
  })
  return { bufnr = bufnr, lines = lines, mark = mark, prefix = prefix, suffix = suffix }
end

local function row_of(bufnr, mark, namespace)
  return vim.api.nvim_buf_get_extmark_by_id(bufnr, namespace or ns, mark, {})[1]
end

--- What a request that is asked again is about: the same lines, as they are now.
---@param old zeke.Answer
---@return zeke.Region|false|nil region false when it cannot be told any more, zeke.Scope scope
function M.renew(old)
  local region, scope = old.region, old.scope
  if not region then
    return region, scope
  elseif not vim.api.nvim_buf_is_loaded(region.bufnr) then
    return nil, scope
  end
  local mark = vim.api.nvim_buf_get_extmark_by_id(region.bufnr, ns_region, region.mark, { details = true })
  local now = mark[1] and vim.api.nvim_buf_get_lines(region.bufnr, mark[1], mark[3].end_row, false) or {}
  if vim.deep_equal(now, region.lines) then
    return region, scope
  elseif #now == 0 or scope.kind == "char" then
    return false, scope
  end
  local text = table.concat(now, "\n") .. (scope.text:sub(-1) == "\n" and "\n" or "")
  scope = vim.tbl_extend("force", scope, { text = text, first = mark[1] + 1, last = mark[1] + #now })
  return M.capture(region.bufnr, scope), scope
end

local function common_indent(lines)
  local least
  for _, line in ipairs(lines) do
    if line:find("%S") then
      local indent = line:match("^%s*")
      least = (not least or #indent < #least) and indent or least
    end
  end
  return least or ""
end

--- The code with the indentation of what it replaces: a model often leaves it out.
local function indented(code, like)
  local own, wanted = common_indent(code), common_indent(like)
  if own == wanted then
    return code
  end
  return vim.tbl_map(function(line)
    return line:find("%S") and wanted .. line:sub(#own + 1) or line
  end, code)
end

--- The answer's code, or nil.
---@return string[]?
local function code_of(answer)
  local lines = vim.split(table.concat(answer.parts), "\n", { plain = true })
  local block = require("zeke.keys").blocks(lines)[1]
  return block and vim.list_slice(lines, block.first, block.last) or nil
end

local function clear(bufnr)
  pending[bufnr] = nil
  if vim.api.nvim_buf_is_valid(bufnr) then
    vim.api.nvim_buf_clear_namespace(bufnr, ns, 0, -1)
  end
end

local function show(bufnr, hunk, row)
  local virtual = vim.tbl_map(function(line)
    return { { line == "" and " " or line, "DiffAdd" } }
  end, hunk.after)
  local count = vim.api.nvim_buf_line_count(bufnr)
  local anchor = #hunk.before > 0 and row + #hunk.before - 1 or row - 1
  for offset = 0, #hunk.before - 1 do
    vim.api.nvim_buf_set_extmark(bufnr, ns, row + offset, 0, { line_hl_group = "DiffDelete" })
  end
  if #virtual > 0 then
    vim.api.nvim_buf_set_extmark(bufnr, ns, math.min(math.max(anchor, 0), count - 1), 0, {
      virt_lines = virtual,
      virt_lines_above = anchor < 0,
    })
  end
end

--- Hunks of a proposal, marked in the source so that edits elsewhere move them along.
---@return zeke.Hunk[]
local function hunks_of(region, after, first)
  local before = region.lines
  local found = vim.diff(table.concat(before, "\n") .. "\n", table.concat(after, "\n") .. "\n", {
    result_type = "indices",
    linematch = 60,
    algorithm = "histogram",
  })
  local hunks = {}
  for _, hunk in ipairs(found) do
    local from, count, to, more = unpack(hunk)
    -- For an insertion the index is that of the line before it.
    local row = first + (count == 0 and from or from - 1)
    local entry = {
      before = vim.list_slice(before, from, from + count - 1),
      after = vim.list_slice(after, to, to + more - 1),
    }
    if count == 0 then
      entry.before = {}
    end
    local last = vim.api.nvim_buf_line_count(region.bufnr)
    entry.mark = vim.api.nvim_buf_set_extmark(region.bufnr, ns, math.min(row, last), 0, {})
    show(region.bufnr, entry, row)
    hunks[#hunks + 1] = entry
  end
  return hunks
end

--- Hold a complete answer against the source; returns what to say below it.
---@param answer zeke.Answer
---@return string sentence
function M.offer(answer)
  local region = answer.region
  if region == false then
    return "what was selected has changed since: select it again, gy yanks the code"
  elseif not region then
    return "a block selection cannot be replaced as a whole: gy yanks the code"
  end
  local bufnr = region.bufnr
  local code = code_of(answer)
  if not code then
    return "there is no code block in the answer, so nothing to apply"
  elseif not vim.api.nvim_buf_is_loaded(bufnr) then
    return "the source is not loaded any more: gy yanks the code"
  end
  local first = row_of(bufnr, region.mark, ns_region)
  local now = first and vim.api.nvim_buf_get_lines(bufnr, first, first + #region.lines, false) or {}
  if not vim.deep_equal(now, region.lines) then
    return "the source changed meanwhile: undo that or ask again with :ZekeRetry, gy yanks the code"
  end
  code = indented(code, region.lines)
  if region.prefix ~= "" then
    code[1] = vim.trim(code[1])
  end
  code[1] = region.prefix .. (code[1] or "")
  code[#code] = code[#code] .. region.suffix
  local after = vim.split(table.concat(code, "\n"), "\n", { plain = true })
  clear(bufnr)
  local hunks = hunks_of(region, after, first)
  if #hunks == 0 then
    return "the answer changes nothing"
  end
  pending[bufnr] = { answer = answer, hunks = hunks }
  if require("zeke.config").get().ui.diff == "tab" then
    M.tab(bufnr)
  end
  local name = answer.source.path ~= "" and answer.source.path or "[No Name]"
  return ("%d hunk%s proposed in %s: ga applies, gr dismisses, gD opens a diff tab"):format(
    #hunks,
    #hunks == 1 and "" or "s",
    name
  )
end

--- The source buffer that a command in this buffer is about.
---@return integer?
local function target()
  local bufnr = vim.api.nvim_get_current_buf()
  if pending[bufnr] then
    return bufnr
  end
  local answer = require("zeke.answers").of_buffer(bufnr)
  local source = answer and answer.region and answer.region.bufnr
  return source and pending[source] and source or nil
end

--- Whether lines (counted from 1) and a hunk meet; without a range every hunk does.
local function is_meant(bufnr, hunk, opts)
  if not opts or (opts.range or 0) == 0 then
    return true
  end
  local row = row_of(bufnr, hunk.mark) + 1
  return row <= opts.line2 and row + math.max(#hunk.before, 1) - 1 >= opts.line1
end

--- Take hunks off the list; what is left stays shown.
local function settle(bufnr, done, event)
  local proposal = pending[bufnr]
  local left = vim.tbl_filter(function(hunk)
    return not done[hunk]
  end, proposal.hunks)
  local places = vim.tbl_map(function(hunk)
    return { hunk = hunk, row = row_of(bufnr, hunk.mark) }
  end, left)
  clear(bufnr)
  for _, place in ipairs(places) do
    place.hunk.mark = vim.api.nvim_buf_set_extmark(bufnr, ns, place.row, 0, {})
    show(bufnr, place.hunk, place.row)
  end
  if #left > 0 then
    pending[bufnr] = { answer = proposal.answer, hunks = left }
  end
  require("zeke.signals").record(proposal.answer, event == "ZekeApplied" and "accepted" or "rejected")
  require("zeke.answers").event(event, proposal.answer)
end

--- Take over the proposed hunks, all or those in a range, in one undo step. The file is not written.
---@param opts? { range: integer, line1: integer, line2: integer }
function M.apply(opts)
  local bufnr = target()
  if not bufnr then
    notice().warn("no change is proposed here")
    return
  elseif not vim.bo[bufnr].modifiable then
    notice().warn("the source cannot be changed: set modifiable first")
    return
  end
  local done, moved = {}, 0
  local hunks = pending[bufnr].hunks
  for index = #hunks, 1, -1 do
    local hunk = hunks[index]
    if is_meant(bufnr, hunk, opts) then
      local row = row_of(bufnr, hunk.mark)
      local now = vim.api.nvim_buf_get_lines(bufnr, row, row + #hunk.before, false)
      if vim.deep_equal(now, hunk.before) then
        vim.api.nvim_buf_set_lines(bufnr, row, row + #hunk.before, false, hunk.after)
        done[hunk] = true
      else
        moved = moved + 1
      end
    end
  end
  if next(done) then
    settle(bufnr, done, "ZekeApplied")
  end
  if moved > 0 then
    notice().warn(("%d hunks were changed meanwhile and are left: ask again with :ZekeRetry"):format(moved))
  elseif not next(done) then
    notice().warn("no proposed hunk is in these lines")
  end
end

--- Dismiss the proposed hunks, all or those in a range.
---@param opts? { range: integer, line1: integer, line2: integer }
function M.reject(opts)
  local bufnr = target()
  if not bufnr then
    notice().warn("no change is proposed here")
    return
  end
  local done = {}
  for _, hunk in ipairs(pending[bufnr].hunks) do
    done[hunk] = is_meant(bufnr, hunk, opts) or nil
  end
  settle(bufnr, done, "ZekeRejected")
end

--- Source and proposal side by side in a tab, in Neovim's own diff mode: ]c, [c, do and dp work.
---@param bufnr? integer
function M.tab(bufnr)
  bufnr = bufnr or target()
  if not bufnr then
    notice().warn("no change is proposed here")
    return
  end
  local lines = vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
  local hunks = pending[bufnr].hunks
  for index = #hunks, 1, -1 do
    local hunk = hunks[index]
    local row = row_of(bufnr, hunk.mark)
    for _ = 1, #hunk.before do
      table.remove(lines, row + 1)
    end
    for offset, line in ipairs(hunk.after) do
      table.insert(lines, row + offset, line)
    end
  end
  local filetype = vim.bo[bufnr].filetype
  -- Diff mode shows the change now.
  clear(bufnr)
  vim.cmd("tab sbuffer " .. bufnr)
  vim.cmd.diffthis()
  vim.cmd("vertical rightbelow new")
  local proposed = vim.api.nvim_get_current_buf()
  vim.api.nvim_buf_set_lines(proposed, 0, -1, false, lines)
  vim.bo[proposed].buftype, vim.bo[proposed].bufhidden, vim.bo[proposed].swapfile = "nofile", "wipe", false
  vim.bo[proposed].filetype = filetype
  vim.cmd.diffthis()
  vim.cmd.wincmd("p")
end

return M
