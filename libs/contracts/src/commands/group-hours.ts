import { OUTSIDE_CHOICES, WEEKDAYS } from "@turno/conversation";
import { z } from "zod";
import { id, text } from "./fields.ts";

const TIME = /^([01]\d|2[0-3]):[0-5]\d$/;
const interval = z.object({
  from: z.string().regex(TIME),
  until: z
    .union([z.string().regex(TIME), z.literal("24:00")])
    .describe("Where it is not later than `from` it lies on the next day"),
});

const hours = z
  .object({
    timeZone: z.string().min(1).max(64).describe("A name of the IANA time zone database, such as `Europe/Madrid`"),
    weekly: z.array(interval.extend({ days: z.array(z.enum(WEEKDAYS)).min(1).max(7) })).max(50),
    exceptions: z
      .array(z.object({ date: z.iso.date(), open: z.array(interval).max(10) }))
      .max(400)
      .default([])
      .describe("What holds on a date instead of its weekday's intervals; nothing in `open` is a holiday"),
  })
  .describe("When it works, by the clock of its time zone; an interval belongs to the day on which it begins");

const words = z.object({
  text: text(1024).min(1),
  template: z
    .object({ name: z.string().min(1).max(512), language: z.string().min(1).max(16) })
    .nullable()
    .default(null)
    .describe("A template without parameters, said where the customer's session is over; null: nothing is said then"),
});

/** When a group works, what becomes of what waits while it does not, and what it says on its own. */
export const hoursOfGroup = {
  hours: hours.nullable().default(null),
  outsideHours: z
    .enum(OUTSIDE_CHOICES)
    .default("ignored")
    .describe(
      "What becomes of what waits outside the hours: hours are not looked at, it waits and is given to nobody, it waits and " +
        "the customer is told, or another group gets it",
    ),
  overflowGroupId: id.nullable().default(null).describe("The group that gets it, while that one works"),
  overflowSeconds: z.int().min(0).max(86_400).default(0).describe("How long it waits before another group gets it"),
  automaticWords: z
    .object({
      outsideHours: words
        .nullable()
        .default(null)
        .describe("To who waits outside the hours; `{opensAt}` stands for when they begin again"),
      greeting: words.nullable().default(null).describe("To who opens a conversation"),
      queue: words
        .extend({ afterSeconds: z.int().min(1).max(86_400) })
        .nullable()
        .default(null)
        .describe("To who has waited in the queue for so long"),
    })
    .nullable()
    .default(null)
    .describe("What the group says on its own, each at most once in a customer's session"),
} as const;
