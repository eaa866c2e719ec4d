import { createHash, randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/**
 * Where the local stack keeps its data: `TURNO_DATA_DIR`, else `.turno` in the clone. Root's Postgres runs as another
 * user, who may not be able to enter the clone, so root's data goes below /var/tmp, one folder for each clone.
 */
export function dataFolder(root: string, environment: NodeJS.ProcessEnv, uid: number | undefined): string {
  const chosen = environment["TURNO_DATA_DIR"];
  if (chosen !== undefined && chosen !== "") return resolve(root, chosen);
  if (uid !== 0) return join(root, ".turno");
  return join("/var/tmp", `turno-${createHash("sha256").update(resolve(root)).digest("hex").slice(0, 12)}`);
}

/** Makes the folder, or makes sure that an existing one is nobody else's. */
export async function openDataFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error(`${folder} belongs to somebody else. Choose another data folder with TURNO_DATA_DIR.`);
  }
  await chmod(folder, 0o755);
}

async function readJson<T>(file: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function writeJson(file: string, content: unknown, mode: number): Promise<void> {
  const draft = `${file}.draft`;
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode });
  await rename(draft, file);
}

export interface Secrets {
  appSecret: string;
  verifyToken: string;
  /** What the sender shows the simulated Graph API. */
  accessToken: string;
}

const makeSecret = () => randomBytes(16).toString("hex");

/** The secrets of this data folder, made at random by the first start. */
export async function openSecrets(folder: string): Promise<Secrets> {
  const file = join(folder, "secrets.json");
  const kept = await readJson<Secrets>(file);
  const secrets = { appSecret: makeSecret(), verifyToken: makeSecret(), accessToken: makeSecret(), ...kept };
  await writeJson(file, secrets, 0o600);
  return secrets;
}

/** What a running stack tells the command-line client. The broker's address may hold a password. */
export interface StackAddress {
  pid: number;
  natsUrl: string;
  gatewayUrl: string;
  inboxUrl: string;
}

const ADDRESS_FILE = "stack.json";

export function readStackAddress(folder: string): Promise<StackAddress | null> {
  return readJson<StackAddress>(join(folder, ADDRESS_FILE));
}

export function writeStackAddress(folder: string, address: StackAddress): Promise<void> {
  return writeJson(join(folder, ADDRESS_FILE), address, 0o600);
}
