import type { CommandRequest } from "@turno/contracts";
import { refuse, type Refusal } from "@turno/conversation";
import { asJson, type Transaction } from "@turno/database";

type NamedAgents = CommandRequest<"configure">["agents"];

/** Who is given an address or none, and who logins; and what they are given. */
function partsOf(named: NamedAgents) {
  return {
    addressed: named.filter(({ email }) => email !== undefined).map(({ id }) => id),
    known: named.filter(({ logins }) => logins !== undefined).map(({ id }) => id),
    addresses: named.filter(({ email }) => email !== undefined && email !== null),
    logins: named.flatMap(({ id, logins = [] }) => logins.map((login) => ({ agentId: id, ...login }))),
  };
}

/** Returns why two agents that are named may not have the same address or login, or null. */
export function refuseSharedLogins(named: NamedAgents): Refusal | null {
  const holders = new Map<string, string>();
  for (const { id, email, logins = [] } of named) {
    const texts = logins.map(({ issuer, subject }) => `agents.logins: ${subject} of ${issuer}`);
    if (email !== undefined && email !== null) texts.push(`agents.email: ${email}`);
    for (const text of texts) {
      const holder = holders.get(text);
      if (holder !== undefined)
        return refuse("invalid", `${text} stands twice, for ${holder} and ${id}: name it once.`);
      holders.set(text, id);
    }
  }
  return null;
}

/** Returns why an address or login is another agent's, who is not named with others, or null. */
export async function refuseTakenLogins(tx: Transaction, named: NamedAgents): Promise<Refusal | null> {
  const { addressed, known, addresses, logins } = partsOf(named);
  if (addresses.length === 0 && logins.length === 0) return null;
  const [taken] = await tx<{ what: string; holder: string }[]>`
    select 'agents.email: ' || email as what, agents.id as holder
    from json_to_recordset(${asJson(addresses)}::text::json) as named(email text) join agents using (email)
    where agents.id <> all(${addressed}::uuid[])
    union all
    select 'agents.logins: ' || subject || ' of ' || issuer, agent_id
    from json_to_recordset(${asJson(logins)}::text::json) as named(issuer text, subject text)
    join agent_logins using (issuer, subject)
    where agent_id <> all(${known}::uuid[])
    limit 1`;
  return taken === undefined ? null : refuse("invalid", `${taken.what} is ${taken.holder}'s already.`);
}

/** Takes addresses and logins from agents that get others, so that two may exchange theirs. */
export async function takeLogins(tx: Transaction, named: NamedAgents): Promise<void> {
  const { addressed, known } = partsOf(named);
  if (addressed.length > 0) {
    await tx`update agents set email = null where id = any(${addressed}::uuid[]) and email is not null`;
  }
  if (known.length > 0) await tx`delete from agent_logins where agent_id = any(${known}::uuid[])`;
}

/** Writes the addresses and logins that agents get. One that somebody got just now breaks a rule of the tables. */
export async function writeLogins(tx: Transaction, named: NamedAgents): Promise<void> {
  const { addresses, logins } = partsOf(named);
  if (addresses.length > 0) {
    await tx`
      update agents set email = named.email
      from json_to_recordset(${asJson(addresses)}::text::json) as named(id uuid, email text)
      where agents.id = named.id`;
  }
  if (logins.length > 0) {
    await tx`
      insert into agent_logins (issuer, subject, agent_id)
      select issuer, subject, "agentId"
      from json_to_recordset(${asJson(logins)}::text::json) as given(issuer text, subject text, "agentId" uuid)`;
  }
}
