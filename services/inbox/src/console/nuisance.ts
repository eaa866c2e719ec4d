import { html } from "hono/html";
import type { ConversationView } from "../lists/conversation-row.ts";
import type { FormWriter, Html } from "./form.ts";
import type { Page } from "./read-page.ts";

/** Writes the form that ends a conversation as spam, and also blocks its customer for who may. */
export function writeSpam({ id, contact }: ConversationView, writer: FormWriter): Html {
  const block = html`<label class="check">
    <input type="checkbox" name="block" value="yes" /> Also block this customer
  </label>`;
  const fields = contact.actions.includes("block") ? block : html``;
  return writer.form({ name: "spam", action: `/console/c/${id}/spam`, button: "Close as spam", kind: "grave", fields });
}

/** Writes what who may can do with the customer, whatever becomes of the conversation: block it, or unblock it. */
export function writeBlocking(page: Page, { id, contact }: ConversationView, writer: FormWriter): Html | "" {
  const own = html`<input type="hidden" name="contactId" value="${contact.id}" />`;
  if (contact.actions.includes("unblock")) {
    return writer.form({
      name: "unblock",
      action: `/console/c/${id}/unblock`,
      button: "Unblock this customer",
      fields: own,
    });
  }
  if (!contact.actions.includes("block")) return "";
  const fields = html`${own} <label for="block-reason">Why</label>
    <input id="block-reason" name="reason" maxlength="500" required value="${writer.given("block", "reason")}" />`;
  return html`<details id="block" ${page.refused?.form === "block" ? "open" : ""}>
    <summary>Block this customer…</summary>
    ${writer.form({ name: "block", action: `/console/c/${id}/block`, button: "Block", kind: "grave", fields })}
  </details>`;
}
