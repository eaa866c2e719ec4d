import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export interface Asset {
  /** Has a hash of its content, so that browsers may keep it for ever. */
  name: string;
  type: string;
  text: string;
}

function readAsset(name: string, files: readonly string[], type: string): Asset {
  const text = files.map((file) => readFileSync(new URL(`browser/${file}`, import.meta.url), "utf8")).join("\n");
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { name: name.replace(".", `.${hash}.`), type, text };
}

export const SCRIPT = readAsset("console.js", ["console.js"], "text/javascript; charset=utf-8");
export const STYLE = readAsset("console.css", ["parts.css", "frame.css"], "text/css; charset=utf-8");
