import { z } from "zod";
import { interactiveSchema } from "./interactive-message.ts";

const link = z.url({ protocol: /^https?$/ }).max(2048);
const wamid = z.string().min(1).max(512);
const parameters = z.array(z.looseObject({ type: z.string() })).max(64);

export const templateMessageSchema = z.object({
  type: z.literal("template"),
  name: z.string().min(1).max(512),
  language: z.string().min(2).max(16),
  components: z
    .array(
      z.object({
        type: z.enum(["header", "body", "button"]),
        sub_type: z.string().optional(),
        index: z.union([z.string(), z.int()]).optional(),
        parameters,
      }),
    )
    .max(20)
    .default([]),
});

/** What may be sent. Limits are Meta's. Source: Meta, Cloud API, "Messages" reference. */
export const outgoingMessageSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("text"),
    body: z.string().min(1).max(4096),
    previewUrl: z.boolean().default(false),
    replyTo: wamid.optional(),
  }),
  z.object({
    type: z.enum(["image", "video", "audio", "document", "sticker"]),
    link,
    caption: z.string().min(1).max(1024).optional(),
    filename: z.string().min(1).max(240).optional(),
    replyTo: wamid.optional(),
  }),
  z.object({
    type: z.literal("interactive"),
    interactive: interactiveSchema,
    replyTo: wamid.optional(),
  }),
  z.object({
    type: z.literal("location"),
    latitude: z.number().min(-90).max(90),
    longitude: z.number().min(-180).max(180),
    name: z.string().min(1).max(1000).optional(),
    address: z.string().min(1).max(1000).optional(),
    replyTo: wamid.optional(),
  }),
  z.object({
    type: z.literal("contacts"),
    contacts: z
      .array(z.looseObject({ name: z.looseObject({ formatted_name: z.string().min(1) }) }))
      .min(1)
      .max(257)
      .describe("Meta's contact objects, as they are"),
    replyTo: wamid.optional(),
  }),
  z.object({
    type: z.literal("reaction"),
    messageId: wamid,
    emoji: z.string().max(32).describe("Empty takes it back"),
  }),
  templateMessageSchema,
  z.object({ type: z.literal("read"), messageId: wamid, typing: z.boolean().default(false) }),
]);

export type OutgoingMessage = z.output<typeof outgoingMessageSchema>;
export type TemplateMessage = z.output<typeof templateMessageSchema>;
