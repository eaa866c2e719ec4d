import { isDataFault, readClock } from "@turno/database";
import type { PartitionReader } from "@turno/messaging";
import { isDefect } from "@turno/runtime";
import { readLane, readLines } from "@turno/stateful-service";
import { readLine, readTemplateChange, type TemplateChange } from "@turno/whatsapp";
import type { SenderContext } from "../context.ts";
import { readAccountToken } from "../tokens/own-token.ts";
import { TokenUnreadable } from "../tokens/token-vault.ts";
import {
  applyTemplateUpdates,
  listAccounts,
  noteList,
  replaceTemplates,
  type TemplateUpdate,
} from "./write-templates.ts";

/** A list is read once for all that asks for it within this time. */
const GATHER_MS = 1_000;
const RETRY_MS = 60_000;
/** Who asks for a template that does not exist does not have Meta asked each time. */
const AGAIN_MS = 10_000;

export interface TemplateSync {
  /** Reads the lists soon. */
  request(): void;
  /** Reads an account's list now, unless it was read a moment ago. Returns why it could not be read, or null. */
  read(accountId: string): Promise<string | null>;
  stop(): Promise<void>;
}

/** Reads each account's list of templates: soon, when asked, and from time to time, because a webhook can be missed. */
export function syncTemplates(context: SenderContext): TemplateSync {
  const { config, fail } = context;
  let timer: NodeJS.Timeout | undefined;
  let dueAt = Infinity;
  let running = Promise.resolve();
  let isStopping = false;
  const runIn = (ms: number) => {
    const at = performance.now() + ms;
    if (isStopping || at >= dueAt) return;
    clearTimeout(timer);
    dueAt = at;
    timer = setTimeout(() => {
      dueAt = Infinity;
      running = running
        .then(() => readAllLists(context))
        .then((isWhole) => runIn(isWhole ? config.TEMPLATE_SYNC_MS : Math.min(RETRY_MS, config.TEMPLATE_SYNC_MS)))
        .catch((error: unknown) => {
          fail("templates")(error);
          runIn(RETRY_MS);
        });
    }, ms);
  };
  // By then it is heard where somebody configures a channel: what was configured before is read now.
  runIn(GATHER_MS);
  // One reading serves all who ask while it is under way, and a moment after.
  const readings = new Map<string, { from: number; failure: Promise<string | null> }>();
  return {
    request: () => runIn(GATHER_MS),
    read: (accountId) => {
      const known = readings.get(accountId);
      const now = performance.now();
      if (known !== undefined && now - known.from < AGAIN_MS) return known.failure;
      const failure = readList(context, accountId);
      readings.set(accountId, { from: now, failure });
      return failure;
    },
    stop: async () => {
      isStopping = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** One account's trouble does not keep the others' lists from being read. True where all could be. */
async function readAllLists(context: SenderContext): Promise<boolean> {
  let isWhole = true;
  for (const accountId of await listAccounts(context.sql)) {
    if ((await readList(context, accountId)) !== null) isWhole = false;
  }
  return isWhole;
}

/** Reads one account's list, and notes when, or why it could not be read. Returns that reason, or null. */
async function readList(context: SenderContext, accountId: string): Promise<string | null> {
  const { sql, client, tokens, metrics, fail, tellDefect } = context;
  const readAt = await readClock(sql);
  let failure: string | null = null;
  try {
    const accessToken = await readAccountToken(sql, accountId, tokens);
    if (accessToken === null)
      throw new TokenUnreadable(`account ${accountId} has no access token: an admin has to set it`);
    await replaceTemplates(sql, accountId, await client.listTemplates(accountId, { accessToken }), readAt);
  } catch (error) {
    const tell = isDefect(error) ? tellDefect : fail;
    tell("templates")(error);
    failure = isDefect(error) ? "a defect: the log says more" : (error as Error).message;
  }
  metrics.templates.inc({ outcome: failure === null ? "ok" : "failed" });
  await noteList(sql, accountId, { readAt, failure });
  return failure;
}

function toTemplateChanges(json: string): TemplateChange[] {
  const line = readLine(json);
  const change = "cause" in line ? null : readTemplateChange(line);
  return change === null ? [] : [change];
}

/**
 * Follows what the account webhooks say of templates. Everything else of that lane is for other programs, and nothing is set
 * aside: the list says it too.
 */
export function followTemplates(context: SenderContext, sync: TemplateSync): PartitionReader {
  const onDefect = context.tellDefect("account");
  return readLane(context, {
    lane: "account",
    consumer: "templates",
    stage: "account",
    apply: async (reader, { lines, moves }) => {
      const changes = readLines(lines, toTemplateChanges, (_json, defect) => {
        onDefect(defect);
        sync.request();
        return [];
      }).flat();
      const apply = (updates: readonly TemplateUpdate[]) =>
        applyTemplateUpdates(context.sql, { reader, moves, updates });
      const unknownAccountIds = await apply(changes).catch((error: unknown) => {
        if (!isDataFault(error) && !isDefect(error)) throw error;
        // The list says what the batch would have said.
        onDefect(error);
        sync.request();
        return apply([]);
      });
      if (unknownAccountIds.length > 0 || changes.some(({ isRewritten }) => isRewritten === true)) sync.request();
    },
  });
}
