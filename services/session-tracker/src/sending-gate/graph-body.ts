import type { OutgoingMessage } from "@turno/contracts";

/** Returns a message as the Graph API's body, without addressing. Source: Meta, Cloud API, "Messages" reference. */
export function toGraphBody(message: OutgoingMessage): Record<string, unknown> {
  const context =
    "replyTo" in message && message.replyTo !== undefined ? { context: { message_id: message.replyTo } } : {};
  switch (message.type) {
    case "text":
      return { ...context, type: "text", text: { body: message.body, preview_url: message.previewUrl } };
    case "interactive":
      return { ...context, type: "interactive", interactive: message.interactive };
    case "location": {
      const { latitude, longitude, name, address } = message;
      return { ...context, type: "location", location: { latitude, longitude, name, address } };
    }
    case "contacts":
      return { ...context, type: "contacts", contacts: message.contacts };
    case "reaction":
      return { type: "reaction", reaction: { message_id: message.messageId, emoji: message.emoji } };
    case "template": {
      const { name, language, components } = message;
      return { type: "template", template: { name, language: { code: language }, components } };
    }
    case "read": {
      const typing = message.typing ? { typing_indicator: { type: "text" } } : {};
      return { status: "read", message_id: message.messageId, ...typing };
    }
    default: {
      const { type, link, caption, filename } = message;
      const media = {
        link,
        ...(caption === undefined ? {} : { caption }),
        ...(filename === undefined ? {} : { filename }),
      };
      return { ...context, type, [type]: media };
    }
  }
}
