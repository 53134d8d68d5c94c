--- Completion of command arguments. Never waits for Python or the network.
local M = {}

local VALUES = {
  ["latency="] = { "low", "medium", "high" },
  ["size_hint="] = { "tiny", "small", "medium", "large" },
  ["log="] = { "0", "1" },
  ["alias="] = { "auto", "code-fast", "code-plus", "code-smart", "reason-deep", "local" },
  ["budget="] = { "frugal", "standard", "premium" },
  ["intent="] = { "code", "tests", "explain", "refactor", "fix", "docs", "review", "commit" },
  ["model="] = {},
  ["provider="] = { "ollama", "openai", "anthropic", "google", "azure", "xai" },
}

--- A manifest's command completes through this as well.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line, _)
  local command = line:match("(%u%w*)!?%s+%S*$") or line:match("(%u%w*)")
  local spec = command and require("zeke.commands").handled[command]
  if command == "ZekeInstall" then
    return vim.startswith("local", lead) and { "local" } or {}
  end
  if not (spec and spec.intent) then
    return {}
  end
  local found = {}
  local key = lead:match("^[%w_]+=")
  if key then
    for _, value in ipairs(VALUES[key] or {}) do
      found[#found + 1] = key .. value
    end
  else
    found = vim.tbl_keys(VALUES)
  end
  found = vim.tbl_filter(function(item)
    return vim.startswith(item, lead)
  end, found)
  table.sort(found)
  return found
end

return M
