import { Failure } from "@turno/runtime";

/** The broker's address cannot be used. The message does not hold it, because it may hold a password. */
export class BrokerAddressFailure extends Failure {
  override readonly retryable = false;
}

export interface BrokerAddress {
  servers: string[];
  /** Null if the address names no user. */
  credentials: { user: string; pass: string } | null;
}

const ADDRESS = /^((?:nats|tls):\/\/)?(?:([^@/]*)@)?([^@/]+)\/?$/i;

/**
 * Parses `nats://user:password@host:port`, several separated by commas. The client has one user for all servers, so all
 * that name one must name the same. Throws a `BrokerAddressFailure`.
 */
export function parseBrokerAddress(text: string): BrokerAddress {
  const servers: string[] = [];
  let named: string | undefined;
  for (const [index, address] of text.split(",").entries()) {
    const [matched, scheme = "", user, server = ""] = ADDRESS.exec(address.trim()) ?? [];
    if (matched === undefined) {
      throw new BrokerAddressFailure(`NATS_URL: address ${index + 1} is not nats://user:password@host:port`);
    }
    if (user !== undefined && named !== undefined && user !== named) {
      throw new BrokerAddressFailure("NATS_URL: all addresses must have the same user and password");
    }
    named ??= user;
    servers.push(`${scheme}${server}`);
  }
  return { servers, credentials: named === undefined ? null : parseUser(named) };
}

function parseUser(text: string): { user: string; pass: string } {
  const [name, ...rest] = text.split(":");
  try {
    const [user, pass] = [decodeURIComponent(name ?? ""), decodeURIComponent(rest.join(":"))];
    if (/^[\w-]+$/.test(user)) return { user, pass };
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
  }
  throw new BrokerAddressFailure(
    "NATS_URL: a user is letters, digits, - and _, and what has a meaning in a URL is percent-encoded in a password",
  );
}
