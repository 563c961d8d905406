/**
 * Bundles the wallet's pages into consent/web/static/built. Run by `make script`; the result is never committed.
 */

import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const outdir = here("../static/built");

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: ["set_up.js", "sign_in.js", "sign.js", "request.js", "add_key.js", "new_code.js", "try_code.js", "replace.js"].map(here),
  outdir,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2020",
  charset: "utf8",
  legalComments: "eof", // noble's licence asks for it
  logLevel: "warning",
});
