-- Sourced at start-up: commands, <Plug> maps and the prewarm watch. Everything else is loaded on first use.
if vim.g.loaded_zeke then
  return
end
vim.g.loaded_zeke = 1

if vim.fn.has("nvim-0.11") == 0 then
  vim.api.nvim_create_user_command("Zeke", function()
    vim.api.nvim_echo({ { "zeke: needs Neovim 0.11 or later, this is an older one: update Neovim" } }, true, {})
  end, { nargs = "*", range = true, bang = true })
  return
end

require("zeke.commands").install()
