--- Completion of command arguments. Never waits for Python or the network.
local M = {}

local VALUES = {
  ["latency="] = { "low", "medium", "high", "false" },
  ["size_hint="] = { "tiny", "small", "medium", "large", "false" },
  ["log="] = { "0", "1" },
  ["out="] = { "scratch", "diff" },
  ["alias="] = { "auto", "code-fast", "code-plus", "code-smart", "reason-deep", "local" },
  ["budget="] = { "frugal", "standard", "premium", "false" },
  ["intent="] = { "code", "tests", "explain", "refactor", "fix", "docs", "review", "commit" },
  ["model="] = {},
  ["provider="] = { "ollama", "openai", "anthropic", "google", "azure", "xai" },
}

local PREFERENCES = {
  ["prefer_local="] = { "0", "1" },
  ["private="] = { "0", "1" },
  ["log="] = { "0", "1" },
  ["budget="] = { "none" },
  ["alias="] = VALUES["alias="],
  ["model="] = { "auto" },
}

local STATISTICS = {
  ["by="] = { "intent", "model", "provider", "day", "project" },
  ["export="] = {},
}

local HISTORY = {
  ["intent="] = VALUES["intent="],
  ["model="] = {},
  ["project="] = {},
  ["since="] = { "1d", "7d", "30d" },
  ["until="] = { "1d", "7d", "30d" },
}

--- Values of a key, the user's own aliases and intents included.
local function values_of(keys, key)
  local found = vim.list_slice(keys[key] or {})
  local config = require("zeke.config").get()
  if key == "alias=" then
    vim.list_extend(found, vim.tbl_keys(config.aliases))
  elseif key == "intent=" then
    vim.list_extend(found, vim.tbl_keys(config.intents))
  end
  return found
end

local function pairs_of(keys, lead)
  local key = lead:match("^[%w_]+=")
  if not key then
    return vim.tbl_keys(keys)
  end
  return vim.tbl_map(function(value)
    return key .. value
  end, values_of(keys, key))
end

local function prompts()
  local source = require("zeke.context").source(vim.api.nvim_get_current_buf())
  return vim.tbl_map(function(name)
    return "/" .. name
  end, vim.tbl_keys(require("zeke.prompts").files(source.root)))
end

--- #file: completes paths of the project, the rest its own names.
local function references(lead)
  local path = lead:match("^#file:(.*)$")
  if not path then
    return require("zeke.references").names
  end
  local root = require("zeke.context").source(vim.api.nvim_get_current_buf()).root
  return vim.tbl_map(function(found)
    return "#file:" .. (vim.fs.relpath(root, found) or found) .. (vim.fn.isdirectory(found) == 1 and "/" or "")
  end, vim.fn.glob(root .. "/" .. path .. "*", false, true))
end

local function files(lead)
  return vim.tbl_map(function(path)
    return "export=" .. path
  end, vim.fn.getcompletion(lead:sub(#"export=" + 1), "file"))
end

local function candidates(command, lead)
  if command == "ZekeInstall" then
    return { "local", "charts" }
  elseif command == "ZekePrefs" then
    return pairs_of(PREFERENCES, lead)
  elseif command == "ZekeModel" or command == "ZekeAlias" then
    return values_of(VALUES, "alias=")
  elseif command == "ZekeBudget" then
    return { "none" }
  elseif command == "ZekeRate" then
    return { "+", "-" }
  elseif command == "ZekeCompare" then
    return values_of(VALUES, "alias=")
  elseif command == "ZekeHistory" then
    return pairs_of(HISTORY, lead)
  elseif command == "ZekeStats" then
    return lead:find("^export=") and files(lead)
      or vim.list_extend({ "today", "week", "month", "all" }, pairs_of(STATISTICS, lead))
  end
  local requests = require("zeke.commands").requests()
  if command == "ZekePreview" and lead:find("^%u") then
    return vim.tbl_keys(requests)
  elseif lead:sub(1, 1) == "/" then
    return prompts()
  elseif lead:sub(1, 1) == "#" then
    return references(lead)
  elseif
    requests[command]
    or command == "ZekeReply"
    or command == "ZekeRetry"
    or command == "ZekeReplay"
    or command == "ZekePreview"
  then
    return pairs_of(VALUES, lead)
  end
  return {}
end

--- A manifest's command completes through this as well.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line, _)
  local command = line:match("(Zeke%a*)!?%s")
  local found = vim.tbl_filter(function(item)
    return vim.startswith(item, lead)
  end, command and candidates(command, lead) or {})
  table.sort(found)
  return found
end

return M
