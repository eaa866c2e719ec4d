import { soundCheck, wrongCheck, type Check } from "@turno/contracts";
import { and, count, eq, expression, isNull, not, typed, type Sql } from "@turno/database";
import { agents, channels, groupMembers, groups } from "@turno/database/schema";

/** How many names a sentence lists. */
const NAMES_MAX = 20;

/** What the configuration lacks. Of names there is one more than is listed, where there are more. */
export interface ConfigurationFacts {
  admins: number;
  channels: number;
  /** Channels whose business account is not named. */
  withoutAccount: readonly string[];
  groups: number;
  /** Groups without anybody who could get a conversation. */
  withoutAgents: readonly string[];
}

/** Reads what the configuration lacks, in five statements whatever its size. */
export async function readConfigurationFacts(sql: Sql): Promise<ConfigurationFacts> {
  const db = typed(sql);
  const takesSome = expression`${agents.deactivatedAt} is null and coalesce(${agents.capacity}, 1) > 0`;
  const hasSomebody = expression<boolean>`exists (
    select from ${groupMembers} join ${agents} on ${agents.id} = ${groupMembers.agentId}
    where ${groupMembers.groupId} = ${groups.id} and ${takesSome})`;
  const [admins, ofChannels, ofGroups, withoutAccount, withoutAgents] = await Promise.all([
    db
      .select({ count: count() })
      .from(agents)
      .where(and(eq(agents.role, "admin"), isNull(agents.deactivatedAt))),
    db.select({ count: count() }).from(channels),
    db.select({ count: count() }).from(groups),
    db
      .select({ name: channels.name })
      .from(channels)
      .where(isNull(channels.accountId))
      .orderBy(channels.name)
      .limit(NAMES_MAX + 1),
    db
      .select({ name: groups.name })
      .from(groups)
      .where(not(hasSomebody))
      .orderBy(groups.name)
      .limit(NAMES_MAX + 1),
  ]);
  return {
    admins: admins[0]?.count ?? 0,
    channels: ofChannels[0]?.count ?? 0,
    groups: ofGroups[0]?.count ?? 0,
    withoutAccount: withoutAccount.map(({ name }) => name),
    withoutAgents: withoutAgents.map(({ name }) => name),
  };
}

/** Judges what the configuration lacks before customers can be answered. */
export function judgeConfiguration(facts: ConfigurationFacts): Check[] {
  const checks: Check[] = [];
  const judge = (code: string, looked: string, fault: { wrong: string; advice: string } | null) =>
    checks.push(fault === null ? soundCheck(code, looked) : wrongCheck(code, looked, fault));
  judge(
    "admin",
    `active admins: ${facts.admins}`,
    facts.admins > 0
      ? null
      : {
          wrong: "Nobody may change the configuration by API or console.",
          advice: "Configure an agent with the role admin, by the command line or the file.",
        },
  );
  judge(
    "channels",
    `channels: ${facts.channels}`,
    facts.channels > 0
      ? null
      : {
          wrong: "No business number is known, so what customers write opens no conversation.",
          advice: "Configure a channel with Meta's phone number id and its group.",
        },
  );
  judge(
    "channel-account",
    "the business account of each channel",
    facts.withoutAccount.length === 0
      ? null
      : {
          wrong: `No account is named for: ${list(facts.withoutAccount)}. Templates cannot be sent there.`,
          advice: "Set the channel's accountId to Meta's id of the WhatsApp business account (WABA).",
        },
  );
  judge(
    "group-agents",
    `groups: ${facts.groups}`,
    facts.withoutAgents.length === 0
      ? null
      : {
          wrong: `Nobody with a capacity above 0 belongs to: ${list(facts.withoutAgents)}. What waits there stays.`,
          advice: "Give the group members, or raise their capacity.",
        },
  );
  return checks;
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX).join(", ");
  return names.length > NAMES_MAX ? `${shown} and more` : shown;
}
