import { z } from "zod";

const attemptSchema = z.object({
  issuer: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: z.string(),
});

/** What one browser has begun and not finished. Its cookie ties the issuer's answer to it. */
export type SignInAttempt = z.output<typeof attemptSchema>;

/** So long may somebody take at the issuer's. */
export const ATTEMPT_SECONDS_MAX = 600;

export const writeAttempt = (attempt: SignInAttempt): string =>
  Buffer.from(JSON.stringify(attempt)).toString("base64url");

/** Returns what a cookie holds; null for what is not ours. */
export function readAttempt(value: string): SignInAttempt | null {
  try {
    return attemptSchema.parse(JSON.parse(Buffer.from(value, "base64url").toString("utf8")));
  } catch {
    return null;
  }
}

const HOME = "/console";

/** Returns where somebody wanted to go, if that is a page of the console; its beginning for everything else. */
export function returnPath(wanted: string | undefined, origin: string): string {
  if (wanted === undefined || !URL.canParse(wanted, origin)) return HOME;
  const url = new URL(wanted, origin);
  const isOurs = url.origin === origin && (url.pathname === HOME || url.pathname.startsWith(`${HOME}/`));
  return isOurs ? `${url.pathname}${url.search}` : HOME;
}
