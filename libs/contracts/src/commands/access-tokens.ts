import { z } from "zod";
import { actorSchema } from "../event-parts.ts";
import { actor } from "./fields.ts";

const place = {
  scope: z.enum(["account", "channel"]).describe("A channel's token goes before its account's"),
  key: z
    .string()
    .regex(/^[0-9A-Za-z_-]{1,64}$/)
    .describe("Meta's account (WABA) id, or the id of the channel"),
};
const fingerprint = z.string().describe("Names the token, also in `list-circuits`, without being it");

/** Commands about the access tokens of Meta that accounts and channels have of their own. No answer holds one. */
export const accessTokenCommands = {
  "set-access-token": {
    service: "sender",
    summary:
      "Gives an account or a channel an access token of its own, or takes it away. The next message goes out with it; calls " +
      "that are under way end with the old one. Where sending was stopped for the old one or this one, it goes on.",
    request: z.object({
      actor,
      ...place,
      token: z
        .string()
        .regex(/^[\x21-\x7e]{1,2000}$/, "must be of visible ASCII characters, at most 2,000")
        .nullable()
        .describe("Kept encrypted. Null: from now on it has none of its own"),
    }),
    answer: z.object({
      ...place,
      fingerprint: fingerprint.nullable(),
      channels: z.int().describe("How many channels send with it now, or with whatever they have without it"),
    }),
  },
  "list-access-tokens": {
    service: "sender",
    summary:
      "Which accounts and channels have an access token of their own, by which key it is encrypted, and who set it.",
    request: z.object({ actor }),
    answer: z.object({
      tokens: z.array(
        z.object({
          ...place,
          fingerprint,
          keyId: z.string().describe("Of the key of `TOKEN_KEYS` that opens it"),
          setAt: z.iso.datetime(),
          setBy: actorSchema,
        }),
      ),
      keyIds: z.array(z.string()).describe("The keys of the sender that answers. The first encrypts"),
      hasFallback: z.boolean().describe("Whether what has none of its own is sent with `WHATSAPP_ACCESS_TOKEN`"),
    }),
  },
  "rotate-token-keys": {
    service: "sender",
    summary: "Encrypts every access token again by the first key of `TOKEN_KEYS`. Sending goes on meanwhile.",
    request: z.object({ actor }),
    answer: z.object({
      keyId: z.string().describe("The first key"),
      rotated: z.int(),
      unreadable: z.array(z.object(place)).describe("Tokens that no key of this sender opens: set them again"),
      left: z
        .array(z.object({ keyId: z.string(), tokens: z.int() }))
        .describe("What is encrypted by other keys still: none of them may go yet"),
    }),
  },
} as const;
