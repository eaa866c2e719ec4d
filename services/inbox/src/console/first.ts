import { html } from "hono/html";
import { chooseTemplate, writeParameters } from "./actions.ts";
import { FIRST_PATH } from "./first-path.ts";
import type { FormWriter, Html } from "./form.ts";
import type { Form } from "./forms.ts";
import type { FirstScreen, Page } from "./read-page.ts";

/** Writes the screen from which one writes to a customer first: to whom and where, which template, then what it says. */
export function writeFirstScreen(page: Page, screen: FirstScreen, writer: FormWriter): Html {
  return html`<article class="conversation" id="first-screen">
    <header>
      <a class="back" href="/console">← All conversations</a>
      <h1>Write to a customer</h1>
    </header>
    <div class="said">
      ${screen.channels.length === 0 ? html`<p class="none">None of your groups has a channel.</p>` : writeSteps(page, screen, writer)}
    </div>
  </article>`;
}

function writeSteps({ query }: Page, { channels, templates, unreadTemplates }: FirstScreen, writer: FormWriter): Html {
  const contactId = query["contact"] ?? "";
  const to = query["to"] ?? "";
  const whom =
    contactId === ""
      ? html`<label for="first-to">Phone number with country code, or user id</label>
          <input id="first-to" name="to" maxlength="260" required value="${to}" />`
      : html`<input type="hidden" name="contact" value="${contactId}" />
          <p>To the customer of the page that led here.</p>`;
  const where = html`<label for="first-channel">From</label>
    <select id="first-channel" name="channel" required>
      <option value="">Choose…</option>
      ${channels.map(
        ({ id, name }) => html`<option value="${id}" ${id === query["channel"] ? "selected" : ""}>${name}</option>`,
      )}
    </select>`;
  const fields = html`${whom}${where}`;
  const choose = {
    name: "first-whom",
    action: FIRST_PATH,
    button: "Choose a template",
    method: "get" as const,
    fields,
  };
  if (templates === null) return html`${writer.form(choose)}`;
  const kept = html`<input type="hidden" name="contact" value="${contactId}" /><input
      type="hidden"
      name="to"
      value="${to}"
    /><input type="hidden" name="channel" value="${query["channel"] ?? ""}" />`;
  const place = { action: FIRST_PATH, kept, button: "Write to the customer" };
  const { chosen, form } = chooseTemplate(query, { templates, unreadTemplates }, { path: FIRST_PATH, kept }, writer);
  return html`${writer.form(choose)} ${form} ${chosen === undefined ? "" : writeParameters(place, chosen, writer)}`;
}

/** Returns whom a filled form names. People write phone numbers with spaces and signs, and `00` for `+`. */
export function readAddressee({ contact = "", to = "" }: Form): object {
  if (contact !== "") return { contactId: contact };
  const named = to.trim();
  if (/^[A-Z]{2}\./.test(named)) return { userId: named };
  return { phone: named.replaceAll(/[\s().\-/]/g, "").replace(/^00/, "+") };
}
