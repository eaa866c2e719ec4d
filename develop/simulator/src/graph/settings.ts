import { type SimulatedChannel } from "../envelope.ts";
import { type JsonObject } from "../json.ts";

/** What Meta holds of a number. */
export interface NumberSettings {
  accountId: string;
  status: string;
  quality: string;
  verification: string;
  throughput: string;
}

/** What an administrator sets at Meta, and Graph tells of it. A test changes it: that plants a fault. */
export interface MetaSettings {
  appId: string;
  /** Seconds since the epoch; 0: never. */
  tokenExpiresAt: number;
  scopes: string[];
  /** The accounts for which the scopes are given; null for all. */
  tokenAccounts: string[] | null;
  subscribedApps: string[];
  fields: string[];
  /** Whether a token that is no app's own sees the subscriptions. */
  showsSubscriptions: boolean;
  /** Where the app's webhooks go; null where no callback is set. */
  callback: string | null;
  areTemplatesForbidden: boolean;
  /** How far Meta's clock is ahead in its answers, in milliseconds. */
  dateAheadMs: number;
  numbers: Map<string, NumberSettings>;
}

const APP_ID = "700000000000001";

/** Settings without a fault. */
export function createMetaSettings(channels: readonly SimulatedChannel[]): MetaSettings {
  return {
    appId: APP_ID,
    tokenExpiresAt: 0,
    scopes: ["whatsapp_business_management", "whatsapp_business_messaging"],
    tokenAccounts: null,
    subscribedApps: [APP_ID],
    fields: ["messages", "user_preferences", "user_id_update", "message_template_status_update"],
    showsSubscriptions: true,
    callback: null,
    areTemplatesForbidden: false,
    dateAheadMs: 0,
    numbers: new Map(
      channels.map(({ phoneNumberId, accountId }) => [
        phoneNumberId,
        { accountId, status: "CONNECTED", quality: "GREEN", verification: "VERIFIED", throughput: "STANDARD" },
      ]),
    ),
  };
}

/** What a question about settings came to: Graph's answer, or its code. */
export type SettingsAnswer = JsonObject | { code: number };

/** Answers a question about settings; null for one about something else. Shapes by Meta's references of token, number and account. */
export function answerSettings(settings: MetaSettings, owner: string, edge: string): SettingsAnswer | null {
  if (owner === "debug_token") return { data: tokenOf(settings) };
  if (edge === "subscriptions") return subscriptionsOf(settings, owner);
  const known = [...settings.numbers].filter(([, { accountId }]) => accountId === owner);
  if (edge === "phone_numbers") {
    return known.length === 0 ? { code: 100 } : { data: known.map(([id, one]) => numberOf(settings, id, one)) };
  }
  if (edge === "subscribed_apps") {
    if (known.length === 0) return { code: 100 };
    return {
      data: settings.subscribedApps.map((id) => ({ whatsapp_business_api_data: { id, name: "App", link: "" } })),
    };
  }
  if (edge === "message_templates" && settings.areTemplatesForbidden) return { code: 200 };
  const number = edge === "" ? settings.numbers.get(owner) : undefined;
  return number === undefined ? null : numberOf(settings, owner, number);
}

function tokenOf({ appId, tokenExpiresAt, scopes, tokenAccounts }: MetaSettings): JsonObject {
  const granular = scopes.map((scope) => ({ scope, target_ids: tokenAccounts ?? undefined }));
  return {
    app_id: appId,
    type: "SYSTEM_USER",
    application: "App",
    data_access_expires_at: 0,
    expires_at: tokenExpiresAt,
    is_valid: true,
    scopes,
    granular_scopes: granular,
  };
}

function subscriptionsOf({ appId, showsSubscriptions, callback, fields }: MetaSettings, owner: string): SettingsAnswer {
  if (!showsSubscriptions || owner !== appId) return { code: 10 };
  const named = fields.map((name) => ({ name, version: "v26.0" }));
  return { data: [{ object: "whatsapp_business_account", callback_url: callback ?? "", active: true, fields: named }] };
}

function numberOf({ callback }: MetaSettings, id: string, number: NumberSettings): JsonObject {
  return {
    id,
    status: number.status,
    quality_rating: number.quality,
    code_verification_status: number.verification,
    throughput: { level: number.throughput },
    webhook_configuration: callback === null ? {} : { application: callback },
  };
}
