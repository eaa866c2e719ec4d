import { html } from "hono/html";
import { Hono, type Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { protectPages, type SignInEntry } from "../console/console.ts";
import { addressOf } from "../http/admit.ts";
import { createRateLimit } from "../http/rate-limit.ts";
import { ATTEMPT_SECONDS_MAX, readAttempt, returnPath, writeAttempt } from "./attempt.ts";
import { IssuerFailure, type IssuerClient, type Vouched } from "./issuer-client.ts";
import { writeNotice } from "./pages.ts";
import type { SignIns } from "./sign-ins.ts";

/** How an attempt to sign in ended. */
export type SignInOutcome = "signed-in" | "unknown" | "deactivated" | "refused" | "issuer-away" | "too-many";

export interface SignInRoutesOptions {
  signIns: SignIns;
  publicOrigin: string;
  /** How long a sign-in lasts at most: its cookie goes with it. */
  secondsMax: number;
  rate: { perSecond: number; burst: number };
  onOutcome: (outcome: SignInOutcome) => void;
  onFailure: (error: unknown) => void;
}

interface Cookies {
  readSecret: (context: Context) => string;
  writeSecret: (context: Context, secret: string) => void;
  readAttempt: (context: Context) => string;
  writeAttempt: (context: Context, attempt: string) => void;
  forgetSecret: (context: Context) => void;
  forgetAttempt: (context: Context) => void;
}

/**
 * Creates the cookies. No script reads one. Behind TLS their names keep every other host from setting them. They come along
 * when the issuer sends somebody back, which is a link of another site, and with no form of another site.
 */
function createCookies(publicOrigin: string, secondsMax: number): Cookies {
  const secure = publicOrigin.startsWith("https:");
  const [secretName, attemptName] = ["turno_sign_in", "turno_attempt"].map((name) =>
    secure ? `__Host-${name}` : name,
  ) as [string, string];
  const how = { path: "/", httpOnly: true, sameSite: "Lax", secure } as const;
  return {
    readSecret: (context) => getCookie(context, secretName) ?? "",
    writeSecret: (context, secret) => setCookie(context, secretName, secret, { ...how, maxAge: secondsMax }),
    readAttempt: (context) => getCookie(context, attemptName) ?? "",
    writeAttempt: (context, text) => setCookie(context, attemptName, text, { ...how, maxAge: ATTEMPT_SECONDS_MAX }),
    forgetSecret: (context) => void deleteCookie(context, secretName, { path: "/", secure }),
    forgetAttempt: (context) => void deleteCookie(context, attemptName, { path: "/", secure }),
  };
}

/** Creates `/sign-in`: to the issuer, back from it, and the page of who has left; and how the console enters with it. */
export function createSignInRoutes(options: SignInRoutesOptions): { app: Hono; entry: SignInEntry } {
  const { signIns, publicOrigin, secondsMax } = options;
  const cookies = createCookies(publicOrigin, secondsMax);
  const attempts = createRateLimit({ ...options.rate, nowMs: () => performance.now() });
  const app = new Hono();
  app.use(protectPages("no-referrer"));
  app.get("/out", (context) =>
    context.html(writeNotice("You are signed out", [], { href: "/console", text: "Sign in again" })),
  );
  const guarded =
    (answer: (context: Context, issuer: IssuerClient) => Promise<Response>) => async (context: Context) => {
      const issuer = signIns.issuers.find(({ settings }) => settings.name === context.req.param("issuer"));
      if (issuer === undefined) return context.notFound();
      if (!attempts.take(addressOf(context))) {
        options.onOutcome("too-many");
        return context.html(notice("Too many attempts to sign in", ["Try again in a moment."]), 429);
      }
      try {
        return await answer(context, issuer);
      } catch (error) {
        if (!(error instanceof IssuerFailure)) throw error;
        options.onFailure(error);
        options.onOutcome("issuer-away");
        const { label } = issuer.settings;
        return context.html(
          notice(`${label} does not answer`, ["Nobody can sign in there now. Try again in a moment."]),
          503,
        );
      }
    };
  app.get(
    "/:issuer",
    guarded(async (context, issuer) => {
      const { url, attempt } = await issuer.begin(returnPath(context.req.query("to"), publicOrigin));
      cookies.writeAttempt(context, writeAttempt(attempt));
      return context.redirect(url.href, 303);
    }),
  );
  app.get(
    "/:issuer/callback",
    guarded((context, issuer) => finish(context, issuer, cookies, options)),
  );
  const issuers = signIns.issuers.map(({ settings: { name, label } }) => ({ name, label }));
  const leave = (context: Context) => signOut(context, signIns, cookies);
  return { app, entry: { issuers, readSecret: cookies.readSecret, leave } };
}

const notice = (title: string, paragraphs: Parameters<typeof writeNotice>[1]) =>
  writeNotice(title, paragraphs, { href: "/console", text: "Sign in again" });

/** The issuer sent somebody back: to this browser, if it holds the attempt that the answer is for. */
async function finish(
  context: Context,
  issuer: IssuerClient,
  cookies: Cookies,
  { signIns, publicOrigin, onOutcome }: SignInRoutesOptions,
): Promise<Response> {
  const { label, name } = issuer.settings;
  const attempt = readAttempt(cookies.readAttempt(context));
  cookies.forgetAttempt(context);
  const refused = (why: string) => {
    onOutcome("refused");
    return context.html(notice("You are not signed in", [why]), 400);
  };
  if (attempt === null || attempt.issuer !== name) {
    return refused("This browser has not begun to sign in, or it was too long ago.");
  }
  const { search } = new URL(context.req.url);
  const vouched = await issuer.finish(new URL(`${publicOrigin}/sign-in/${name}/callback${search}`), attempt);
  if ("refused" in vouched) return refused(`${label} did not confirm who you are (${vouched.refused}).`);
  const opened = await signIns.open(issuer, vouched);
  if (opened === "unknown" || opened === "deactivated") {
    onOutcome(opened);
    return context.html(writeStranger(opened, issuer, vouched), 403);
  }
  // Who is signed in here meanwhile leaves: a browser is one person.
  const before = cookies.readSecret(context);
  if (before !== "") await signIns.end(before);
  cookies.writeSecret(context, opened.secret);
  onOutcome("signed-in");
  return context.redirect(returnPath(attempt.returnTo, publicOrigin), 303);
}

function writeStranger(why: "unknown" | "deactivated", { settings }: IssuerClient, { subject, email }: Vouched) {
  const name = email ?? subject;
  if (why === "deactivated") {
    return notice("You are deactivated", [`${name} is deactivated here. Ask an admin to reactivate you.`]);
  }
  const what = html`Give the admin this login, to be configured with you: issuer <code>${settings.issuer}</code>,
    subject <code>${subject}</code>.`;
  const about = email === null ? `${settings.label} has told no verified e-mail address of you. ` : "";
  return notice("You are not known here", [`${about}Nobody here is known as ${name}. Ask an admin to add you.`, what]);
}

async function signOut(context: Context, signIns: SignIns, cookies: Cookies): Promise<Response> {
  const next = await signIns.close(cookies.readSecret(context));
  cookies.forgetSecret(context);
  // From a form no redirect may lead to another site; from a page it may.
  const page =
    next === null
      ? { href: "/console", text: "Sign in again" }
      : { href: next.href, text: "Sign out of your identity provider too", isAutomatic: true };
  return context.html(writeNotice("You are signed out", [], page));
}
