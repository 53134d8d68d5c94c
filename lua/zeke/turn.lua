--- One turn of a conversation as lines: who asks what about which code. Pure.
local M = {}

local KINDS = {
  char = "characters",
  line = "lines",
  block = "block",
  ["function"] = "enclosing function",
  buffer = "whole buffer",
  diff = "changes",
}

local function fence_of(text)
  local fence = "```"
  for run in text:gmatch("`+") do
    fence = #run >= #fence and ("`"):rep(#run + 1) or fence
  end
  return fence
end

local function title_of(answer)
  local scope, source = answer.scope, answer.source
  if scope.kind == "none" then
    return "# " .. answer.intent
  elseif scope.kind == "diff" then
    return ("# %s · %s · changes"):format(answer.intent, source.project)
  end
  local name = source.path ~= "" and source.path or "[No Name]"
  return ("# %s · %s:%d-%d · %s"):format(answer.intent, name, scope.first, scope.last, KINDS[scope.kind])
end

--- Title, prompt, and what is sent in a fence that its text cannot close.
---@param answer zeke.Answer
---@return string[] lines, integer first, integer last of the part to fold, 0 if none
function M.lines(answer)
  local scope = answer.scope
  local lines = { title_of(answer) }
  if answer.prompt ~= "" then
    lines[#lines + 1] = ""
    for _, line in ipairs(vim.split(answer.prompt, "\n", { plain = true })) do
      lines[#lines + 1] = "> " .. line
    end
  end
  local first, last = 0, 0
  if scope.kind ~= "none" then
    local fence = fence_of(scope.text)
    lines[#lines + 1] = ""
    first = #lines + 1
    lines[#lines + 1] = fence .. (scope.kind == "diff" and "diff" or answer.source.filetype)
    vim.list_extend(lines, vim.split((scope.text:gsub("\n$", "")), "\n", { plain = true }))
    lines[#lines + 1] = fence
    for _, note in ipairs(answer.notes or {}) do
      lines[#lines + 1] = "- " .. note
    end
    last = #lines
  end
  for _, given in ipairs(answer.attachments or {}) do
    local fence = fence_of(given.text)
    lines[#lines + 1] = ""
    first = first > 0 and first or #lines + 1
    lines[#lines + 1] = fence .. given.language .. " " .. given.title
    vim.list_extend(lines, vim.split(given.text, "\n", { plain = true }))
    lines[#lines + 1] = fence
    last = #lines
  end
  vim.list_extend(lines, { "", "" })
  return lines, first, last
end

return M
