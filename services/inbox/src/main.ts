import { openEventLog } from "@turno/database";
import type { CommandResponder } from "@turno/messaging";
import { isDefect, type Logger } from "@turno/runtime";
import { runStatefulService, type ServiceContext, type ServiceWork } from "@turno/stateful-service";
import type { Hono } from "hono";
import { createHistories } from "./closing/histories.ts";
import { createCommandHandlers } from "./commands.ts";
import { configSchema, type Config } from "./config.ts";
import { examineInbox } from "./examination.ts";
import { createInboxApp } from "./http/app.ts";
import { createAuthentication, remoteKeys, type Authenticate } from "./http/authentication.ts";
import { createLocalIssuer, type LocalIssuer } from "./http/local-issuer.ts";
import { createEventTail, type EventTail } from "./live/event-tail.ts";
import { createInboxMetrics, type InboxMetrics } from "./metrics.ts";
import { createIssuerClient } from "./sign-in/issuer-client.ts";
import { createSignIns, type SignIns } from "./sign-in/sign-ins.ts";
import { createBuiltInTicketStore } from "./tickets/built-in-store.ts";
import { createReturning } from "./tickets/returning.ts";

type InboxContext = ServiceContext<Config, InboxMetrics>;

async function begin(context: InboxContext): Promise<ServiceWork> {
  const { metrics, sql, timeline, createId, fail, tellDefect } = context;
  const store = createBuiltInTicketStore(sql, createId);
  const histories = createHistories({
    sql,
    store,
    onAdded: () => metrics.histories.inc(),
    onFailure: fail("history"),
    onDefect: (error, conversationId) => tellDefect("history")(error, { conversationId }),
  });
  const returning = createReturning({
    sql,
    log: await openEventLog(sql),
    store,
    createId,
    onProposed: () => metrics.proposed.inc(),
    onFailure: fail("returning"),
    onDefect: (error, conversationId) => tellDefect("returning")(error, { conversationId }),
  });
  const tail = await createEventTail(sql, timeline, {
    onFailure: fail("live"),
    onDefect: (error, eventId) => tellDefect("live")(error, { eventId }),
  });
  return {
    commands: createCommandHandlers(sql, store, histories.add, createId),
    obstacles: () => [],
    examine: async () => examineInbox(context.config),
    api: { createRoutes: (request) => createRoutes(context, tail, request), endStreams: () => tail.stop() },
    stop: async () => {
      await returning.stop();
      await histories.stop();
    },
  };
}

/** Creates the routes: the API with its documentation, and the console. */
async function createRoutes(
  context: InboxContext,
  tail: EventTail,
  request: CommandResponder["request"],
): Promise<Hono> {
  const { config, metrics, logger, sql, fail, tellDefect } = context;
  const localIssuer = config.LOCAL_ISSUER === "on" ? await createLocalIssuer() : null;
  if (localIssuer !== null) logger.warn("gives tokens to whoever asks: for the local stack and tests only");
  const publicOrigin = config.PUBLIC_URL === undefined ? null : new URL(config.PUBLIC_URL).origin;
  return createInboxApp(
    {
      sql,
      request,
      tail,
      publicOrigin,
      signIns: publicOrigin === null ? null : chooseSignIns(context, publicOrigin),
      signInSecondsMax: config.SIGN_IN_HOURS_MAX * 3600,
      onSignIn: (outcome) => metrics.signIns.inc({ outcome }),
      authenticate: chooseAuthentication(config, localIssuer, logger),
      rate: { perSecond: config.RATE_PER_SECOND, burst: config.RATE_BURST },
      onRequest: (route, status, seconds) => metrics.httpSeconds.observe({ route, status }, seconds),
      onFailure: fail("http"),
      onDefect: tellDefect("http"),
    },
    localIssuer,
  );
}

const nowMs = () => performance.now();

/** Chooses who signs people in, in the console. */
function chooseSignIns({ config, sql, fail, tellDefect }: InboxContext, publicOrigin: string): SignIns | null {
  if (config.OIDC_ISSUERS === undefined) return null;
  const issuers = config.OIDC_ISSUERS.map((settings) => createIssuerClient(settings, { publicOrigin, nowMs }));
  const limits = {
    secondsMax: config.SIGN_IN_HOURS_MAX * 3600,
    idleSecondsMax: config.SIGN_IN_IDLE_MINUTES_MAX * 60,
  };
  const [onFailure, onDefect] = [fail("sign-in"), tellDefect("sign-in")];
  return createSignIns(sql, { issuers, limits, onError: (error) => (isDefect(error) ? onDefect : onFailure)(error) });
}

/** Chooses how to authenticate. Without an issuer nobody is let in. */
function chooseAuthentication(config: Config, localIssuer: LocalIssuer | null, logger: Logger): Authenticate {
  if (localIssuer !== null) return createAuthentication(localIssuer.rules);
  const { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, AUTH_JWKS_URL: url } = config;
  if (issuer === undefined || audience === undefined || url === undefined) {
    logger.warn("no AUTH_JWKS_URL is set: the HTTP API is closed to tokens, commands are answered");
    return async () => null;
  }
  return createAuthentication({ issuer, audience, keys: remoteKeys(url) });
}

await runStatefulService(
  { name: "inbox", environment: process.env, config: configSchema, metrics: createInboxMetrics() },
  begin,
);
