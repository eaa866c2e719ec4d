import { expect, it } from "vitest";
import { shareOut } from "../src/examination/examine-sender.ts";
import { TokenUnreadable, type SealedToken } from "../src/tokens/token-vault.ts";

const sealed = (fingerprint: string): SealedToken => ({
  scope: "account",
  key: "100",
  fingerprint,
  keyId: "k",
  sealed: "",
});
const vault = {
  keyIds: ["k"],
  seal: () => ({ keyId: "k", sealed: "" }),
  open: (given: Omit<SealedToken, "fingerprint">) => {
    if (given.keyId !== "k") throw new TokenUnreadable("the token of account 100 cannot be read");
    return "own-token";
  },
  fingerprint: (token: string) => token,
};
const row = (name: string, own: SealedToken | null, ratePerSecond: number | null = null) => ({
  name,
  phoneNumberId: name,
  accountId: "100",
  ratePerSecond,
  own,
});
const share = (fallback: string | null, ...rows: ReturnType<typeof row>[]) =>
  shareOut(rows, { tokens: { vault, fallback }, rate: 80 });

it("each channel is looked at with the token and by the rate that it sends with", () => {
  const { byToken, checks } = share("common", row("1", sealed("a"), 20), row("2", null), row("3", sealed("a")));
  expect(checks).toEqual([]);
  expect(
    [...byToken].map(([token, channels]) => [token, channels.map((one) => [one.name, one.ratePerSecond])]),
  ).toEqual([
    ["common", [["2", 80]]],
    [
      "own-token",
      [
        ["1", 20],
        ["3", 80],
      ],
    ],
  ]);
});

it("a channel without a token, or with one that no key opens, is a fault and keeps no other from being looked at", () => {
  const { byToken, checks } = share(
    null,
    row("1", null),
    row("2", { ...sealed("a"), keyId: "old" }),
    row("3", sealed("a")),
  );
  expect(checks.map(({ code, state, wrong }) => [code, state, wrong])).toEqual([
    ["token-missing", "wrong", expect.stringMatching(/waits/)],
    ["token-key", "wrong", expect.stringMatching(/cannot be read/)],
  ]);
  expect([...byToken.keys()]).toEqual(["own-token"]);
});

it("the common token is looked at where nothing is configured yet, and not where every channel has its own", () => {
  expect([...share("common").byToken.keys()]).toEqual(["common"]);
  expect([...share("common", row("1", sealed("a"))).byToken.keys()]).toEqual(["own-token"]);
});
