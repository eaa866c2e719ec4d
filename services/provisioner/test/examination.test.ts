import type { Check } from "@turno/contracts";
import type { Room } from "@turno/messaging";
import { expect, it } from "vitest";
import { judgeParts, judgeRoom, judgeUnread } from "../src/examination.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const GIBIBYTE = 1024 ** 3;
const HOUR_MS = 3_600_000;
const room = (changed: Partial<Room>): Room[] => [
  { name: "INBOUND", bytes: GIBIBYTE, bytesMax: 8 * GIBIBYTE, oldestAt: null, ...changed },
  { name: "EVENTS", bytes: GIBIBYTE, bytesMax: GIBIBYTE, oldestAt: null },
  { name: "account", bytes: 2 * GIBIBYTE, bytesMax: null, oldestAt: null },
];
const ago = (hours: number) => new Date(NOW - hours * HOUR_MS);

it.each<[string, Check[], string, RegExp, RegExp]>([
  ["a part that is refused", judgeParts(["EVENTS: no room"]), "streams", /EVENTS: no room/, /tries again/],
  ["no limit", judgeRoom(room({ bytesMax: null }), NOW), "room", /Neither/, /INBOUND_BYTES_MAX/],
  ["a full stream", judgeRoom(room({ bytes: 6.4 * GIBIBYTE }), NOW), "room", /nearly full/, /503/],
  ["a small limit", judgeRoom(room({ bytes: 0, bytesMax: GIBIBYTE / 8 }), NOW), "room", /less than 0.25 GiB/, /Raise/],
  ["a limit for two days", judgeRoom(room({ oldestAt: ago(12) }), NOW), "room", /need 16.00 GiB/, /Raise/],
])("%s is explained, and nothing else", (_what, found, code, wrong, advice) => {
  const faults = found.filter(({ state }) => state !== "sound");
  expect(faults.map((fault) => fault.code)).toEqual([code]);
  expect(faults[0]?.wrong).toMatch(wrong);
  expect(faults[0]?.advice).toMatch(advice);
});

it("enough room is sound: by the pace of a day, for a stream too young to have one, and for one that has dropped its oldest", () => {
  const sound = [
    ...judgeParts([]),
    ...[ago(25), ago(0.5), ago(8 * 24), null].flatMap((oldestAt) => judgeRoom(room({ oldestAt }), NOW)),
  ];
  expect(sound.map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => "sound"));
  expect(judgeUnread("no leader")).toMatchObject([{ state: "unseen", wrong: "no leader" }]);
});
