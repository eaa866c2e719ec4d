import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Provider, type Configuration, type KoaContextWithOIDC } from "oidc-provider";

export interface TestPerson {
  email?: string;
  email_verified?: boolean;
}

/** A real provider of OpenID Connect, in which anybody is who they say. */
export interface TestIssuer {
  url: string;
  /** What the inbox is configured with. */
  settings: (name: string, label: string) => object;
  /** Whom it knows more of than the name, by name. */
  people: Map<string, TestPerson>;
  /** How often it gave tokens for a refresh token. */
  refreshes: () => number;
  /** Takes back every refresh token. */
  revoke: () => Promise<void>;
  /** From now on it breaks each connection; false: it answers again. */
  setAway: (isAway: boolean) => void;
  /** Keeps the next request for tokens waiting. Returns what resolves when it has come, and what lets it go on. */
  hold: () => { arrived: Promise<void>; release: () => void };
  /** How long it thinks before it gives tokens. */
  setSlow: (ms: number) => void;
  stop: () => Promise<void>;
}

const CLIENT = "turno";
const SECRET = "secret-of-the-client";
/** An hour: the inbox asks again after half of it. */
const TOKEN_SECONDS = 3600;

/** Answers nothing, until the provider is made: it needs the address first. */
const endAtOnce = (_request: IncomingMessage, response: ServerResponse) => void response.end();

/** Starts a provider for an inbox at an address, of which the issuer is known there by each of these names. */
export async function startIssuer(publicUrl: string, names: readonly string[]): Promise<TestIssuer> {
  const people = new Map<string, TestPerson>();
  const grantIds = new Set<string>();
  let [refreshes, slowMs] = [0, 0];
  let isAway = false;
  let held: { arrived: () => void; released: Promise<void> } | null = null;
  let answer: (request: IncomingMessage, response: ServerResponse) => void = endAtOnce;
  const server = createServer((request, response) => {
    if (isAway) request.socket.destroy();
    else if (request.url === "/token" && held !== null) {
      held.arrived();
      void held.released.then(() => answer(request, response));
      held = null;
    } else if (request.url === "/token" && slowMs > 0) setTimeout(() => answer(request, response), slowMs);
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(url, configurationFor({ publicUrl, names, people, grantIds }));
  provider.on("grant.success", ({ oidc }: KoaContextWithOIDC) => {
    if (oidc.params?.["grant_type"] === "refresh_token") refreshes += 1;
  });
  const handle = provider.callback();
  answer = (request, response) => {
    if (request.url?.startsWith("/interaction/") === true) void interact(provider, request, response);
    else void handle(request, response);
  };
  return {
    url,
    people,
    settings: (name, label) => ({ name, label, issuer: url, clientId: CLIENT, clientSecret: SECRET }),
    refreshes: () => refreshes,
    revoke: async () => {
      await Promise.all([...grantIds].map((id) => provider.RefreshToken.revokeByGrantId(id)));
    },
    setAway: (away) => {
      isAway = away;
    },
    hold: () => {
      const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      held = { arrived: arrived.resolve, released: released.promise };
      return { arrived: arrived.promise, release: released.resolve };
    },
    setSlow: (ms) => {
      slowMs = ms;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function configurationFor(options: {
  publicUrl: string;
  names: readonly string[];
  people: Map<string, TestPerson>;
  grantIds: Set<string>;
}): Configuration {
  const { publicUrl, names, people, grantIds } = options;
  return {
    clients: [
      {
        client_id: CLIENT,
        client_secret: SECRET,
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: names.map((name) => `${publicUrl}/sign-in/${name}/callback`),
        post_logout_redirect_uris: [`${publicUrl}/sign-in/out`],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    cookies: { keys: ["key-of-the-cookies"] },
    claims: { email: ["email", "email_verified"] },
    pkce: { required: () => true },
    issueRefreshToken: () => Promise.resolve(true),
    rotateRefreshToken: true,
    ttl: {
      AccessToken: TOKEN_SECONDS,
      IdToken: TOKEN_SECONDS,
      RefreshToken: 24 * 3600,
      Grant: 24 * 3600,
      Session: 3600,
      Interaction: 600,
    },
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...people.get(accountId) }) }),
    loadExistingGrant: async ({ oidc }) => {
      const { client, session } = oidc;
      if (client === undefined || session?.accountId === undefined) return undefined;
      const grant = new oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope("openid email");
      grantIds.add(await grant.save());
      return grant;
    },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context, form) => {
          context.body = `<!doctype html><h1>Leave?</h1>${form}<button form="op.logoutForm" name="logout" value="yes">Leave</button>`;
        },
      },
    },
  };
}

/** The page on which somebody says who they are. */
async function interact(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === "POST") {
    const accountId = new URLSearchParams(await text(request)).get("login") ?? "";
    await provider.interactionFinished(request, response, { login: { accountId } });
    return;
  }
  const page = `<!doctype html><form method="post"><label>Name <input name="login" required></label><button>Continue</button></form>`;
  response.setHeader("content-type", "text/html").end(page);
}
