import { startLoop, type Loop } from "@turno/runtime";

/** How late a conversation goes back at most, beside the time that it takes. */
const POLL_MS = 500;

/** The most conversations that one look puts back. */
const LIMIT = 200;

/**
 * Looks every half second for conversations whose agents let a limit of their group pass, while this router is the one
 * that looks. A look costs as much as there are conversations, so one router is enough.
 */
export function createRequeuer(options: {
  isLooking: () => boolean;
  requeue: (look: { limit: number }) => Promise<number>;
  onRequeued: (count: number) => void;
  onFailure: (error: unknown) => void;
}): Loop {
  const run = async () => {
    if (options.isLooking()) options.onRequeued(await options.requeue({ limit: LIMIT }));
  };
  return startLoop({ run, pauseMs: POLL_MS, onFailure: options.onFailure });
}
