import type { Role } from "@turno/conversation";
import type { Sql } from "@turno/database";

export interface PersonRow {
  agentId: string;
  role: Role;
  groupIds: string[];
  deactivatedAt: Date | null;
}

/** Selects from `agents` what the rules need to know of a person. */
export const personOf = (sql: Sql) => sql`
  agents.id as "agentId", agents.role, agents.deactivated_at as "deactivatedAt",
  array(select group_id from group_members where agent_id = agents.id) as "groupIds"`;

export interface SignInLimits {
  /** How long one lasts at most, and how long it lasts without being used. */
  secondsMax: number;
  idleSecondsMax: number;
}

/** One process has so long to ask the issuer and write what it said; others wait so long. */
const LEASE_SECONDS = 30;
/** After a failure the issuer is asked again so much later. */
const PAUSE_SECONDS = 10;
/** A use is noted when it moves the end by so much: not every page writes. */
const NOTED_SECONDS = 60;
const TIDIED_MAX = 1_000;

const ends = (sql: Sql, limits: SignInLimits) =>
  sql`least(lasts_until, turno_now() + ${limits.idleSecondsMax} * interval '1 second')`;

/** Writes a sign-in, and takes away some that are over. The issuer is asked again at half the lifetime of what it gave. */
export async function writeSignIn(
  sql: Sql,
  signIn: { secretHash: string; issuer: string; subject: string; sealed: string },
  given: { lifetimeSeconds: number; canRefresh: boolean },
  { secondsMax, idleSecondsMax }: SignInLimits,
): Promise<void> {
  const { secretHash, issuer, subject, sealed } = signIn;
  const { lifetimeSeconds, canRefresh } = given;
  await sql`
    insert into sign_ins (secret_hash, issuer, subject, sealed_tokens, created_at, lasts_until, expires_at, token_ends_at,
      refresh_due_at)
    select ${secretHash}, ${issuer}, ${subject}, ${sealed}, now, now + ${secondsMax} * interval '1 second',
      now + ${Math.min(secondsMax, idleSecondsMax)} * interval '1 second',
      now + ${lifetimeSeconds} * interval '1 second',
      case when ${canRefresh} then now + ${lifetimeSeconds / 2} * interval '1 second' end
    from (select turno_now() as now) as clock`;
  await sql`
    delete from sign_ins where secret_hash = any(array(
      select secret_hash from sign_ins where expires_at <= turno_now() limit ${TIDIED_MAX}))`;
}

export interface SignInRow extends PersonRow {
  issuer: string;
  /** When it ends, whatever is done. */
  lastsUntil: Date;
  isTokenOver: boolean;
  canRefresh: boolean;
  isRefreshDue: boolean;
  /** Whether a process asks the issuer just now. */
  isRefreshing: boolean;
  isUseUnnoted: boolean;
}

/** Reads who is signed in by a secret with this hash, and what is due of it; null where nobody is. One statement. */
export async function readSignIn(sql: Sql, secretHash: string, limits: SignInLimits): Promise<SignInRow | null> {
  const [row] = await sql<SignInRow[]>`
    select ${personOf(sql)}, sign_in.issuer, sign_in.lasts_until as "lastsUntil",
      sign_in.refresh_due_at is not null as "canRefresh",
      coalesce(sign_in.refresh_due_at <= turno_now(), false) as "isRefreshDue",
      coalesce(sign_in.refreshing_until > turno_now(), false) as "isRefreshing",
      sign_in.token_ends_at <= turno_now() as "isTokenOver",
      ${ends(sql, limits)} - expires_at > ${NOTED_SECONDS} * interval '1 second' as "isUseUnnoted"
    from sign_ins as sign_in
    join agent_logins as login on login.issuer = sign_in.issuer and login.subject = sign_in.subject
    join agents on agents.id = login.agent_id
    where sign_in.secret_hash = ${secretHash} and sign_in.expires_at > turno_now()`;
  return row ?? null;
}

export async function noteUse(sql: Sql, secretHash: string, limits: SignInLimits): Promise<void> {
  await sql`update sign_ins set expires_at = ${ends(sql, limits)} where secret_hash = ${secretHash}`;
}

export interface LeasedTokens {
  sealed: string;
  /** Which tokens these are: whoever brings newer ones names it. */
  refreshes: number;
}

/** Takes the right to refresh, which one process has at a time; null where it is not due, or another one has it. */
export async function leaseRefresh(sql: Sql, secretHash: string): Promise<LeasedTokens | null> {
  const [row] = await sql<LeasedTokens[]>`
    update sign_ins set refreshing_until = turno_now() + ${LEASE_SECONDS} * interval '1 second'
    where secret_hash = ${secretHash} and refresh_due_at <= turno_now()
      and (refreshing_until is null or refreshing_until <= turno_now())
    returning sealed_tokens as sealed, refreshes`;
  return row ?? null;
}

/** Keeps new tokens, unless others were kept meanwhile. */
export async function keepRefreshed(
  sql: Sql,
  secretHash: string,
  { sealed, refreshes, lifetimeSeconds }: LeasedTokens & { lifetimeSeconds: number },
): Promise<void> {
  await sql`
    update sign_ins set sealed_tokens = ${sealed}, refreshes = refreshes + 1, refreshing_until = null,
      token_ends_at = turno_now() + ${lifetimeSeconds} * interval '1 second',
      refresh_due_at = turno_now() + ${lifetimeSeconds / 2} * interval '1 second'
    where secret_hash = ${secretHash} and refreshes = ${refreshes}`;
}

/** Lets the next one try, a little later. */
export async function postponeRefresh(sql: Sql, secretHash: string, refreshes: number): Promise<void> {
  await sql`
    update sign_ins set refreshing_until = null, refresh_due_at = turno_now() + ${PAUSE_SECONDS} * interval '1 second'
    where secret_hash = ${secretHash} and refreshes = ${refreshes}`;
}

/** Ends a sign-in whose tokens are refused, unless newer ones were kept meanwhile. */
export async function endRefused(sql: Sql, secretHash: string, refreshes: number): Promise<void> {
  await sql`delete from sign_ins where secret_hash = ${secretHash} and refreshes = ${refreshes}`;
}

/** Ends a sign-in, and returns what its issuer has to be told with; null where there was none. */
export async function deleteSignIn(sql: Sql, secretHash: string): Promise<{ issuer: string; sealed: string } | null> {
  const [row] = await sql<{ issuer: string; sealed: string }[]>`
    delete from sign_ins where secret_hash = ${secretHash} returning issuer, sealed_tokens as sealed`;
  return row ?? null;
}
