import { type Update } from "../envelope.ts";
import { type MessageType } from "../message-content.ts";
import { type UpdateRequest } from "../traffic.ts";
import { type Schedule } from "./schedule.ts";
import { type SentMessage } from "./send-ledger.ts";

/**
 * What customers do when a message reaches them: for those where `when` holds (all, without), `times` of them (for ever,
 * without), the customer writes back after `afterMs` (0 without). To a template a tap on its button is the usual answer: type `button`.
 */
export interface AnswerRule {
  when?: (message: SentMessage) => boolean;
  times?: number;
  afterMs?: number;
  type?: MessageType;
  text?: string;
}

export interface Answers {
  /** Adds a rule behind the earlier ones; the function given back takes it out again. */
  add(rule: AnswerRule): () => void;
  onReached(message: SentMessage): void;
}

export interface AnswersDependencies {
  schedule: Schedule;
  message: (request: UpdateRequest) => Update;
  post: (updates: readonly Update[]) => Promise<boolean>;
}

export function createAnswers({ schedule, message, post }: AnswersDependencies): Answers {
  const rules: { rule: AnswerRule; left: number }[] = [];
  return {
    add(rule) {
      const entry = { rule, left: rule.times ?? Infinity };
      rules.push(entry);
      return () => {
        entry.left = 0;
      };
    },
    onReached(sent) {
      const { customer, wamid } = sent;
      const entry = rules.find(({ rule, left }) => left > 0 && (rule.when?.(sent) ?? true));
      if (entry === undefined || customer === null) return;
      entry.left -= 1;
      const { type, text, afterMs = 0 } = entry.rule;
      const request = { customer, quotedId: wamid, ...(type && { type }), ...(text !== undefined && { text }) };
      schedule.after(afterMs, () => void post([message(request)]));
    },
  };
}
