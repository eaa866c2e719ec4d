import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { ServerFailure } from "./failure.ts";

export interface SystemUser {
  name: string;
  uid: number;
  gid: number;
}

/**
 * Postgres refuses to run as root. Root runs it as `postgres` where the machine has that user, else as `nobody`;
 * everybody else runs it as themselves (null).
 */
export async function postgresUser(): Promise<SystemUser | null> {
  if (process.getuid?.() !== 0) return null;
  const entries = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const wanted of ["postgres", "nobody"]) {
    const [name, , uid, gid] = entries.find(([entry]) => entry === wanted) ?? [];
    if (name !== undefined && Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new ServerFailure(
    "Postgres does not run as root, and this machine has neither a user postgres nor a user nobody to run it as. " +
      "Add one, or use a running server with DATABASE_URL.",
  );
}

/** Whether that user (null: this one) passes `test -<check> path`, which looks at every folder on the way too. */
export function canUser(user: SystemUser | null, check: "r" | "w" | "x", path: string): Promise<boolean> {
  const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
  return new Promise((resolve) => {
    execFile("/usr/bin/env", ["test", `-${check}`, path], { cwd: "/", ...identity }, (error) =>
      resolve(error === null),
    );
  });
}
