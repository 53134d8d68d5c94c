--- :ZekeInfo and :ZekeLog: where things are, in one place to paste into a report.
local M = {}

---@return string
function M.log_path()
  return vim.fs.normalize(vim.fn.stdpath("state")) .. "/zeke/zeke.log"
end

local function show(lines)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  vim.bo[bufnr].modifiable, vim.bo[bufnr].bufhidden = false, "wipe"
  vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = bufnr, nowait = true })
  vim.api.nvim_open_win(bufnr, true, { split = "below", height = math.min(#lines, 12) })
end

--- Called by the host with its own lines.
---@param lines string[]
function M.host_lines(lines)
  local host = require("zeke.host")
  local version = vim.version()
  show(vim.list_extend({
    ("Neovim     %d.%d.%d"):format(version.major, version.minor, version.patch),
    ("package    %s"):format(host.package()),
    ("python     %s (pid %s)"):format(host.status().python or "not started", host.status().pid or "-"),
  }, lines))
end

function M.show()
  local problem = require("zeke.host").notify("zeke_info")
  if problem then
    M.host_lines({ problem })
  end
end

function M.log()
  if vim.fn.filereadable(M.log_path()) == 0 then
    require("zeke.notice").info("the log is empty: " .. M.log_path())
    return
  end
  -- What a gateway said stands in there, and may look like a modeline.
  local modeline = vim.go.modeline
  vim.go.modeline = false
  local ok, problem = pcall(vim.cmd.split, { args = { vim.fn.fnameescape(M.log_path()) } })
  vim.go.modeline = modeline
  if not ok then
    require("zeke.notice").error(("the log cannot be opened (%s): %s"):format(problem, M.log_path()))
    return
  end
  vim.bo.modifiable, vim.bo.readonly = false, true
  vim.cmd.normal({ args = { "G" }, bang = true })
end

return M
