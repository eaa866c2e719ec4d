/** What a role lets its people be. A permission names standings, and a standing that none names may do nothing. */
export type Standing = "member" | "operator" | "admin";

/** How somebody stands to what is asked for. A permission says which of them may do it. */
export type Relation =
  /** Has the conversation, or had it last; is the agent itself; has a conversation that the ticket is about, or one of the channel. */
  | "owner"
  /** Belongs to its group while nobody has it. */
  | "taker"
  | Standing;

/** A standing, and whether its people have it in the groups that they belong to or in every group. */
export interface RoleRow {
  standing: Standing;
  reach: "own-groups" | "everywhere";
}

/** Every role. The database, the contracts and the API take their lists of roles from here. */
export const ROLES = {
  agent: { standing: "member", reach: "own-groups" },
  operator: { standing: "operator", reach: "own-groups" },
  admin: { standing: "admin", reach: "everywhere" },
} as const satisfies Record<string, RoleRow>;

export type Role = keyof typeof ROLES;

export const ROLE_NAMES = Object.keys(ROLES) as [Role, ...Role[]];

/** The relations that people of a standing can have. Operators and admins may also work on what they have themselves. */
export const RELATIONS_OF: Record<Standing, readonly Relation[]> = {
  member: ["owner", "taker", "member"],
  operator: ["owner", "taker", "member", "operator"],
  admin: ["owner", "taker", "member", "admin"],
};
