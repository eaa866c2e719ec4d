import { soundCheck, STREAMS, unseenCheck, wrongCheck, type Check } from "@turno/contracts";
import type { Room } from "@turno/messaging";

const GIBIBYTE = 1024 ** 3;
const HOUR_MS = 60 * 60 * 1000;
/** `INBOUND` keeps what came in for so long: see its definition in `libs/messaging`. */
const KEPT_MS = 8 * 24 * HOUR_MS;
const NEARLY_FULL_SHARE = 0.8;
/** A stream that is younger says nothing of how much a day brings. */
const YOUNGEST_MS = HOUR_MS;
/** Less is full within hours of an ordinary day: an update has about a kilobyte. */
const BYTES_LEAST = GIBIBYTE / 4;

const ROOM_ADVICE =
  "Raise INBOUND_BYTES_MAX of the provisioner, and max_file_store of nats-server with it. A full stream refuses what comes in: " +
  "the gateway answers 503, and Meta resends for 7 days.";

/** Judges what the provisioner makes: a sentence for each part that is not as it must be. */
export function judgeParts(obstacles: readonly string[]): Check[] {
  if (obstacles.length === 0)
    return [soundCheck("streams", "streams and followers' consumers are as they are defined")];
  return obstacles.map((wrong) =>
    wrongCheck("streams", "streams and followers' consumers", {
      wrong,
      advice:
        "The provisioner tries again each second: make possible what the sentence names, such as a newer server or more room.",
    }),
  );
}

/** Judges whether what comes in has room, now and at the pace of the days that are kept. `EVENTS` drops its oldest. */
export function judgeRoom(rooms: readonly Room[], now: number): Check[] {
  const watched = rooms.filter(({ name }) => name !== STREAMS.events);
  const limited = watched.filter((room): room is Room & { bytesMax: number } => room.bytesMax !== null);
  if (limited.length === 0) {
    return [
      wrongCheck("room", "how much INBOUND may hold", {
        wrong: "Neither the stream nor the account has a limit, so nothing can tell before the disk is full.",
        advice: "Set INBOUND_BYTES_MAX of the provisioner, or max_file_store of nats-server.",
      }),
    ];
  }
  return limited.map((room) => judgeLimit(room, now));
}

function judgeLimit({ name, bytes, bytesMax, oldestAt }: Room & { bytesMax: number }, now: number): Check {
  const looked = `${name} holds ${inGibibytes(bytes)} of ${inGibibytes(bytesMax)} GiB`;
  if (bytes >= NEARLY_FULL_SHARE * bytesMax) {
    return wrongCheck("room", looked, { wrong: "It is nearly full.", advice: ROOM_ADVICE });
  }
  if (bytesMax < BYTES_LEAST) {
    const wrong = `Its limit is less than ${inGibibytes(BYTES_LEAST)} GiB, which an ordinary day may fill.`;
    return wrongCheck("room", looked, { wrong, advice: ROOM_ADVICE });
  }
  const ageMs = oldestAt === null ? 0 : now - oldestAt.getTime();
  if (ageMs < YOUNGEST_MS || ageMs >= KEPT_MS) return soundCheck("room", looked);
  const expected = bytes * (KEPT_MS / ageMs);
  if (expected < bytesMax) return soundCheck("room", looked);
  return wrongCheck("room", looked, {
    wrong: `At this pace the days that it keeps need ${inGibibytes(expected)} GiB.`,
    advice: ROOM_ADVICE,
  });
}

/** Judges that the room could not be read. */
export const judgeUnread = (why: string): Check[] => [
  unseenCheck("room", "how full the streams are", {
    why,
    advice: "Look whether nats-server runs and JetStream has a leader.",
  }),
];

const inGibibytes = (bytes: number) => (bytes / GIBIBYTE).toFixed(2);
