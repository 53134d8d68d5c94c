--- <Plug> maps, which always exist, and the opt-in set on <leader>z, which never overwrites a map.
local M = {}

--- Name of the <Plug> map, command, key of the opt-in set.
local COMMANDS = {
  { "code", "Zeke", "a" },
  { "test", "ZekeTest", "t" },
  { "explain", "ZekeExplain", "e" },
  { "refactor", "ZekeRefactor", "r" },
  { "fix", "ZekeFix", "f" },
  { "docs", "ZekeDocs", "d" },
  { "review", "ZekeReview", "v" },
  { "commit", "ZekeCommit", "c" },
  { "toggle", "ZekeToggle", "z" },
  { "stop", "ZekeStop", "s" },
  { "retry", "ZekeRetry", "." },
  { "reply", "ZekeReply", "y" },
  { "new", "ZekeNew", "n" },
  { "why", "ZekeWhy", "w" },
  { "stats", "ZekeStats", "i" },
  { "history", "ZekeHistory", "h" },
  { "model", "ZekeModel", "m" },
  { "apply", "ZekeApply", "<CR>" },
  { "reject", "ZekeReject", "<BS>" },
}

local RANGED = { code = true, test = true, explain = true, refactor = true, fix = true, docs = true, review = true }

local function plug(name)
  return ("<Plug>(zeke-%s)"):format(name)
end

--- Define the <Plug> maps: cheap, and nothing is loaded.
function M.define()
  for _, entry in ipairs(COMMANDS) do
    local name, command = entry[1], entry[2]
    vim.keymap.set("n", plug(name), ("<Cmd>%s<CR>"):format(command), { desc = "Zeke: " .. name })
    vim.keymap.set("x", plug(name), RANGED[name] and (":%s<CR>"):format(command) or ("<Cmd>%s<CR>"):format(command), {
      desc = "Zeke: " .. name,
      silent = true,
    })
  end
  vim.keymap.set({ "n", "x" }, plug("ask"), ":Zeke ", { desc = "Zeke: ask" })
  for name, command in pairs({ op = "Zeke", ["op-test"] = "ZekeTest", ["op-explain"] = "ZekeExplain" }) do
    vim.keymap.set({ "n", "x" }, plug(name), function()
      return require("zeke.operator").start(command)
    end, { expr = true, desc = "Zeke: operator for :" .. command })
  end
end

--- Map the opt-in set, or the user's own keys by name.
---@param wanted boolean|table<string, string>
function M.opt_in(wanted)
  if not wanted then
    return
  end
  local keys = {}
  if wanted == true then
    for _, entry in ipairs(COMMANDS) do
      keys[entry[1]] = "<leader>z" .. entry[3]
    end
    keys.op = "<leader>zo"
  else
    keys = wanted
  end
  for name, key in pairs(keys) do
    for _, mode in ipairs({ "n", "x" }) do
      if vim.fn.maparg(key, mode) == "" then
        vim.keymap.set(mode, key, plug(name), { remap = true, desc = "Zeke: " .. name })
      end
    end
  end
end

return M
