--- Reports and questions of the host: a float, a split, or the user's own picker.
local M = {}

local ns = vim.api.nvim_create_namespace("zeke.report")

local function new_buffer(title, lines, filetype)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  local options = vim.bo[bufnr]
  options.bufhidden, options.modifiable, options.modeline, options.swapfile = "wipe", false, false, false
  pcall(vim.api.nvim_buf_set_name, bufnr, "zeke://" .. title)
  vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = bufnr, nowait = true, desc = "Zeke: close" })
  for row, line in ipairs(lines) do
    if line:find("^#+ ") then
      vim.api.nvim_buf_set_extmark(bufnr, ns, row - 1, 0, { end_row = row, hl_group = "Title" })
    elseif line:find("^NOT ALLOWED") or line:find("^DEGRADED") then
      vim.api.nvim_buf_set_extmark(bufnr, ns, row - 1, 0, { end_row = row, hl_group = "DiagnosticError" })
    end
  end
  if filetype == "json" then
    options.filetype = "json"
  end
  return bufnr
end

--- Show lines in a float that is closed by `q`; what is taller than the screen scrolls.
---@param title string
---@param lines string[]
---@param filetype string
function M.show(title, lines, filetype)
  local bufnr = new_buffer(title, lines, filetype)
  local width = 40
  for _, line in ipairs(lines) do
    width = math.max(width, vim.fn.strdisplaywidth(line) + 1)
  end
  width = math.min(width, math.max(vim.o.columns - 6, 20))
  local height = math.min(#lines, math.max(vim.o.lines - 6, 3))
  local win = vim.api.nvim_open_win(bufnr, true, {
    relative = "editor",
    row = math.floor((vim.o.lines - height) / 2) - 1,
    col = math.floor((vim.o.columns - width) / 2),
    width = width,
    height = height,
    style = "minimal",
    border = "single",
    title = (" zeke %s "):format(title),
  })
  vim.wo[win].wrap, vim.wo[win].linebreak = true, true
end

--- Ask the user and tell the host; leaving the picker cancels.
---@param id string
---@param question string
---@param choices string[]
function M.ask(id, question, choices)
  vim.ui.select(choices, { prompt = question, kind = "zeke" }, function(choice)
    require("zeke.host").notify("zeke_reply", id, choice or "")
  end)
end

--- Let the user choose the argument of a command.
---@param title string
---@param items string[]
---@param command string
function M.pick(title, items, command)
  vim.ui.select(items, { prompt = title, kind = "zeke" }, function(choice)
    if choice then
      vim.cmd({ cmd = command, args = { choice } })
    end
  end)
end

---@type table<string, boolean> projects whose warning was said
local warned = {}

--- The budget is near or reached: an event each time, a warning once per project and session.
---@param id string
---@param event string
---@param figures string
function M.budget(id, event, figures)
  local answers = require("zeke.answers")
  local answer = answers.get(id)
  if not answer then
    return
  end
  answers.event(event, answer, { message = figures })
  local project = answer.source.project
  if event == "ZekeBudgetWarning" and not warned[project] then
    warned[project] = true
    require("zeke.notice").warn(("%s: %s"):format(project, figures))
  end
end

return M
