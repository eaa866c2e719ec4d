// Runs with any Node from 20 on and nothing installed: it installs what is missing, then hands over to the Node 24 that
// the lockfile brings, which runs our TypeScript as it is.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SCRIPTS = {
  start: "develop/local/src/start.ts",
  test: "develop/local/src/test.ts",
  verify: "develop/local/src/verify.ts",
  turno: "develop/local/src/turno.ts",
  bench: "develop/bench/src/bench.ts",
  prove: "develop/prove/src/prove.ts",
  attack: "develop/local/src/attack.ts",
  fuzz: "develop/fuzz/src/fuzz.ts",
  "compose-proof": "develop/compose/src/prove.ts",
  mutations: "develop/prove/src/mutations.ts",
  docs: "libs/contracts/scripts/write-documents.ts",
};
const PARENT_CHECK_MS = 1000;

/** @param {string} message */
function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** @param {string} version */
function runsTypeScript(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 24 || (major === 24 && minor >= 12);
}

/**
 * Whether node_modules holds what the lockfile says. npm writes `.package-lock.json` as the last step of an install, so
 * an interrupted one counts as none.
 */
function isInstalled() {
  const installedFile = join(ROOT, "node_modules", ".package-lock.json");
  if (!existsSync(installedFile)) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(installedFile, "utf8")).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith("node_modules/")) return true;
    const found = installed[path];
    // What is for another platform is not installed here.
    if (found === undefined) return entry.optional === true;
    // A link to one of our own packages: it leads elsewhere where the package has moved since.
    return entry.link === true ? found.resolved === entry.resolved : found.version === entry.version;
  });
}

/** npm as it was called, or the one beside this Node. */
function npmCommand() {
  const npmFile = process.env.npm_execpath;
  if (npmFile !== undefined && /\.c?js$/.test(npmFile)) return { command: process.execPath, args: [npmFile] };
  return { command: "npm", args: [] };
}

async function install() {
  const startedAt = Date.now();
  process.stdout.write("Installing packages; the first time this takes up to a minute or two.\n");
  const npm = npmCommand();
  const child = spawn(npm.command, [...npm.args, "ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: "development" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const code = await new Promise((resolve) => {
    child.once("error", (error) => {
      output += error.message;
      resolve(1);
    });
    child.once("close", resolve);
  });
  if (code !== 0) fail(`${output.trim()}\n\nnpm ci failed. Nothing was started.`);
  process.stdout.write(`Installed in ${Math.round((Date.now() - startedAt) / 1000)} s.\n`);
}

function findNode() {
  const brought = join(ROOT, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(brought)) return brought;
  if (runsTypeScript(process.versions.node)) return process.execPath;
  return fail(
    `This machine runs Node ${process.versions.node}; Turno needs 24.12 or newer. The npm package ` +
      `node-${process.platform}-${process.arch} that brings it is not installed: install optional dependencies ` +
      "(npm ci --include=optional), or install Node 24.",
  );
}

/**
 * Runs the script and ends as it ends. Ctrl-C reaches it from the terminal itself; what reaches only this process is
 * passed on. The channel between the two tells it when this process is gone, however that came about.
 *
 * @param {string} node
 * @param {string} script
 * @param {string[]} args
 */
function handOver(node, script, args) {
  const path = [dirname(node), join(ROOT, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter);
  // What Node has compiled is kept: a service starts in two thirds of the time.
  const compiled = join(ROOT, "node_modules", ".cache", "compiled");
  const env = { NODE_COMPILE_CACHE: compiled, ...process.env, PATH: path };
  const child = spawn(node, [join(ROOT, script), ...args], {
    cwd: ROOT,
    env: { ...env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" },
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  child.once("error", (error) => fail(`${node} does not run: ${error.message}`));
  // A terminal sends Ctrl-C to both of us, `kill` to this process alone: the script takes a second one for the same.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  const parent = process.ppid;
  // npm may be killed without a chance to tell.
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event !== undefined && process.ppid !== parent) child.disconnect();
  }, PARENT_CHECK_MS);
  child.once("disconnect", () => clearInterval(watch));
  child.once("close", (code, signal) => {
    clearInterval(watch);
    process.exit(signal === null ? (code ?? 1) : 1);
  });
}

const [command = "", ...args] = process.argv.slice(2);
const script = SCRIPTS[command];
if (script === undefined) fail(`usage: node develop/local/bootstrap.mjs ${Object.keys(SCRIPTS).join("|")}`);
if (Number(process.versions.node.split(".")[0]) < 20) fail(`Node ${process.versions.node} is too old; Turno needs 20.`);
if (process.platform === "win32") fail("Turno runs on Linux and macOS. On Windows use WSL.");
if (!isInstalled()) await install();
handOver(findNode(), script, args);
