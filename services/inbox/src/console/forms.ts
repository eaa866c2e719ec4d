import { placesOf, namesOf, type TemplateComponent, type TemplatePlace } from "@turno/conversation";

export type Form = Record<string, string>;

/** The request of each form of a conversation: the body for its path, see `pathOfForm`. */
export const FORMS: Record<string, (form: Form) => object> = {
  claim: () => ({}),
  accept: () => ({}),
  decline: ({ reason = "" }) => (reason === "" ? {} : { reason }),
  messages: ({ text = "" }) => ({ message: { type: "text", body: text } }),
  transfer: ({ to = "", reason = "", force = "" }) => ({
    to: readReceiver(to),
    ...(reason === "" ? {} : { reason }),
    ...(force === "" ? {} : { force: true }),
  }),
  ticket: ({ subject = "", body = "", requester = "", reach = "" }) => ({
    subject,
    body,
    ...(requester === "" ? {} : { requester: { name: requester, reach } }),
  }),
  "ticket-link": ({ number = "", anothers = "" }) => ({
    ticket: { number: Number(number) },
    anothers: anothers !== "",
  }),
  "ticket-link/confirm": ({ ticketId }) => (ticketId === undefined ? {} : { ticketId }),
  "ticket-link/reject": ({ ticketId }) => (ticketId === undefined ? {} : { ticketId }),
  close: () => ({}),
  spam: ({ block = "" }) => ({ block: block !== "" }),
  block: ({ reason = "" }) => ({ reason }),
  unblock: () => ({}),
  finalise: ({ number = "", anothers = "" }) =>
    number === "" ? {} : { ticket: { number: Number(number) }, anothers: anothers !== "" },
};

/** Returns where in the API a form of a conversation's page goes: what is about the contact reaches all its conversations. */
export function pathOfForm(verb: string, conversationId: string, { contactId = "" }: Form): string {
  const isOfContact = verb === "block" || verb === "unblock";
  return isOfContact
    ? `/v1/contacts/${encodeURIComponent(contactId)}/${verb}`
    : `/v1/conversations/${conversationId}/${verb}`;
}

/**
 * Reads the receiver of a transfer: `group:<id>`, or `agent:<id>` and, if it is not the conversation's own, `:<id of
 * the group>`.
 */
function readReceiver(to: string): object {
  const [kind, id = "", groupId] = to.split(":");
  if (kind !== "agent") return { groupId: id };
  return { agentId: id, ...(groupId === undefined ? {} : { groupId }) };
}

export interface TemplateField {
  name: string;
  label: string;
  /** Whether it takes the address of a medium. */
  isLink: boolean;
}

const nameOf = (place: TemplatePlace, placeholder: string) => `${place.type}.${place.index ?? 0}.${placeholder}`;

/** Returns the fields of a form for a template: one for each parameter. */
export function templateFields(components: readonly TemplateComponent[]): TemplateField[] {
  return placesOf({ components }).flatMap((place) =>
    place.placeholders.map((placeholder) => {
      const where = place.index === null ? place.type : `button ${place.index + 1}`;
      const isLink = place.format !== "text";
      const label = isLink ? `Address of the ${placeholder}` : `{{${placeholder}}} in the ${where}`;
      return { name: nameOf(place, placeholder), label, isLink };
    }),
  );
}

/** Returns the template message of a filled form. */
export function readTemplate(
  template: { name: string; language: string; components: readonly TemplateComponent[] },
  form: Form,
): object {
  const components = placesOf(template)
    .filter(({ placeholders }) => placeholders.length > 0)
    .map((place) => ({
      type: place.type,
      ...(place.index === null ? {} : { sub_type: "url", index: String(place.index) }),
      parameters: place.placeholders.map((placeholder) => {
        const value = form[nameOf(place, placeholder)] ?? "";
        if (place.format !== "text") return { type: place.format, [place.format]: { link: value } };
        const isNamed = namesOf(place).includes(placeholder);
        return { type: "text", text: value, ...(isNamed ? { parameter_name: placeholder } : {}) };
      }),
    }));
  const message = { type: "template", name: template.name, language: template.language, components };
  return { message, ...((form["force"] ?? "") === "" ? {} : { force: true }) };
}
