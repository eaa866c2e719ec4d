import type { Scope, Sight } from "@turno/conversation";
import { conversations } from "../schema/index.ts";
import { and, eq, expression, isAnyOf, isNull, or, type Condition } from "../schema/typed.ts";

/** Returns the condition for the conversations of a sight. */
export function isWithinSight({ agentId, groups, nobodysGroups }: Sight): Condition {
  const isOwn = agentId === null ? undefined : eq(conversations.agentId, agentId);
  const isNobodys = and(isNull(conversations.agentId), isOf(nobodysGroups));
  return or(isOwn, isOf(groups), isNobodys) ?? expression`false`;
}

function isOf(scope: Scope): Condition {
  if (scope === "all") return expression`true`;
  return scope === "none" ? expression`false` : isAnyOf(conversations.groupId, scope);
}

// A state stands in the text, so that the indexes that are restricted to some states can be used.
const IS_WORKED = expression`state in ('active', 'expired')`;
const IS_QUEUED = expression`state = 'queued'`;
const IS_NOBODYS = expression`state = 'expired' and agent_id is null`;

/**
 * Returns a statement that gives `contact_id` and `channel_id` of the open conversations of a sight. Each of its branches
 * reads an index that holds little beside what is open.
 */
export function openWithinSight({ agentId, groups, nobodysGroups }: Sight): Condition {
  const branches = [
    ...(agentId === null ? [] : [and(eq(conversations.agentId, agentId), IS_WORKED)]),
    ...(groups === "none" ? [] : [and(isOf(groups), IS_WORKED), and(isOf(groups), IS_QUEUED)]),
    ...(nobodysGroups === "none" ? [] : [and(isOf(nobodysGroups), IS_NOBODYS), and(isOf(nobodysGroups), IS_QUEUED)]),
  ];
  const statements = (branches.length === 0 ? [expression`false`] : branches).map(
    (branch) => expression`select contact_id, channel_id from ${conversations} where ${branch}`,
  );
  return expression.join(statements, expression` union all `);
}
