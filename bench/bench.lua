--- Neovim's side of the benchmark: when how much text was in which buffer, and what starts each side.
local M = { channel = 0, streams = {}, left = 0 }

--- Note the time of each change of a buffer and the bytes that it brought.
local function watch(id, bufnr)
  local stream = { bufnr = bufnr, times = {}, sizes = {}, above = vim.api.nvim_buf_line_count(bufnr) - 1 }
  M.streams[id] = stream
  local total = 0
  vim.api.nvim_buf_attach(bufnr, false, {
    on_bytes = function(_, _, _, _, _, _, _, _, _, _, _, bytes)
      if stream.done then
        return true
      end
      total = total + bytes
      stream.times[#stream.times + 1], stream.sizes[#stream.sizes + 1] = vim.uv.hrtime(), total
    end,
  })
end

local function finished(id)
  local stream = M.streams[id]
  if stream and not stream.done then
    stream.done = vim.uv.hrtime()
    M.left = M.left - 1
    if M.left == 0 then
      vim.rpcnotify(M.channel, "bench_done")
    end
  end
end

--- One frame of a floor.
function M.append(id, text, done)
  local bufnr = M.streams[id].bufnr
  if text ~= "" then
    vim.api.nvim_buf_set_text(bufnr, -1, -1, -1, -1, vim.split(text, "\n", { plain = true }))
    for _, win in ipairs(vim.fn.win_findbuf(bufnr)) do
      vim.api.nvim_win_set_cursor(win, { vim.api.nvim_buf_line_count(bufnr), 0 })
    end
  end
  if done then
    finished(id)
  end
end

--- The window of a floor, beside the user's; `lines` stand in it already.
local function window(split, lines)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.bo[bufnr].undolevels = -1
  if lines > 0 then
    vim.api.nvim_buf_set_lines(bufnr, 0, -2, false, vim.fn["repeat"]({ "a line of an earlier answer" }, lines))
  end
  local win = vim.api.nvim_open_win(bufnr, false, { split = split, win = 0 })
  vim.wo[win].number = false
  vim.api.nvim_win_set_cursor(win, { vim.api.nvim_buf_line_count(bufnr), 0 })
  local id = "floor-" .. bufnr
  watch(id, bufnr)
  return id
end

---@type table<string, fun(job: table)>
local SIDES = {
  floor = function(job)
    vim.rpcnotify(job.process, "go", job.port, job.path, window(job.split, job.lines))
  end,
  lua = function(job)
    require("bench.floor").tcp(job.port, job.path, window(job.split, job.lines))
  end,
  curl = function(job)
    require("bench.floor").curl(job.port, job.path, window(job.split, job.lines))
  end,
  zeke = function(job)
    vim.cmd(job.command)
  end,
}

--- What the next press of <F5> does: `count` streams of one side.
function M.prepare(job)
  M.streams, M.left, M.job = {}, job.count, job
end

function M.go()
  for _ = 1, M.job.count do
    SIDES[M.job.side](M.job)
  end
end

--- Times, sizes and text of every stream.
function M.found()
  local found = {}
  for id, stream in pairs(M.streams) do
    local lines = vim.api.nvim_buf_get_lines(stream.bufnr, stream.above, -1, false)
    found[id] = {
      times = stream.times,
      sizes = stream.sizes,
      done = stream.done,
      text = table.concat(lines, "\n"),
      bufnr = stream.bufnr,
    }
  end
  return found
end

--- Close the windows of the run and forget its buffers.
function M.clear()
  vim.cmd("silent! only")
  for _, stream in pairs(M.streams) do
    pcall(vim.api.nvim_buf_delete, stream.bufnr, { force = true })
  end
  M.streams = {}
  -- The syntax tree of a run's answer is freed as a whole, for milliseconds: not in the middle of the next run.
  collectgarbage()
  collectgarbage()
end

function M.setup(channel)
  M.channel = channel
  local group = vim.api.nvim_create_augroup("bench", {})
  vim.api.nvim_create_autocmd("User", {
    group = group,
    pattern = "ZekeRequestStarted",
    callback = function(event)
      watch(event.data.id, event.data.bufnr)
    end,
  })
  vim.api.nvim_create_autocmd("User", {
    group = group,
    pattern = "ZekeFinished",
    callback = function(event)
      finished(event.data.id)
    end,
  })
  vim.keymap.set({ "n", "i" }, "<F5>", M.go)
end

return M
