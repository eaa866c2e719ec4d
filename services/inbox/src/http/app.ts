import { Hono } from "hono";
import { z } from "zod";
import { createConsole } from "../console/console.ts";
import { listPeople } from "../lists/list-people.ts";
import { createSignInRoutes, type SignInRoutesOptions } from "../sign-in/routes.ts";
import { answerError } from "./answer-error.ts";
import { createApi, type ApiOptions } from "./api.ts";
import type { LocalIssuer } from "./local-issuer.ts";
import { writeOpenApi } from "./openapi.ts";
import { toInvalid } from "./problem.ts";
import { REFERENCE_POLICY, writeReference } from "./reference.ts";

interface InboxOptions extends ApiOptions {
  /** The origin at which people reach it, where that is another one than requests come with. */
  publicOrigin: string | null;
  signInSecondsMax: number;
  onSignIn: SignInRoutesOptions["onOutcome"];
}

/** The API with its documentation and the console, and the local issuer where there is one. */
export function createInboxApp(options: InboxOptions, localIssuer: LocalIssuer | null): Hono {
  const app = new Hono();
  app.onError((error) => answerError(error, options));
  const document = writeOpenApi();
  app.get("/", (context) => context.redirect("/console"));
  app.get("/openapi.json", (context) => context.json(document));
  app.get("/docs", (context) => {
    context.header("content-security-policy", REFERENCE_POLICY);
    context.header("x-content-type-options", "nosniff");
    return context.html(writeReference());
  });
  if (localIssuer !== null) {
    app.post("/local/token/:agentId", async (context) => {
      const agentId = z.uuid().safeParse(context.req.param("agentId"));
      if (!agentId.success) return toInvalid(agentId.error.issues, "path");
      return context.json({ token: await localIssuer.issue(agentId.data) });
    });
  }
  const api = createApi(options);
  const local = localIssuer === null ? null : { issuer: localIssuer, listPeople: () => listPeople(options.sql) };
  const { signIns, publicOrigin } = options;
  const signIn =
    signIns === null || publicOrigin === null
      ? null
      : createSignInRoutes({
          ...options,
          signIns,
          publicOrigin,
          secondsMax: options.signInSecondsMax,
          onOutcome: options.onSignIn,
        });
  if (signIn !== null) app.route("/sign-in", signIn.app);
  app.route("/console", createConsole(api, { local, signIn: signIn?.entry ?? null, publicOrigin }));
  app.route("/", api);
  return app;
}
