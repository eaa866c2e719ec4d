import { type Sql, type Transaction } from "@turno/database";

/** Who somebody is here. */
export type Recognised = "known" | "deactivated" | "unknown";

/**
 * Finds out which agent somebody is: by the login, or else by an address that the issuer has verified, whose login is then
 * noted, so that it stays when the address changes. An agent of whom another login at this issuer is known is not found by
 * its address: addresses are given to new people.
 */
export async function recogniseLogin(
  sql: Sql,
  login: { issuer: string; subject: string; email: string | null },
): Promise<Recognised> {
  return sql.begin(async (tx) => (await findByLogin(tx, login)) ?? (await findByEmail(tx, login)));
}

interface AgentState {
  isDeactivated: boolean;
}

async function findByLogin(
  tx: Transaction,
  { issuer, subject }: { issuer: string; subject: string },
): Promise<Recognised | null> {
  const [agent] = await tx<AgentState[]>`
    select agents.deactivated_at is not null as "isDeactivated"
    from agent_logins join agents on agents.id = agent_logins.agent_id
    where agent_logins.issuer = ${issuer} and agent_logins.subject = ${subject}`;
  if (agent === undefined) return null;
  return agent.isDeactivated ? "deactivated" : "known";
}

async function findByEmail(
  tx: Transaction,
  { issuer, subject, email }: { issuer: string; subject: string; email: string | null },
): Promise<Recognised> {
  if (email === null) return "unknown";
  // Two who come at once with one address meet here, and the second finds the first one's login.
  const [agent] = await tx<(AgentState & { id: string })[]>`
    select id, deactivated_at is not null as "isDeactivated" from agents where email = ${email} for no key update`;
  if (agent === undefined) return "unknown";
  if (agent.isDeactivated) return "deactivated";
  await tx`
    insert into agent_logins (issuer, subject, agent_id)
    select ${issuer}, ${subject}, ${agent.id}
    where not exists (select from agent_logins where agent_id = ${agent.id} and issuer = ${issuer})
    on conflict do nothing`;
  return (await findByLogin(tx, { issuer, subject })) ?? "unknown";
}
