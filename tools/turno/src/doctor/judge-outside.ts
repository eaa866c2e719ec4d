import { soundCheck, unseenCheck, wrongCheck, type Check } from "@turno/contracts";

const DAY_MS = 24 * 60 * 60 * 1000;
const EXPIRES_WITHIN_DAYS = 14;
const SYNC_ADVICE =
  "Set `sync_interval: always` in `jetstream` of nats-server's configuration, as deploy/nats.conf does.";

/** What nats-server's monitoring says of JetStream; null where it did not answer, with the reason. */
export type SyncReading =
  | { kind: "seen"; isAlways: boolean; intervalMs: number | null }
  | { kind: "away"; why: string };

/** Judges whether nats-server writes to disk before it acknowledges. Only its monitoring says so. */
export function judgeSync(address: string, reading: SyncReading): Check {
  const looked = `sync_interval of the nats-server at ${address}`;
  if (reading.kind === "away") {
    const advice = "Let this host reach nats-server's monitoring, or run this beside it.";
    return unseenCheck("sync-interval", looked, { why: `Its monitoring does not answer: ${reading.why}`, advice });
  }
  if (reading.isAlways) return soundCheck("sync-interval", `${looked}: always`);
  const every = reading.intervalMs === null ? "now and then" : `every ${reading.intervalMs / 1_000} s`;
  const wrong = `It acknowledges first and writes to disk ${every}: a power cut takes what Meta was told is kept.`;
  return wrongCheck("sync-interval", looked, { wrong, advice: SYNC_ADVICE });
}

export const judgeNoMonitor = (): Check =>
  unseenCheck("sync-interval", "sync_interval of nats-server", {
    why: "Only its monitoring says it, and no address of it was given.",
    advice: `Give it by --nats-monitor http://<host>:8222, or look yourself. ${SYNC_ADVICE}`,
  });

/** What was seen of a public address's certificate. */
export type CertificateReading =
  | { kind: "seen"; expiresAt: number; chainFault: string | null }
  | { kind: "away"; why: string };

/** Judges the certificate of an https address: Meta and browsers go by it. */
export function judgeCertificate(url: string, reading: CertificateReading | null, now: number): Check {
  const looked = `the certificate of ${url}`;
  if (reading === null) {
    const advice = "Put something that speaks TLS before it, and give that https address to Meta and to people.";
    return wrongCheck("certificate", looked, { wrong: "The address is not https; Meta posts to no other.", advice });
  }
  if (reading.kind === "away") {
    return wrongCheck("certificate", looked, {
      wrong: `Nobody speaks TLS there: ${reading.why}`,
      advice:
        "Look at DNS, firewall and what speaks TLS for it. This host may also be the only one that does not reach it.",
    });
  }
  if (reading.chainFault !== null) {
    return wrongCheck("certificate", looked, {
      wrong: `It is not trusted: ${reading.chainFault}`,
      advice: "Serve a certificate of a public authority for this name, with its whole chain; Meta takes no other.",
    });
  }
  const at = new Date(reading.expiresAt).toISOString();
  if (reading.expiresAt - now > EXPIRES_WITHIN_DAYS * DAY_MS)
    return soundCheck("certificate", `${looked}: until ${at}`);
  return wrongCheck("certificate", looked, {
    wrong: `It expires ${at}, within ${EXPIRES_WITHIN_DAYS} days.`,
    advice: "Renew it, and find out why that does not happen by itself.",
  });
}

/** What a GET on a public address came to. `echoes`: the answer is the challenge. */
export type PageReading = { kind: "seen"; status: number; echoes: boolean } | { kind: "away"; why: string };

/**
 * Judges an address to which Meta posts, by a handshake with a verify token that nobody has: a gateway refuses it with 403.
 */
export function judgeWebhook(url: string, reading: PageReading): Check {
  const looked = `the webhook at ${url}, by a handshake with a token that nobody has`;
  if (reading.kind === "away") {
    return wrongCheck("webhook", looked, {
      wrong: `It cannot be reached from here: ${reading.why}`,
      advice:
        "Look at DNS, firewall and proxy: Meta must reach it from the internet. Then verify the callback in Meta's dashboard.",
    });
  }
  if (reading.status === 403) return soundCheck("webhook", `${looked}: refused, as a gateway does`);
  const advice =
    "Set the callback in Meta's app dashboard to https://<gateway>/webhooks/whatsapp, or /webhooks/whatsapp/<app key>.";
  if (reading.echoes)
    return wrongCheck("webhook", looked, { wrong: "It takes any verify token: no gateway answers there.", advice });
  const wrong =
    reading.status === 404
      ? "It is no path of the gateway, or the gateway does not know the app key in it (404)."
      : `A gateway would answer 403, and this answered ${reading.status}.`;
  return wrongCheck("webhook", looked, { wrong, advice });
}

/** Judges the address by which people reach the inbox. */
export function judgeConsole(url: string, reading: PageReading): Check {
  const looked = `the inbox at ${url}`;
  const isThere = reading.kind === "seen" && reading.status < 500;
  if (isThere) return soundCheck("console", `${looked} answers ${reading.status}`);
  return wrongCheck("console", looked, {
    wrong: reading.kind === "away" ? `It cannot be reached from here: ${reading.why}` : `It answers ${reading.status}.`,
    advice: "Look at DNS, firewall and what speaks TLS for the inbox.",
  });
}
