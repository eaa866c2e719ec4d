import { z } from "zod";
import { actorSchema } from "../event-parts.ts";

export const id = z.uuid();
export const actor = actorSchema.describe("Who asks");

/** Text that the database and every consumer can hold: no U+0000, no half of a surrogate pair. */
export const text = (lengthMax: number) =>
  z
    .string()
    .trim()
    .max(lengthMax)
    .refine((value) => !value.includes("\u0000") && value.isWellFormed(), "must be well-formed text without U+0000");

export const name = text(100).min(1);
export const limit = z.int().min(1).max(200).default(50);
