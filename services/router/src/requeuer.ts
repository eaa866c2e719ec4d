import { startLoop, type Loop } from "@turno/runtime";

/** How late a conversation goes back at most, beside the time that it takes. */
const POLL_MS = 500;

/** The most conversations that one look puts back. */
const LIMIT = 200;

/** How many looks at conversations that fell due just now come between two looks at all of them. */
const SHORT_LOOKS = 60;
const LOOK_BACK_SECONDS = 10;

/**
 * Looks every half second for conversations whose agents let a limit of their group pass, while this router is the one
 * that looks. A look costs as much as there are conversations, so one router is enough.
 */
export function createRequeuer(options: {
  isLooking: () => boolean;
  requeue: (look: { limit: number; lookBackSeconds: number | null }) => Promise<number>;
  onRequeued: (count: number) => void;
  onFailure: (error: unknown) => void;
}): Loop {
  let looks = 0;
  const look = async () => {
    const lookBackSeconds = looks++ % SHORT_LOOKS === 0 ? null : LOOK_BACK_SECONDS;
    options.onRequeued(await options.requeue({ limit: LIMIT, lookBackSeconds }));
  };
  const run = async () => {
    if (options.isLooking()) await look();
    // What fell due before it is its turn again, nobody may have seen.
    else looks = 0;
  };
  return startLoop({ run, pauseMs: POLL_MS, onFailure: options.onFailure });
}
