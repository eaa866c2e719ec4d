import { z } from "zod";
import { actorSchema } from "../events.ts";

export const id = z.uuid();
export const actor = actorSchema.describe("Who asks");
export const name = z.string().trim().min(1).max(100);
export const limit = z.int().min(1).max(200).default(50);
