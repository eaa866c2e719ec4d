import { soundCheck, wrongCheck, type Check, type Examination } from "@turno/contracts";

/** What a service said of itself, or why it did not. `askedAt` and `answeredAt` are this host's, in milliseconds. */
export type Heard =
  | { kind: "answer"; service: string; examination: Examination; askedAt: number; answeredAt: number }
  | { kind: "none"; service: string; why: string };

/** The oldest Node that runs the sources without a flag or a warning. */
const NODE_MIN = [24, 12] as const;
/** The oldest nats-server whose API refuses what it does not understand, and the one that all settings need. */
const NATS_MIN = [2, 11] as const;
const NATS_RECOMMENDED = [2, 12] as const;
const TOLERANCE_MS = 5_000;

/** Judges that each service was heard. One that refuses its environment or its database ends before it can say so. */
export function judgeHeard(heard: Heard): Check {
  const { service } = heard;
  if (heard.kind === "answer") return soundCheck("answers", `${service} answers`);
  return wrongCheck("answers", `whether ${service} answers`, {
    wrong: heard.why,
    advice:
      `Look whether ${service} runs and reaches this broker with its own user. One that refuses its environment or its ` +
      "database says so in the last line of its log.",
  });
}

/** Judges the releases of all that answered, and of this tool. */
export function judgeReleases(heard: readonly Heard[], own: string): Check {
  const answers = heard.filter((one) => one.kind === "answer");
  const listed = answers.map(({ service, examination }) => `${service} ${examination.release}`);
  const looked = `releases: ${[`this tool ${own}`, ...listed].join(", ")}`;
  if (answers.every(({ examination }) => examination.release === own)) return soundCheck("releases", looked);
  return wrongCheck("releases", looked, {
    wrong: "They are not of one release.",
    advice: "Finish the upgrade, or roll back: releases work side by side for as long as that takes, not for good.",
  });
}

export function judgeNode(heard: Heard): Check[] {
  if (heard.kind === "none") return [];
  const { node } = heard.examination;
  const looked = `${heard.service} runs on Node ${node}`;
  if (isAtLeastVersion(node, NODE_MIN)) return [soundCheck("node-version", looked)];
  return [
    wrongCheck("node-version", looked, {
      wrong: `It is older than ${NODE_MIN.join(".")}.`,
      advice: "Run the image, which brings the Node that was tested.",
    }),
  ];
}

/** Judges a service's host's clock by ours, between question and answer. */
export function judgeHostClock(heard: Heard): Check[] {
  if (heard.kind === "none") return [];
  const at = Date.parse(heard.examination.at);
  const apartMs = at < heard.askedAt ? at - heard.askedAt : Math.max(0, at - heard.answeredAt);
  const looked = `the clock of ${heard.service}'s host and this one's`;
  if (Math.abs(apartMs) <= TOLERANCE_MS) return [soundCheck("clock-hosts", looked)];
  return [
    wrongCheck("clock-hosts", looked, {
      wrong: `Its clock is ${Math.round(Math.abs(apartMs) / 1_000)} s ${apartMs < 0 ? "behind" : "ahead"}.`,
      advice: "Let a time service such as NTP set the clocks of both machines.",
    }),
  ];
}

export function judgeBroker(version: string | undefined): Check {
  const looked = `nats-server ${version ?? "of an unknown version"}`;
  if (version !== undefined && isAtLeastVersion(version, NATS_RECOMMENDED)) return soundCheck("nats-version", looked);
  const isTooOld = version === undefined || !isAtLeastVersion(version, NATS_MIN);
  return wrongCheck("nats-version", looked, {
    wrong: isTooOld
      ? "It does not keep what it acknowledges when the power goes, or takes requests that it does not understand."
      : "It cannot hold EVENTS with several replicas.",
    advice: `Move to nats-server ${NATS_RECOMMENDED.join(".")} or newer.`,
  });
}

function isAtLeastVersion(text: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = text.split(".").map(Number);
  return first > major || (first === major && second >= minor);
}
