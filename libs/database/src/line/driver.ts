import type Postgres from "postgres";
import { readFileSync } from "node:fs";
import { createRequire, registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * What is mended in the driver's source while it is loaded: each text must be found exactly once. A session that ends
 * leaves its connection object as it was in the middle of things, so that the next session
 * - never writes anything, because a write that was put off is cancelled and still counts as to come: each call on it times
 *   out after `connect_timeout`, for as long as the process lives;
 * - never ends a call that came between the socket's error and its close, or gives it another call's answer;
 * - fails its first call with the error that ended the last one.
 * Source: postgres 3.4.9, `src/connection.js`; its pull requests 1142, 1209 and 1215 are about the same.
 */
const MENDS: readonly (readonly [found: string, mended: string])[] = [
  [
    "incomings = null\n    clearImmediate(nextWriteTimer)",
    "incomings = null\n    clearImmediate(nextWriteTimer)\n    nextWriteTimer = chunk = null",
  ],
  [
    "!hadError && (query || sent.length) && error(Errors.connection('CONNECTION_CLOSED', options, socket))",
    ";(query || sent.length) && error(Errors.connection('CONNECTION_CLOSED', options, socket))\n    query = errorResponse = null",
  ],
];

function mend(source: string): string {
  return MENDS.reduce((text, [found, mended]) => {
    const parts = text.split(found);
    if (parts.length !== 2) throw new Error("the driver postgres is not the version that line/driver.ts mends");
    return parts.join(mended);
  }, source);
}

/** Loads the driver, mended, as CommonJS: an instance of its own, whatever else of the process uses the driver. */
function load(): typeof Postgres {
  const require = createRequire(import.meta.url);
  const connection = join(dirname(require.resolve("postgres")), "connection.js");
  const url = pathToFileURL(connection).href;
  const hooks = registerHooks({
    load: (loadedUrl, context, next) => {
      const loaded = next(loadedUrl, context);
      if (loadedUrl !== url) return loaded;
      const source = mend(readFileSync(connection, "utf8"));
      return { ...loaded, source: `${source}\nmodule.exports.isMended = true\n` };
    },
  });
  try {
    const driver = require("postgres") as typeof Postgres;
    if ((require(connection) as { isMended?: boolean }).isMended === true) return driver;
    throw new Error("the driver postgres was loaded as CommonJS before line/driver.ts could mend it");
  } finally {
    hooks.deregister();
  }
}

export const postgres = load();
