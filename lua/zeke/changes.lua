--- The project's uncommitted changes, by git, without waiting for it.
local M = {}

--- `text` is the diff; `problem` one sentence when there is none.
---@param root string
---@param staged boolean only what the next commit holds
---@param done fun(text: string?, problem: string?)
function M.diff(root, staged, done)
  if vim.fn.executable("git") == 0 then
    done(nil, "git is not installed: select what is to be sent")
    return
  end
  local argv = { "git", "-C", root, "--no-pager", "diff", "--no-color", "--no-ext-diff" }
  argv[#argv + 1] = staged and "--cached" or "HEAD"
  vim.system(
    argv,
    { text = true, env = { ZEKE_API_KEY = "", OMEN_API_KEY = "" } },
    vim.schedule_wrap(function(result)
      if result.code ~= 0 then
        local said = vim.trim((result.stderr or ""):match("[^\n]*") or "")
        done(nil, ("git diff failed (%s): select what is to be sent"):format(said))
      elseif vim.trim(result.stdout) == "" then
        done(nil, staged and "nothing is staged: git add first" or "there are no uncommitted changes")
      else
        done(result.stdout)
      end
    end)
  )
end

return M
