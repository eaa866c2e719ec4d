import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ServerFailure } from "./failure.ts";

const RELEASE = "2.15.0";

/** SHA-256 of the release archives, from the `2.15.x/alpine3.22/Dockerfile` of the public repository nats-io/nats-docker. */
const ARCHIVES: Record<string, { name: string; sha256: string }> = {
  "linux-x64": {
    name: `nats-server-v${RELEASE}-linux-amd64`,
    sha256: "5d2c51caca950333aba84911df7d377f826f3a59ec36061c6539105084f65c92",
  },
  "linux-arm64": {
    name: `nats-server-v${RELEASE}-linux-arm64`,
    sha256: "cdc208f5a3f42963a52b6ab06ef65626bb870315dc936e26ba571780c6351112",
  },
};

const ANSWER_MS_MAX = 5000;
const DOWNLOAD_MS_MAX = 120_000;

/** Fetches with a short wait for the answer and a longer one for the body, so that a machine without internet goes on. */
async function download(url: string): Promise<Buffer> {
  const abort = new AbortController();
  const stopAfter = (waitMs: number, what: string) =>
    setTimeout(() => abort.abort(new ServerFailure(`${what} within ${waitMs / 1000} s`)), waitMs);
  let timer = stopAfter(ANSWER_MS_MAX, "no answer");
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok) throw new ServerFailure(`HTTP ${response.status}`);
    clearTimeout(timer);
    timer = stopAfter(DOWNLOAD_MS_MAX, "not downloaded");
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new ServerFailure(`${url}: ${error instanceof Error ? error.message : String(error)}${cause}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Downloads the official archive for this platform, checks it against its pinned hash, and unpacks it into `folder`. */
export async function unpackNatsRelease(folder: string): Promise<void> {
  const platform = `${process.platform}-${process.arch}`;
  const archive = ARCHIVES[platform];
  if (archive === undefined) throw new ServerFailure(`no archive is pinned for ${platform}`);
  const bytes = await download(
    `https://github.com/nats-io/nats-server/releases/download/v${RELEASE}/${archive.name}.tar.gz`,
  );
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 !== archive.sha256) {
    throw new ServerFailure(`${archive.name}.tar.gz has SHA-256 ${sha256}, not the pinned ${archive.sha256}: refused`);
  }
  const file = join(folder, "archive.tar.gz");
  await writeFile(file, bytes);
  await promisify(execFile)("tar", [
    "-xzf",
    file,
    "-C",
    folder,
    "--strip-components=1",
    "--no-same-owner",
    `${archive.name}/nats-server`,
  ]);
  await rm(file);
}
