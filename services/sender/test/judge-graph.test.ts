import type { Check } from "@turno/contracts";
import { describe, expect, it } from "vitest";
import type { NumberFacts, TokenFacts } from "../src/examination/graph-look.ts";
import {
  judgeMetaClock,
  judgeNumber,
  judgeSubscribedApps,
  judgeSubscriptions,
  judgeTemplates,
  judgeToken,
  type ExaminedChannel,
} from "../src/examination/judge-graph.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const DAY_SECONDS = 24 * 3_600;
const CHANNEL: ExaminedChannel = { name: "Main", phoneNumberId: "123", accountId: "100", ratePerSecond: 80 };
const TOKEN: TokenFacts = {
  app_id: "7",
  is_valid: true,
  expires_at: 0,
  scopes: ["whatsapp_business_management", "whatsapp_business_messaging"],
  granular_scopes: [],
};
const NUMBER: NumberFacts = {
  id: "123",
  status: "CONNECTED",
  quality_rating: "GREEN",
  code_verification_status: "VERIFIED",
  throughput: { level: "STANDARD" },
  webhook_configuration: { application: "https://turno.example.org/webhooks/whatsapp" },
};
const FIELDS = ["messages", "user_preferences", "user_id_update", "message_template_status_update"];

const seen = <T>(value: T) => ({ kind: "seen", value }) as const;
const refusedWith = (code: number, details: string) => ({ kind: "refused", code, details }) as const;
const away = { kind: "away", cause: "timeout" } as const;
const token = (changed: Partial<TokenFacts>) => judgeToken(seen({ ...TOKEN, ...changed }), [CHANNEL], NOW);
const number = (changed: Partial<NumberFacts>, channel: Partial<ExaminedChannel> = {}) =>
  judgeNumber({ ...CHANNEL, ...channel }, { listed: [NUMBER], own: seen({ ...NUMBER, ...changed }) });
const subscribed = (fields: string[], active = true) =>
  judgeSubscriptions(
    "7",
    seen([{ object: "whatsapp_business_account", active, fields: fields.map((name) => ({ name })) }]),
  );
const wrongIn = (found: Check | Check[]) => [found].flat().filter(({ state }) => state === "wrong");

const FAULTS: [what: string, found: Check | Check[], code: string, wrong: RegExp, advice: RegExp][] = [
  [
    "a token that Meta knows no more",
    judgeToken(refusedWith(190, "expired"), [CHANNEL], NOW),
    "token-valid",
    /expired \(code 190\)/,
    /Nothing is sent/,
  ],
  ["a token that was revoked", token({ is_valid: false }), "token-valid", /not valid/, /system user's token/],
  [
    "a token that expires next week",
    token({ expires_at: NOW / 1_000 + 7 * DAY_SECONDS }),
    "token-expiry",
    /within 14 days/,
    /never expires/,
  ],
  [
    "a token that may not send",
    token({ scopes: ["whatsapp_business_management"] }),
    "token-scopes",
    /lacks whatsapp_business_messaging/,
    /system user/,
  ],
  [
    "a token for another account",
    token({ granular_scopes: [{ scope: "whatsapp_business_messaging", target_ids: ["200"] }] }),
    "token-accounts",
    /not for the accounts 100/,
    /Assign/,
  ],
  ["Graph out of reach", judgeToken(away, [CHANNEL], NOW), "graph", /timeout/, /GRAPH_URL/],
  ["a clock behind Meta's", judgeMetaClock(61_000), "clock-meta", /61 s ahead/, /NTP/],
  ["a clock ahead of Meta's", judgeMetaClock(-61_000), "clock-meta", /61 s behind/, /NTP/],
  [
    "an account without a subscribed app",
    judgeSubscribedApps("100", seen([]), "7"),
    "app-subscribed",
    /None/,
    /POST \/100\/subscribed_apps/,
  ],
  [
    "an account of another app",
    judgeSubscribedApps("100", seen(["8"]), "7"),
    "app-subscribed",
    /app 7 is not among/,
    /POST/,
  ],
  [
    "an account that may not be asked",
    judgeSubscribedApps("100", refusedWith(200, "no"), "7"),
    "app-subscribed",
    /code 200/,
    /full control/,
  ],
  [
    "an app without messages",
    subscribed(FIELDS.slice(1)),
    "webhook-fields",
    /neither messages nor statuses/,
    /messages/,
  ],
  [
    "an app without stops of marketing",
    subscribed(FIELDS.filter((name) => name !== "user_preferences")),
    "webhook-fields",
    /not subscribed to user_preferences/,
    /user_preferences/,
  ],
  ["a subscription that was switched off", subscribed(FIELDS, false), "webhook-fields", /messages/, /subscribe/],
  [
    "templates that may not be read",
    judgeTemplates("100", refusedWith(10, "no")),
    "templates",
    /code 10/,
    /management/,
  ],
  [
    "a number that cannot be read",
    judgeNumber(CHANNEL, { listed: [], own: refusedWith(100, "no such object") }),
    "number",
    /no such object/,
    /phoneNumberId/,
  ],
  [
    "a number of another account",
    judgeNumber(CHANNEL, { listed: [], own: seen(NUMBER) }),
    "number-account",
    /none of account 100/,
    /accountId/,
  ],
  ["a number that is restricted", number({ status: "RESTRICTED" }), "number-state", /RESTRICTED/, /Register/],
  [
    "a number that is not verified",
    number({ code_verification_status: "NOT_VERIFIED" }),
    "number-state",
    /not verified/,
    /request_code/,
  ],
  ["a number of low quality", number({ quality_rating: "RED" }), "number-state", /RED/, /marketing/],
  [
    "a rate above Meta's",
    number({}, { ratePerSecond: 81 }),
    "number-state",
    /81 messages a second.* takes 80/,
    /Lower/,
  ],
  [
    "a number without a callback",
    number({ webhook_configuration: {} }),
    "webhook-callback",
    /no callback/,
    /dashboard/,
  ],
];

describe("a look at Meta", () => {
  it.each(FAULTS)("explains %s, and finds nothing else", (_what, found, code, wrong, advice) => {
    const faults = wrongIn(found);
    expect(faults.map((fault) => fault.code)).toEqual([code]);
    expect(faults[0]?.wrong).toMatch(wrong);
    expect(faults[0]?.advice).toMatch(advice);
  });

  it("finds nothing wrong with what is as it should be", () => {
    const sound = [
      token({}),
      token({ expires_at: NOW / 1_000 + 15 * DAY_SECONDS }),
      token({ granular_scopes: [{ scope: "whatsapp_business_messaging", target_ids: ["100"] }] }),
      judgeMetaClock(-9_000),
      judgeSubscribedApps("100", seen(["8", "7"]), "7"),
      subscribed([...FIELDS, "calls"]),
      judgeTemplates("100", seen({ data: [] })),
      number({}),
      number({ throughput: { level: "HIGH" } }, { ratePerSecond: 1_000 }),
      judgeNumber({ ...CHANNEL, accountId: null }, { listed: null, own: seen(NUMBER) }),
    ].flat();
    expect(sound.filter(({ state }) => state !== "sound")).toEqual([]);
  });

  it("takes what this token may not see for no fault", () => {
    const unseen = [
      judgeSubscriptions("7", refusedWith(15, "must be called with an app access_token")),
      ...judgeToken(refusedWith(100, "must be called by the app"), [CHANNEL], NOW),
      judgeMetaClock(null),
    ];
    expect(unseen.map(({ state }) => state)).toEqual(["unseen", "unseen", "unseen"]);
  });
});
