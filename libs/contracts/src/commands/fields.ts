import { z } from "zod";
import { actorSchema, isStorable, STORABLE_RULE } from "../event-parts.ts";

export const id = z.uuid();
export const actor = actorSchema.describe("Who asks");

/** Text that the database and every consumer can hold. */
export const text = (lengthMax: number) => z.string().trim().max(lengthMax).refine(isStorable, STORABLE_RULE);

export const name = text(100).min(1);
export const limit = z.int().min(1).max(200).default(50);
