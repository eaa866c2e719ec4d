import { typed } from "@turno/database";
import { channels } from "@turno/database/schema";
import type { Examined } from "@turno/messaging";
import type { SenderContext } from "../context.ts";
import { examineGraph } from "./examine-graph.ts";
import { createGraphLook } from "./graph-look.ts";

/** How long one question to Meta may take, and no longer than a send. */
const LOOK_MS_MAX = 5_000;

/** Looks at Meta as the sender that has the tokens, for every channel that is configured. */
export async function examineSender({ sql, config }: Pick<SenderContext, "sql" | "config">): Promise<Examined> {
  const { name, phoneNumberId, accountId } = channels;
  const rows = await typed(sql).select({ name, phoneNumberId, accountId }).from(channels).orderBy(phoneNumberId);
  const look = createGraphLook({
    baseUrl: config.GRAPH_URL,
    version: config.GRAPH_VERSION,
    accessToken: config.WHATSAPP_ACCESS_TOKEN,
    timeoutMs: Math.min(LOOK_MS_MAX, config.SEND_TIMEOUT_MS),
  });
  const examined = rows.map((row) => ({ ...row, ratePerSecond: config.NUMBER_RATE_PER_SECOND }));
  return examineGraph([{ look, channels: examined }], Date.now());
}
