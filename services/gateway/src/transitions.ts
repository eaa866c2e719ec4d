import type { Logger } from "@turno/runtime";
import type { SpokenFor } from "@turno/whatsapp";

/** Logs the beginning and the end of a state, and nothing in between: a flood of POSTs must not fill the log. */
export interface Transitions {
  signature(appKey: string, isSigned: boolean): void;
  /** Told once for each app. */
  foreign(appKey: string, place: SpokenFor): void;
  storing(failure?: Error): void;
}

export function createTransitions(logger: Logger): Transitions {
  const mismatching = new Set<string>();
  const speakingForOthers = new Set<string>();
  let isStoring = true;
  return {
    signature(appKey, isSigned) {
      if (isSigned) {
        if (mismatching.delete(appKey)) logger.info({ app: appKey }, "signatures match again");
      } else if (!mismatching.has(appKey)) {
        mismatching.add(appKey);
        logger.warn({ app: appKey }, "a signature matches none of the app's secrets");
      }
    },
    foreign(appKey, place) {
      if (speakingForOthers.has(appKey)) return;
      speakingForOthers.add(appKey);
      logger.error(
        { app: appKey, ...place },
        "an app's secret signed for what the app is not bound to: it takes no effect",
      );
    },
    storing(failure) {
      if ((failure === undefined) === isStoring) return;
      isStoring = failure === undefined;
      if (isStoring) logger.info("deliveries are stored again");
      else logger.warn({ err: failure }, "deliveries cannot be stored: answering 503");
    },
  };
}
