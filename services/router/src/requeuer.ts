import { startLoop, type Loop } from "@turno/runtime";

/** How late a conversation may go back at most, beside the time that it takes. */
const POLL_MS = 500;

/** How many conversations one look puts back at most. */
const LIMIT = 200;

/** Between looks at all conversations there are this many at those that fell due just now. */
const SHORT_LOOKS = 60;
const LOOK_BACK_SECONDS = 10;

/**
 * Looks every half second for conversations whose agents let a limit of their group pass, as long as it is this router's
 * turn to look: a look costs as much as there are conversations, so one router is enough.
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
