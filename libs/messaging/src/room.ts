import { STREAMS } from "@turno/contracts";
import type { Connection } from "./connection.ts";
import { callApi, type ApiReply } from "./stream-api.ts";

/** How much something holds, and how much it may hold; null if the server names no limit. */
export interface Room {
  name: string;
  bytes: number;
  bytesMax: number | null;
  /** When the oldest record of a stream was stored; null for an empty one, and for the account. */
  oldestAt: Date | null;
}

interface AccountReply extends ApiReply {
  storage?: number;
  limits?: { max_storage?: number };
}

const limit = (bytesMax: unknown) => (typeof bytesMax === "number" && bytesMax > 0 ? bytesMax : null);

/** Measures how full both streams are, and the account with all its streams. Leaves out what is missing now. */
export async function readRoom(connection: Connection): Promise<Room[]> {
  const rooms: Room[] = [];
  for (const name of Object.values(STREAMS)) {
    const { state, config } = await callApi(connection, `STREAM.INFO.${name}`, {});
    if (state === undefined) continue;
    const { bytes, messages = 0, first_ts: oldest } = state;
    const oldestAt = messages > 0 && oldest !== undefined ? new Date(oldest) : null;
    rooms.push({ name, bytes, bytesMax: limit(config?.["max_bytes"]), oldestAt });
  }
  const { storage, limits } = await callApi<AccountReply>(connection, "INFO", {});
  const ofAccount = { name: "account", bytesMax: limit(limits?.max_storage), oldestAt: null };
  if (storage !== undefined) rooms.push({ ...ofAccount, bytes: storage });
  return rooms;
}
