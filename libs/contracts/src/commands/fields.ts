import { z } from "zod";
import { actorSchema, isStorable, STORABLE_RULE } from "../event-parts.ts";

export const id = z.uuid();
export const actor = actorSchema.describe("Who asks");

/** Text that the database and every consumer can hold. */
export const text = (lengthMax: number) => z.string().trim().max(lengthMax).refine(isStorable, STORABLE_RULE);

export const name = text(100).min(1);
export const limit = z.int().min(1).max(200).default(50);

/** Meta's business-scoped user ids. Source: Meta, Cloud API, "Business-scoped user ids". */
export const USER_ID = /^[A-Z]{2}\.[A-Za-z0-9.]{1,250}$/;

/** Of the ids, those of a parent: two letters, `.ENT.`, and what Meta gives. */
const PARENT_ID = /^[A-Z]{2}\.ENT\./;

/** A country code never begins with 0. Source: ITU-T E.164, at most 15 digits; no country's numbers have fewer than 7. */
const PHONE = /^\+?[1-9]\d{6,14}$/;

/** A customer by one of its names. Which of them is said is checked here, so that a fault names its field. */
export const customer = z
  .strictObject({
    contactId: id.optional(),
    phone: z
      .string()
      .regex(PHONE, "must be a phone number with its country code, 7 to 15 digits, such as +34600111222")
      .optional(),
    userId: z
      .string()
      .regex(USER_ID, "must be a business-scoped user id, such as US.13491208655302741918")
      .refine((value) => !PARENT_ID.test(value), "is a parent's id: name the contact, or the customer's own user id")
      .optional()
      .describe("Meta's business-scoped user id"),
  })
  .refine((to) => Object.values(to).filter((value) => value !== undefined).length === 1, {
    message: "must name the customer by exactly one of contactId, phone and userId",
  });
