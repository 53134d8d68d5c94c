--- The floor without a process: the least parsing that is right in Neovim itself, from a socket or from `curl -N`.
local M = {}

local FRAME_MS = 16
local BODY = '{"model":"auto","stream":true}'

--- A reader of bytes that shows the text in frames.
local function reader(id)
  local rest, held, ended = "", {}, false
  local due = 0
  local timer = assert(vim.uv.new_timer())
  local function show()
    local text = table.concat(held)
    held = {}
    due = vim.uv.hrtime() / 1e6 + FRAME_MS
    if text ~= "" or ended then
      require("bench").append(id, text, ended)
    end
    if ended and not timer:is_closing() then
      timer:close()
    end
  end
  local scheduled = vim.schedule_wrap(show)
  return function(data)
    rest = rest .. (data or "")
    local start = 1
    while true do
      local stop = rest:find("\n", start, true)
      if not stop then
        break
      end
      if rest:sub(start, start + 6) == "data: {" then
        held[#held + 1] = vim.json.decode(rest:sub(start + 6, stop - 1)).choices[1].delta.content
      elseif rest:sub(start, start + 11) == "data: [DONE]" then
        ended = true
      end
      start = stop + 1
    end
    rest = rest:sub(start)
    if timer:is_closing() then
      return
    elseif ended then
      timer:stop()
      scheduled()
    elseif #held > 0 and not timer:is_active() then
      timer:start(math.max(0, math.ceil(due - vim.uv.hrtime() / 1e6)), 0, scheduled)
    end
  end
end

function M.tcp(port, path, id)
  local socket = assert(vim.uv.new_tcp())
  local take = reader(id)
  socket:connect("127.0.0.1", port, function()
    local head = "POST %s HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n"
    socket:write(head:format(path, id, #BODY) .. BODY)
    socket:read_start(function(_, data)
      take(data)
      if not data then
        socket:close()
      end
    end)
  end)
end

function M.curl(port, path, id)
  local take = reader(id)
  local url = ("http://127.0.0.1:%d%s"):format(port, path)
  vim.system({ "curl", "-sN", "-H", "X-Request-Id: " .. id, "-d", BODY, url }, {
    stdout = function(_, data)
      if data then
        take(data)
      end
    end,
  })
end

return M
