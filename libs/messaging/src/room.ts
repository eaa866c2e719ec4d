import { STREAMS } from "@turno/contracts";
import type { Connection } from "./connection.ts";
import { callApi, type ApiReply } from "./stream-api.ts";

/** How much something holds, and may hold; null where the server sets no limit that it tells. */
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

/** Asks how full both streams are, and the account with all its streams. What is missing now is left out. */
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
