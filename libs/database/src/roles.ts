import type Driver from "postgres";
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { DATABASE_SERVICES, TABLE_RIGHTS, type DatabaseService } from "../schema/table-rights.ts";
import { SchemaFailure } from "./check-schema.ts";

export type RolePasswords = Readonly<Record<DatabaseService, string>>;

/** Source: PostgreSQL, "Identifiers and Key Words": what is longer is cut off without a word. */
const NAME_BYTES_MAX = 63;

/** Returns the name of the role of a service, or of the schema's owner. Roles are the server's, so it begins with the database. */
export function roleOf(database: string, who: DatabaseService | "owner"): string {
  return `${database}_${who.replaceAll("-", "_")}`;
}

/** Returns the variable that holds the password of a service's role. */
export const rolePasswordKey = (service: DatabaseService): string =>
  `POSTGRES_PASSWORD_${service.replaceAll("-", "_").toUpperCase()}`;

/** Returns the address at which a service reaches the database of `url`, by its role. */
export function addressAs(url: string, role: string, password: string): string {
  const address = new URL(url);
  address.username = encodeURIComponent(role);
  address.password = encodeURIComponent(password);
  return address.href;
}

/** Returns the role that owns the schema, whose member the caller is. What the caller or a restore made in its place becomes its. */
export async function openOwner(sql: Driver.Sql): Promise<string> {
  const database = await readDatabaseName(sql);
  const owner = roleOf(database, "owner");
  await refuseSignedIn(sql, owner);
  await createMissing(sql, owner);
  await sql.unsafe(`grant ${quote(owner)} to current_user`);
  await sql.unsafe(`grant create, temporary on database ${quote(database)} to ${quote(owner)}`);
  await sql.unsafe(`grant create, usage on schema public to ${quote(owner)}`);
  const foreign = await sql<{ change: string }[]>`
    with schemas as (select oid, nspname from pg_namespace where nspname in ('public', 'drizzle')),
      -- What counts an identity or serial column goes with its table. What is an extension's stays its owner's.
      dependent as (select objid from pg_depend where deptype in ('a', 'i', 'e'))
    select format('alter schema %I owner to %I', nspname, ${owner}::text) as change from pg_namespace
    where nspname = 'drizzle' and nspowner <> quote_ident(${owner})::regrole
    union all
    select format('alter %s %s owner to %I', case relkind when 'S' then 'sequence' else 'table' end, oid::regclass, ${owner}::text)
    from pg_class
    where relnamespace in (select oid from schemas) and relkind in ('r', 'S') and relowner <> quote_ident(${owner})::regrole
      and oid not in (select objid from dependent)
    union all
    select format('alter routine %s owner to %I', oid::regprocedure, ${owner}::text) from pg_proc
    where pronamespace in (select oid from schemas) and proowner <> quote_ident(${owner})::regrole
      and oid not in (select objid from dependent)`;
  for (const { change } of foreign) await sql.unsafe(change);
  return owner;
}

/**
 * Gives each service's role its password and the rights of `TABLE_RIGHTS`, and takes every other right away, in one
 * transaction: a service that runs meanwhile never lacks one that it keeps. Throws a `SchemaFailure` where a role may do
 * more by what it is or by another role, which only who gave that can take away.
 */
export async function letServicesIn(sql: Driver.Sql, passwords: RolePasswords): Promise<void> {
  const database = await readDatabaseName(sql);
  for (const service of DATABASE_SERVICES) {
    const role = roleOf(database, service);
    await createMissing(sql, role);
    await refuseMighty(sql, role);
    await sql.unsafe(`alter role ${quote(role)} login password '${toScramSecret(passwords[service])}'`);
  }
  await sql.begin(async (tx) => {
    // What everybody may, each service may too. A database from before Postgres 15 lets everybody create in `public`.
    await tx.unsafe(`revoke all on ${Object.keys(TABLE_RIGHTS).join(", ")}, drizzle.__drizzle_migrations from public`);
    await tx`revoke create on schema public from public`;
    for (const service of DATABASE_SERVICES) {
      await tx.unsafe(writeGrants(roleOf(database, service), service).join(";\n"));
    }
  });
}

/** Returns the statements that give a service's role its rights, and no others. */
function writeGrants(role: string, service: DatabaseService): string[] {
  const to = quote(role);
  const rights = Object.entries(TABLE_RIGHTS).flatMap(([table, { [service]: letters = "" }]) =>
    letters === "" ? [] : [`grant ${Array.from(letters, wordOf).join(", ")} on ${table} to ${to}`],
  );
  return [
    `revoke all on all tables in schema public, drizzle from ${to}`,
    `grant usage on schema public, drizzle to ${to}`,
    `grant select on drizzle.__drizzle_migrations to ${to}`,
    `revoke all on all sequences in schema public from ${to}`,
    `grant usage, select on sequence events_position to ${to}`,
    ...(TABLE_RIGHTS["sends"]?.[service]?.includes("a") === true
      ? [`grant usage on sequence sends_ordinal_seq to ${to}`]
      : []),
    ...rights,
  ];
}

const WORDS: Readonly<Record<string, string>> = { r: "select", a: "insert", w: "update", d: "delete" };
function wordOf(letter: string): string {
  const word = WORDS[letter];
  if (word === undefined) throw new Error(`TABLE_RIGHTS knows no right "${letter}"`);
  return word;
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

async function readDatabaseName(sql: Driver.Sql): Promise<string> {
  const [{ name }] = await sql<[{ name: string }]>`select current_database() as name`;
  return name;
}

async function createMissing(sql: Driver.Sql, role: string): Promise<void> {
  if (Buffer.byteLength(role) > NAME_BYTES_MAX) {
    throw new SchemaFailure(
      `the role ${role} would have a longer name than Postgres keeps: give the database a shorter one`,
    );
  }
  const found = await sql`select from pg_roles where rolname = ${role}`;
  if (found.length === 0) await sql.unsafe(`create role ${quote(role)}`);
}

/** Who signs in by the owner's name would be its own member, and the owner could sign in. */
async function refuseSignedIn(sql: Driver.Sql, owner: string): Promise<void> {
  const [{ name }] = await sql<[{ name: string }]>`select current_user as name`;
  if (name !== owner) return;
  throw new SchemaFailure(`${owner} is what the schema's owner is called, who cannot sign in: connect as another role`);
}

async function refuseMighty(sql: Driver.Sql, role: string): Promise<void> {
  const [{ more }] = await sql<[{ more: string }]>`
    select concat_ws(', ', case when rolsuper then 'superuser' end, case when rolcreaterole then 'createrole' end,
      case when rolcreatedb then 'createdb' end, case when rolreplication then 'replication' end,
      case when rolbypassrls then 'bypassrls' end, (
        select string_agg('member of ' || roleid::regrole::text, ', ') from pg_auth_members where member = pg_roles.oid
      )) as more
    from pg_roles where rolname = ${role}`;
  if (more === "") return;
  throw new SchemaFailure(`the role ${role} may do more than its service needs: ${more}. Take that away from it`);
}

const ITERATIONS = 4_096;

/**
 * Returns what Postgres stores of a password, so that the password itself is in no statement that a server might log.
 * Sources: RFC 5802, RFC 7677; PostgreSQL, "pg_authid". A password of printable ASCII needs no normalisation.
 */
function toScramSecret(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const sign = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(sign("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${storedKey}:${sign("Server Key").toString("base64")}`;
}
