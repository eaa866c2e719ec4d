import { EDGES_MUTATIONS } from "./edges.ts";
import { GROUND_MUTATIONS } from "./ground.ts";
import { HOURS_MUTATIONS } from "./hours.ts";
import { LOG_MUTATIONS } from "./log.ts";
import type { Mutation } from "./mutation.ts";
import { PERMISSION_MUTATIONS } from "./permissions.ts";
import { RULES_MUTATIONS } from "./rules.ts";
import { SIGN_IN_MUTATIONS } from "./sign-in.ts";

/** One for each guarantee at least, and for what once stayed green. */
export const MUTATIONS: readonly Mutation[] = [
  ...LOG_MUTATIONS,
  ...RULES_MUTATIONS,
  ...HOURS_MUTATIONS,
  ...PERMISSION_MUTATIONS,
  ...SIGN_IN_MUTATIONS,
  ...EDGES_MUTATIONS,
  ...GROUND_MUTATIONS,
];
