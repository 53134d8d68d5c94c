--- Neovim's side of the benchmark: a plain buffer for the floor, and the times of every change of a buffer.
local M = { times = {}, sizes = {}, done = nil }

--- Note when a buffer changes; `M.began` is the trigger.
function M.watch(bufnr)
  M.times = {}
  vim.api.nvim_buf_attach(bufnr, false, {
    on_lines = function()
      M.times[#M.times + 1] = vim.uv.hrtime()
    end,
  })
end

--- One frame of the floor.
function M.append(text, done)
  if done then
    M.done = vim.uv.hrtime()
    return
  end
  vim.api.nvim_buf_set_text(M.bufnr, -1, -1, -1, -1, vim.split(text, "\n", { plain = true }))
  local win = vim.fn.bufwinid(M.bufnr)
  vim.api.nvim_win_set_cursor(win, { vim.api.nvim_buf_line_count(M.bufnr), 0 })
end

function M.floor(channel, port, path)
  M.done = nil
  vim.cmd("vertical new")
  M.bufnr = vim.api.nvim_get_current_buf()
  vim.bo.buftype, vim.bo.undolevels = "nofile", -1
  vim.cmd.wincmd("p")
  M.watch(M.bufnr)
  M.began = vim.uv.hrtime()
  vim.rpcnotify(channel, "go", port, path)
end

function M.zeke()
  M.done = nil
  vim.api.nvim_create_autocmd("User", {
    pattern = "ZekeFinished",
    once = true,
    callback = function()
      M.done = vim.uv.hrtime()
    end,
  })
  vim.api.nvim_create_autocmd("User", {
    pattern = "ZekeRequestStarted",
    once = true,
    callback = function(event)
      M.bufnr = event.data.bufnr
      M.watch(M.bufnr)
    end,
  })
  M.began = vim.uv.hrtime()
  vim.cmd("ZekeNew bench")
end

return M
