import { STREAMS } from "@turno/contracts";
import type { Connection } from "./connection.ts";
import { callApi, type ApiReply } from "./stream-api.ts";

/** How much something holds, and how much it may hold; null if the server names no limit. */
export interface Room {
  name: string;
  bytes: number;
  bytesMax: number | null;
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
    if (state !== undefined) rooms.push({ name, bytes: state.bytes, bytesMax: limit(config?.["max_bytes"]) });
  }
  const { storage, limits } = await callApi<AccountReply>(connection, "INFO", {});
  if (storage !== undefined) rooms.push({ name: "account", bytes: storage, bytesMax: limit(limits?.max_storage) });
  return rooms;
}
