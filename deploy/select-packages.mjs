// Copies what the image of one service holds out of the workspace: the service, the operators' tool, and the libraries that
// the two name in their package files. `node deploy/select-packages.mjs <service> <package files> <sources>`, from the root.
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const SCOPE = "@turno/";
const TOOL = "tools/turno";
const [service = "", packageFiles = "", sources = ""] = process.argv.slice(2);

/**
 * Adds a workspace folder and all that it depends on at run time.
 *
 * @param {string} folder
 * @param {Set<string>} folders
 */
function select(folder, folders) {
  if (folders.has(folder)) return folders;
  folders.add(folder);
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    if (name.startsWith(SCOPE)) select(join("libs", name.slice(SCOPE.length)), folders);
  }
  return folders;
}

const start = join("services", service);
if (service === "" || !existsSync(join(start, "src", "main.ts"))) {
  throw new Error(`there is no service "${service}": build with --build-arg SERVICE=<a folder of services/>`);
}
for (const file of ["package.json", "package-lock.json", ".npmrc"]) cpSync(file, join(packageFiles, file));
for (const folder of select(TOOL, select(start, new Set()))) {
  cpSync(join(folder, "package.json"), join(packageFiles, folder, "package.json"));
  cpSync(folder, join(sources, folder), { recursive: true });
}
