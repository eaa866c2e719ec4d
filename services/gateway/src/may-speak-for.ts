import type { SpokenFor } from "@turno/whatsapp";
import type { AppCredentials } from "./config.ts";

type Binding = Pick<AppCredentials, "accounts" | "numbers">;

/**
 * Returns for an app what it may speak for: the accounts that it is bound to, of those the numbers, or the numbers alone. An
 * app that is bound to nothing speaks for what no other app is bound to, so that one app alone needs no binding. Meta signs
 * with an app's secret whatever the app is subscribed to, and so does whoever else knows the secret.
 */
export function createMaySpeakFor(key: string, apps: ReadonlyMap<string, Binding>): (place: SpokenFor) => boolean {
  const { accounts, numbers } = apps.get(key) ?? {};
  if (accounts === undefined && numbers === undefined) return speakForTheRest(apps);
  const [ownAccounts, ownNumbers] = [new Set(accounts), new Set(numbers)];
  const isOwnAccount = (id: string | null) => accounts === undefined || (id !== null && ownAccounts.has(id));
  // What is about a whole account names no number.
  const isOwnNumber = (id: string | null) =>
    numbers === undefined || (id === null ? accounts !== undefined : ownNumbers.has(id));
  return ({ accountId, phoneNumberId }) => isOwnAccount(accountId) && isOwnNumber(phoneNumberId);
}

function speakForTheRest(apps: ReadonlyMap<string, Binding>): (place: SpokenFor) => boolean {
  const accounts = new Set([...apps.values()].flatMap((app) => app.accounts ?? []));
  const numbers = new Set([...apps.values()].flatMap((app) => app.numbers ?? []));
  return ({ accountId, phoneNumberId }) => !accounts.has(accountId ?? "") && !numbers.has(phoneNumberId ?? "");
}
