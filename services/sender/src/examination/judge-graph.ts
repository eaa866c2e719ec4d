import { soundCheck, unseenCheck, wrongCheck, type Check } from "@turno/contracts";
import type { Looked, NumberFacts, SubscriptionFacts, TokenFacts } from "./graph-look.ts";

/** A channel as the doctor looks at it. */
export interface ExaminedChannel {
  name: string;
  phoneNumberId: string;
  accountId: string | null;
  /** How many messages a second are sent at most. */
  ratePerSecond: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const EXPIRES_WITHIN_DAYS = 14;
const CLOCK_TOLERANCE_MS = 10_000;
const INVALID_TOKEN = 190;
/** What sending and looking need. Source: Meta, "Permissions". */
const SCOPES = ["whatsapp_business_messaging", "whatsapp_business_management"] as const;
/** The webhook fields that take effect here, beside messages: stops of marketing, changed user ids, templates. */
const OTHER_FIELDS = ["user_preferences", "user_id_update", "message_template_status_update"];
/** Meta's throughput of a number by its level, in messages a second. Source: Meta, "Throughput". */
const RATE_OF_LEVEL: Readonly<Record<string, number>> = { STANDARD: 80, HIGH: 1_000 };
const NEW_TOKEN =
  "Make a system user's token that never expires, with whatsapp_business_messaging and whatsapp_business_management, in Meta's " +
  "business settings, and give it to the senders.";

const says = ({ code, details }: { code: number | null; details: string }) =>
  code === null ? details : `Meta says ${details} (code ${code})`;

/** Judges a token by what Meta says of it. `channels` are the names of who sends with it. */
export function judgeToken(looked: Looked<TokenFacts>, channels: readonly ExaminedChannel[], now: number): Check[] {
  const whose = `the access token of ${count(channels.length, "channel")}`;
  if (looked.kind === "away") return [judgeAway(looked.cause)];
  if (looked.kind === "refused") {
    if (looked.code === INVALID_TOKEN) return [deadToken(whose, says(looked))];
    const why = `Meta tells this token nothing of itself: ${says(looked)}`;
    return [unseenCheck("token-valid", whose, { why, advice: "Look at it in Meta's access token debugger." })];
  }
  const { is_valid: isValid, expires_at: expiresAt, scopes } = looked.value;
  if (!isValid) return [deadToken(whose, "Meta says that it is not valid.")];
  const missing = SCOPES.filter((scope) => !scopes.includes(scope));
  return [
    soundCheck("token-valid", `${whose} is valid`),
    judgeExpiry(whose, expiresAt, now),
    missing.length === 0
      ? soundCheck("token-scopes", `${whose} has ${SCOPES.join(" and ")}`)
      : wrongCheck("token-scopes", `permissions of ${whose}`, {
          wrong: `It lacks ${missing.join(" and ")}.`,
          advice: NEW_TOKEN,
        }),
    ...judgeReach(whose, looked.value, channels),
  ];
}

const deadToken = (whose: string, wrong: string): Check =>
  wrongCheck("token-valid", whose, { wrong, advice: `${NEW_TOKEN} Nothing is sent on these channels meanwhile.` });

function judgeExpiry(whose: string, expiresAt: number, now: number): Check {
  if (expiresAt === 0) return soundCheck("token-expiry", `${whose} never expires`);
  const at = new Date(expiresAt * 1_000);
  const looked = `${whose} expires ${at.toISOString()}`;
  if (at.getTime() - now > EXPIRES_WITHIN_DAYS * DAY_MS) return soundCheck("token-expiry", looked);
  return wrongCheck("token-expiry", looked, {
    wrong: `That is within ${EXPIRES_WITHIN_DAYS} days; then nothing is sent any more.`,
    advice: NEW_TOKEN,
  });
}

/** A scope may be given for some accounts only. One without targets is for all that the token's user has. */
function judgeReach(
  whose: string,
  { granular_scopes: granular }: TokenFacts,
  channels: readonly ExaminedChannel[],
): Check[] {
  const accountIds = [...new Set(channels.flatMap(({ accountId }) => accountId ?? []))];
  return SCOPES.flatMap((scope) => {
    const targets = granular.find((one) => one.scope === scope)?.target_ids;
    if (targets === undefined) return [];
    const outside = accountIds.filter((accountId) => !targets.includes(accountId));
    if (outside.length === 0) return [soundCheck("token-accounts", `${whose} has ${scope} for each account`)];
    return wrongCheck("token-accounts", `the accounts of ${whose}`, {
      wrong: `It has ${scope}, and not for the accounts ${outside.slice(0, 20).join(", ")}.`,
      advice: "Assign these accounts to the token's system user in Meta's business settings, then make a new token.",
    });
  });
}

/** Judges that Graph did not answer. */
export const judgeAway = (cause: string): Check =>
  wrongCheck("graph", "Meta's Graph API", {
    wrong: `It does not answer: ${cause}`,
    advice: "Let the senders reach GRAPH_URL, by name and through the firewall; else look at Meta's status page.",
  });

/** Judges Meta's clock, by which sessions end, against this host's. */
export function judgeMetaClock(aheadMs: number | null): Check {
  const looked = "Meta's clock, by the Date of its answers, and this host's";
  if (aheadMs === null) {
    const advice = "Look whether something between the sender and Meta drops the header.";
    return unseenCheck("clock-meta", looked, { why: "Its answers say no time.", advice });
  }
  if (Math.abs(aheadMs) <= CLOCK_TOLERANCE_MS) return soundCheck("clock-meta", looked);
  return wrongCheck("clock-meta", looked, {
    wrong: `Meta's is ${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? "ahead" : "behind"}.`,
    advice:
      "Let a time service such as NTP set this host's clock: conversations expire at another instant than Meta's sessions.",
  });
}

/** Judges whether an account's webhooks come to the token's app. */
export function judgeSubscribedApps(accountId: string, looked: Looked<string[]>, appId: string | null): Check {
  const what = `apps that get the webhooks of account ${accountId}`;
  if (looked.kind === "away") return judgeAway(looked.cause);
  if (looked.kind === "refused") return refused("app-subscribed", what, looked);
  const advice = `Subscribe the app: POST /${accountId}/subscribed_apps with its token.`;
  if (looked.value.length === 0) {
    return wrongCheck("app-subscribed", what, { wrong: "None: nothing that customers write arrives.", advice });
  }
  if (appId !== null && !looked.value.includes(appId)) {
    const wrong = `The app ${appId} is not among them; its webhooks go to others.`;
    return wrongCheck("app-subscribed", what, { wrong, advice });
  }
  return soundCheck(
    "app-subscribed",
    `account ${accountId} sends its webhooks to ${appId === null ? "an app" : `the app ${appId}`}`,
  );
}

/** Judges to which fields an app has subscribed. Most tokens may not ask that. */
export function judgeSubscriptions(appId: string, looked: Looked<SubscriptionFacts[]>): Check {
  const what = `the webhook fields of app ${appId}`;
  if (looked.kind === "away") return judgeAway(looked.cause);
  if (looked.kind === "refused") {
    const advice = `In Meta's app dashboard, WhatsApp, Configuration: subscribe to messages, ${OTHER_FIELDS.join(", ")}.`;
    return unseenCheck("webhook-fields", what, { why: `Only an app's own token sees them: ${says(looked)}`, advice });
  }
  const ours = looked.value.find(({ object }) => object === "whatsapp_business_account");
  const fields = ours?.active === true ? ours.fields.map(({ name }) => name) : [];
  const missing = ["messages", ...OTHER_FIELDS].filter((field) => !fields.includes(field));
  if (missing.length === 0) return soundCheck("webhook-fields", `${what}: ${fields.join(", ")}`);
  const wrong = missing.includes("messages")
    ? "It has not subscribed to messages: neither messages nor statuses arrive."
    : `It has not subscribed to ${missing.join(", ")}.`;
  const advice = `In Meta's app dashboard, WhatsApp, Configuration, subscribe to ${missing.join(", ")}.`;
  return wrongCheck("webhook-fields", what, { wrong, advice });
}

/** Judges whether an account's list of templates can be read. */
export function judgeTemplates(accountId: string, looked: Looked<unknown>): Check {
  const what = `the templates of account ${accountId}`;
  if (looked.kind === "away") return judgeAway(looked.cause);
  return looked.kind === "refused"
    ? refused("templates", what, looked)
    : soundCheck("templates", `${what} can be read`);
}

const refused = (code: string, looked: string, said: { code: number | null; details: string }): Check =>
  wrongCheck(code, looked, {
    wrong: `They cannot be read: ${says(said)}`,
    advice: "Give the token's system user full control of this account, and the token whatsapp_business_management.",
  });

/**
 * Judges a channel's number: `listed` are the numbers of its account, null where they cannot be listed or no account is
 * named; `own` is the number asked for by itself.
 */
export function judgeNumber(
  channel: ExaminedChannel,
  { listed, own }: { listed: readonly NumberFacts[] | null; own: Looked<NumberFacts> },
): Check[] {
  const what = `number ${channel.phoneNumberId} of ${channel.name}`;
  if (own.kind === "away") return [judgeAway(own.cause)];
  if (own.kind === "refused") {
    return [
      wrongCheck("number", what, {
        wrong: `It cannot be read: ${says(own)}`,
        advice:
          "Compare the channel's phoneNumberId with Meta's WhatsApp Manager, and give the token's user its account.",
      }),
    ];
  }
  if (listed !== null && !listed.some(({ id }) => id === own.value.id)) {
    return [
      wrongCheck("number-account", what, {
        wrong: `It is none of account ${channel.accountId}: its templates and webhooks are another's.`,
        advice: "Set the channel's accountId to the account that has this number in Meta's WhatsApp Manager.",
      }),
    ];
  }
  return [soundCheck("number", `${what} is ${describe(own.value)}`), ...judgeState(channel, what, own.value)];
}

const describe = ({ status, quality_rating: quality, throughput }: NumberFacts) =>
  `readable (status ${status ?? "unknown"}, quality ${quality ?? "unknown"}, throughput ${throughput?.level ?? "unknown"})`;

function judgeState({ ratePerSecond }: ExaminedChannel, what: string, facts: NumberFacts): Check[] {
  const { status, quality_rating: quality, code_verification_status: verification, throughput } = facts;
  const rate = RATE_OF_LEVEL[throughput?.level ?? ""];
  const faults: { wrong: string; advice: string }[] = [];
  if (status !== undefined && status !== "CONNECTED") {
    faults.push({
      wrong: `Its status is ${status}: Meta takes nothing from it, or will soon not.`,
      advice: "Register it (POST /{number}/register), or see in Meta's WhatsApp Manager why it is restricted.",
    });
  }
  if (verification === "NOT_VERIFIED" || verification === "UNVERIFIED") {
    faults.push({
      wrong: "It is not verified.",
      advice: "Verify it by the code that Meta sends: POST /{number}/request_code.",
    });
  }
  if (quality === "RED") {
    faults.push({
      wrong: "Its quality is RED: customers block or report it, and Meta lowers its limits.",
      advice: "Send fewer marketing templates, and look at what customers report in Meta's WhatsApp Manager.",
    });
  }
  if (rate !== undefined && ratePerSecond > rate) {
    faults.push({
      wrong: `${ratePerSecond} messages a second are sent at most, and Meta takes ${rate}.`,
      advice: `Lower its rate (ratePerSecond or NUMBER_RATE_PER_SECOND) to ${rate}.`,
    });
  }
  return [
    ...faults.map((fault) => wrongCheck("number-state", what, fault)),
    ...(facts.webhook_configuration === undefined ? [] : [judgeCallback(what, facts)]),
  ];
}

/** Returns where Meta posts what comes in on a number: the number's own address goes before its account's and the app's. */
export function callbackOf({ webhook_configuration: configured }: NumberFacts): string | null {
  return configured?.phone_number ?? configured?.whatsapp_business_account ?? configured?.application ?? null;
}

function judgeCallback(what: string, facts: NumberFacts): Check {
  const callback = callbackOf(facts);
  if (callback !== null) return soundCheck("webhook-callback", `${what} posts to ${callback}`);
  return wrongCheck("webhook-callback", what, {
    wrong: "Meta holds no callback address for it: nothing that customers write arrives.",
    advice: "Set the callback and its verify token in Meta's app dashboard, WhatsApp, Configuration.",
  });
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
