// Formats Lua with StyLua's WebAssembly build, which needs no download beyond its package.
// Usage: node scripts/stylua.mjs [--write] FILE…   Exit code 1 when a file is not formatted.
import { readFileSync, writeFileSync } from "node:fs";
import * as stylua from "@johnnymorganz/stylua";

const { formatCode, Config, IndentType, OutputVerification, QuoteStyle, LuaVersion } = stylua;

const files = process.argv.slice(2).filter((word) => word !== "--write");
const write = process.argv.includes("--write");
let unformatted = 0;
for (const file of files) {
  const config = Config.new();
  config.syntax = LuaVersion.LuaJIT;
  config.column_width = 120;
  config.indent_type = IndentType.Spaces;
  config.indent_width = 2;
  config.quote_style = QuoteStyle.AutoPreferDouble;
  const before = readFileSync(file, "utf8");
  const after = formatCode(before, config, undefined, OutputVerification.None);
  if (before === after) continue;
  unformatted += 1;
  if (write) writeFileSync(file, after);
  else console.error(`${file}: not formatted, run make format`);
}
process.exit(write || unformatted === 0 ? 0 : 1);
