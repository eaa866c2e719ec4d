import { type Customer } from "./customers.ts";
import { type SimulatedChannel, type Update } from "./envelope.ts";
import { type Json, type JsonObject } from "./json.ts";
import { buildContact, buildMessage, toSeconds } from "./message.ts";
import { type Random } from "./random.ts";
import { buildStatus } from "./status.ts";

export interface ChangeContext {
  id: string;
  customer: Customer;
  channel: SimulatedChannel;
  at: number;
  random: Random;
}

/** A named update of a field other than an inbound message or a status of ours. */
export interface NamedUpdate {
  name: string;
  update: Update;
}

const metadataOf = ({ phoneNumberId, displayPhoneNumber }: SimulatedChannel): JsonObject => ({
  display_phone_number: displayPhoneNumber,
  phone_number_id: phoneNumberId,
});

/** Calls: one that a customer makes and ends, and the state of one that the business makes. */
export function callUpdates({ id, customer, channel, at }: ChangeContext): NamedUpdate[] {
  const phone = customer.phoneVisible ? customer.phone : undefined;
  const call = (event: string, more: JsonObject): Update => ({
    id: `call:${id}:${event}`,
    kind: "other",
    field: "calls",
    list: "calls",
    item: {
      id,
      event,
      direction: "USER_INITIATED",
      from: phone,
      from_user_id: customer.userId,
      to: channel.displayPhoneNumber,
      timestamp: toSeconds(at),
      ...more,
    },
    customer,
    channel,
  });
  const state: JsonObject = {
    id: `${id}-out`,
    type: "call",
    status: "ACCEPTED",
    timestamp: toSeconds(at),
    recipient_id: phone,
    recipient_user_id: customer.userId,
  };
  return [
    {
      name: "call connect",
      update: call("connect", { session: { sdp_type: "offer", sdp: "v=0\r\no=- 1 2 IN IP4 0.0.0.0" } }),
    },
    { name: "call terminate", update: call("terminate", { status: "COMPLETED", duration: 42 }) },
    {
      name: "call missed",
      update: { ...call("terminate", { id: `${id}-missed`, status: "FAILED" }), id: `call:${id}-missed:terminate` },
    },
    {
      name: "call accepted by the customer",
      update: { ...call("ACCEPTED", {}), id: `call:${id}-out:ACCEPTED`, list: "statuses", item: state },
    },
  ];
}

/** What the business wrote by hand in the WhatsApp Business app. */
export function echoUpdate({ id, customer, channel, at }: ChangeContext): Update {
  return {
    id,
    kind: "other",
    field: "smb_message_echoes",
    list: "message_echoes",
    item: {
      from: channel.displayPhoneNumber,
      to: customer.phoneVisible ? customer.phone : undefined,
      to_user_id: customer.userId,
      id,
      timestamp: toSeconds(at),
      type: "text",
      text: { body: "Te escribo desde el móvil 📱" },
    },
    customer,
    channel,
  };
}

/** Whole values: what is copied to us, what is older than we are, what is about users, groups and who may answer. */
export function wholeValueUpdates(context: ChangeContext): NamedUpdate[] {
  const { id, customer, channel, at, random } = context;
  const phone = customer.phoneVisible ? customer.phone : undefined;
  const whole = wholeValues(context);
  const message = buildMessage({ type: "text", id: `${id}standby`, customer, at, random });
  const past = buildMessage({ type: "text", id: `${id}past`, customer, at: at - 86_400_000 * 30, random });
  const user = (value: string): Json => ({
    wa_id: phone,
    user_id: customer.userId,
    category: "marketing_messages",
    value,
    timestamp: Math.floor(at / 1_000),
    detail: "User requested to stop marketing messages",
  });
  return [
    whole("user preferences", "user_preferences", {
      contacts: [buildContact(customer)],
      user_preferences: [user("stop"), user("resume")],
    }),
    whole("standby message", "standby", { standby: { contacts: [buildContact(customer)], messages: [message] } }),
    whole("standby status", "standby", {
      standby: { statuses: [buildStatus({ messageId: `${id}s`, status: "sent", customer, at })] },
    }),
    whole("history", "history", {
      history: [
        {
          metadata: { phase: 1, chunk_order: 2, progress: 55 },
          threads: [
            {
              id: customer.phone,
              messages: [past, { ...past, id: `${id}placeholder`, type: "media_placeholder", text: undefined }],
            },
          ],
        },
      ],
    }),
    whole("history refused", "history", {
      history: [{ errors: [{ code: 2593109, title: "History sharing is turned off", message: "Turned off" }] }],
    }),
    whole("contact of the phone app", "smb_app_state_sync", {
      state_sync: [
        {
          type: "contact",
          contact: { full_name: customer.name, phone_number: customer.phone },
          action: "add",
          metadata: { timestamp: toSeconds(at) },
        },
      ],
    }),
    whole("handover", "messaging_handovers", {
      recipient: { phone_number_id: channel.phoneNumberId },
      sender: { phone_number: phone, user_id: customer.userId },
      type: "control_passed",
      timestamp: toSeconds(at),
      control_passed: { previous_owner_role: "ai_agent", new_owner_role: "customer_service", metadata: "escalado ñ" },
    }),
    whole("echoes of an unknown shape", "message_echoes", { echoes: { of: [null, 1, "é"] } }),
    whole("consumer profile", "consumer_profile", { profile: { updated: true } }),
    whole("field of the future", "telepathy", { thoughts: [{ id, body: "💭" }] }),
  ];
}

/** What happens to groups and to the people in them. */
export function groupUpdates(context: ChangeContext): NamedUpdate[] {
  const whole = wholeValues(context);
  const group = { group_id: "Y2FwaV9ncm91cDox", timestamp: toSeconds(context.at), request_id: "r1" };
  return [
    whole("group created", "group_lifecycle_update", {
      groups: [{ ...group, type: "group_create", subject: "Família 👪" }],
    }),
    whole("group joined", "group_participants_update", {
      groups: [{ ...group, type: "group_participants_add", added_participants: [{ wa_id: context.customer.phone }] }],
    }),
    whole("group settings", "group_settings_update", {
      groups: [{ ...group, type: "group_settings_update", group_subject: { text: "Nuevo", update_successful: true } }],
    }),
    whole("group suspended", "group_status_update", { groups: [{ ...group, type: "group_suspend" }] }),
  ];
}

/** Makes updates that are a whole value of their field. */
export function wholeValues({ id, customer, channel }: ChangeContext) {
  return (name: string, field: string, value: JsonObject): NamedUpdate => {
    const item = { messaging_product: "whatsapp", metadata: metadataOf(channel), ...value };
    return { name, update: { id: `${field}:${name}:${id}`, kind: "other", field, item, customer, channel } };
  };
}
