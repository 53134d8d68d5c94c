#!/bin/sh
# Lua: StyLua and luacheck; help tags. Usage: lint_lua.sh NVIM [--write]
set -eu
nvim=$1
mode=${2:-}
files=$(git ls-files --cached --others --exclude-standard '*.lua')
need() {
  command -v "$1" >/dev/null 2>&1 || { echo "lint: $1 is missing: $2" >&2; exit 1; }
}
need npm "install Node.js with npm (Debian: apt-get install npm)"
[ -d node_modules/@johnnymorganz/stylua ] || npm install --silent --no-audit --no-fund --no-package-lock
# shellcheck disable=SC2086
node scripts/stylua.mjs $mode $files
need luacheck "install it (Debian: apt-get install lua-check)"
# shellcheck disable=SC2086
luacheck --quiet $files
"$nvim" --clean --headless -c "helptags doc" -c "qa" 2>&1 | { ! grep . ; }
rm -f doc/tags
