import { randomUUID } from "node:crypto";
import { connect } from "node:tls";
import type { CertificateReading, PageReading, SyncReading } from "./judge-outside.ts";

const LOOK_MS_MAX = 5_000;
const ANSWER_BYTES_MAX = 1024 * 1024;
const HTTPS_PORT = 443;
const NANOSECONDS_PER_MS = 1_000_000;

/** Asks nats-server's monitoring how it syncs. */
export async function readSync(address: string): Promise<SyncReading> {
  try {
    const response = await fetch(new URL("/varz", address), {
      signal: AbortSignal.timeout(LOOK_MS_MAX),
      redirect: "manual",
    });
    if (response.status !== 200) return { kind: "away", why: `it answers ${response.status}` };
    const text = await readBounded(response);
    const body = JSON.parse(text) as { jetstream?: { config?: { sync_always?: unknown; sync_interval?: unknown } } };
    const config = body.jetstream?.config;
    if (config === undefined) return { kind: "away", why: "it says nothing of JetStream" };
    const interval = config.sync_interval;
    const intervalMs = typeof interval === "number" ? interval / NANOSECONDS_PER_MS : null;
    return { kind: "seen", isAlways: config.sync_always === true, intervalMs };
  } catch (error) {
    return { kind: "away", why: causeOf(error) };
  }
}

/** Reads the certificate of an https address and whether its chain is trusted here; null for any other address. */
export function readCertificate(url: string): Promise<CertificateReading | null> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "https:") return Promise.resolve(null);
  return new Promise((resolve) => {
    // An untrusted one is looked at too: that is what this is for, and nothing is sent.
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? HTTPS_PORT : Number(port),
      servername: hostname,
      rejectUnauthorized: false,
      timeout: LOOK_MS_MAX,
    });
    const end = (reading: CertificateReading) => {
      socket.destroy();
      resolve(reading);
    };
    socket.once("secureConnect", () => {
      const { valid_to: until } = socket.getPeerCertificate();
      const fault = socket.authorized ? null : String(socket.authorizationError ?? "no reason given");
      end({ kind: "seen", expiresAt: Date.parse(until), chainFault: fault });
    });
    socket.once("timeout", () => end({ kind: "away", why: "timeout" }));
    socket.once("error", (error) => end({ kind: "away", why: causeOf(error) }));
  });
}

/** Tries a webhook as Meta does when a callback is set, with a verify token that nobody has. */
export function tryHandshake(url: string): Promise<PageReading> {
  const challenge = randomUUID();
  const address = new URL(url);
  address.searchParams.set("hub.mode", "subscribe");
  address.searchParams.set("hub.verify_token", randomUUID());
  address.searchParams.set("hub.challenge", challenge);
  return getPage(address, challenge);
}

/** Gets an address. It follows no redirect: what is there is what is asked about. */
export async function getPage(address: URL, challenge?: string): Promise<PageReading> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(LOOK_MS_MAX), redirect: "manual" });
    const text = await readBounded(response);
    return { kind: "seen", status: response.status, echoes: challenge !== undefined && text.trim() === challenge };
  } catch (error) {
    return { kind: "away", why: causeOf(error) };
  }
}

async function readBounded({ body }: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Returns a short word for why something could not be reached. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code, name, message } = cause as { code?: unknown; name?: string; message?: string };
  if (typeof code === "string") return code;
  return name === "TimeoutError" ? "timeout" : (message ?? String(cause));
}
