import { type Customer } from "./customers.ts";
import { type Json, type JsonObject } from "./json.ts";
import { toSeconds } from "./message.ts";

export const STATUS_NAMES = ["sent", "delivered", "read", "played", "failed"] as const;
export type StatusName = (typeof STATUS_NAMES)[number];

/** How a message is charged, as in `pricing` of a status. `type` regular means charged. */
export interface Pricing {
  category: string;
  type: "regular" | "free_customer_service" | "free_entry_point" | "free_group_customer_service";
}

/** What a delivery status is made of. `at` in ms since the epoch. */
export interface StatusOptions {
  messageId: string;
  status: StatusName;
  customer: Customer;
  at: number;
  callbackData?: string;
  pricing?: Pricing;
  error?: { code: number; title: string; details: string };
  /** The end of the free entry point, which Meta only names on `sent` of a message inside one. */
  freeEntryPointEndsAt?: number;
  group?: { id: string; participantPhone: string };
  templateId?: string;
}

/** A delivery status as in `statuses[]` of a webhook. On `failed` to a phone Meta leaves the user id out. */
export function buildStatus(options: StatusOptions): JsonObject {
  const { messageId, status, customer, at, callbackData, pricing, error, freeEntryPointEndsAt, group } = options;
  return {
    id: messageId,
    status,
    timestamp: toSeconds(at),
    recipient_id: group?.id ?? (customer.phoneVisible ? customer.phone : undefined),
    recipient_user_id: status === "failed" && customer.phoneVisible ? undefined : customer.userId,
    recipient_type: group === undefined ? undefined : "group",
    recipient_participant_id: group?.participantPhone,
    biz_opaque_callback_data: callbackData,
    template_id: options.templateId,
    conversation:
      freeEntryPointEndsAt === undefined
        ? undefined
        : {
            id: `fep-${messageId.slice(-8)}`,
            expiration_timestamp: status === "sent" ? toSeconds(freeEntryPointEndsAt) : undefined,
            origin: { type: "referral_conversion" },
          },
    pricing:
      pricing === undefined
        ? undefined
        : {
            billable: pricing.type === "regular",
            pricing_model: "PMP",
            type: pricing.type,
            category: pricing.category,
          },
    errors: error === undefined ? undefined : [webhookError(error)],
  };
}

/** An error as webhooks carry it, in statuses, messages and values. */
export function webhookError({ code, title, details }: { code: number; title: string; details: string }): Json {
  return {
    code,
    title,
    message: title,
    error_data: { details },
    href: "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes",
  };
}
