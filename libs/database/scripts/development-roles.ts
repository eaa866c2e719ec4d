import { createHmac } from "node:crypto";
import { addressAs, roleOf, type RolePasswords } from "../src/roles.ts";
import { DATABASE_SERVICES, type DatabaseService } from "../schema/table-rights.ts";

const passwordOf = (url: string, service: DatabaseService) =>
  createHmac("sha256", new URL(url).password).update(service).digest("base64url");

/** Returns passwords for the roles of a developer's database, the same at each start, from that of who made it. */
export const developmentPasswords = (url: string): RolePasswords =>
  Object.fromEntries(DATABASE_SERVICES.map((service) => [service, passwordOf(url, service)])) as RolePasswords;

/**
 * Returns the address by which a service reaches a developer's database, as a deployed one does. `rolesOf` names the database
 * for which its roles were made, where that is another one.
 */
export function developmentAddress(url: string, service: DatabaseService, rolesOf = databaseOf(url)): string {
  return addressAs(url, roleOf(rolesOf, service), passwordOf(url, service));
}

const databaseOf = (url: string) => decodeURIComponent(new URL(url).pathname.slice(1));
