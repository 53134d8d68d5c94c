--- Highlight groups. They link to standard ones, so every colour scheme has them.
for name, target in pairs({
  ZekeWinbar = "WinBar",
  ZekeWinbarError = "DiagnosticError",
  ZekeDegraded = "DiagnosticVirtualTextWarn",
  ZekeHeader = "Title",
  ZekeError = "DiagnosticError",
  ZekeNote = "Comment",
  ZekeBar = "Function",
  ZekeBarPoor = "DiagnosticWarn",
  ZekeFound = "IncSearch",
}) do
  vim.api.nvim_set_hl(0, name, { link = target, default = true })
end

return {}
