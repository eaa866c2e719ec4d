import { EVENTS, type Envelope, type EventData, type EventType } from "@turno/contracts";

/** What a demo agent does next with a conversation. */
export type DeskStep = "answer" | "close" | "transfer" | "template" | "finalise";

/** A conversation as a program knows it that sees nothing but events. */
export interface Case {
  readonly conversationId: string;
  readonly contactId: string;
  groupId: string;
  /** Null while it waits in a queue, and where it expired there. */
  agentId: string | null;
  state: "queued" | "active" | "expired";
  /** How it will go: `leave` waits for a customer who may never come back, so that it may expire. */
  plan: "resolve" | "transfer" | "leave";
  answersLeft: number;
  ticket: "none" | "proposed" | "confirmed";
  /** The expired conversation whose template opened this one. */
  continuesId: string | null;
  /** Whether a template from it has opened another: then it can only be finalised, with the other one's ticket. */
  isContinued: boolean;
  /** `at` in ms of the real clock: how long people take does not depend on the speed of the rules' clock. */
  due: { step: DeskStep; at: number } | null;
}

export interface DeskOptions {
  random: () => number;
  /** The real clock, ms. */
  now: () => number;
  /** Share of conversations that are left to the customer. */
  leaveShare: number;
}

/** All conversations that are not over, and what is to be done with them. It acts on nothing by itself. */
export interface Desk {
  note(event: Pick<Envelope, "type" | "data">): void;
  /** Takes up to `most` cases whose step is due, the longest due first; their step is cleared. */
  takeDue(most: number): { taken: Case; step: DeskStep }[];
  /** Sets what is next for a case, after a random part of the given time. */
  plan(of: Case, step: DeskStep, seconds: readonly [number, number]): void;
  waitingIn(groupId: string): number;
  activeOf(agentId: string): number;
}

const TRANSFER_SHARE = 0.08;
const TEMPLATE_SHARE = 0.65;
const ANSWERS_MAX = 3;

type Handlers = { [T in EventType]?: (data: EventData<T>) => void };
type Plan = Desk["plan"];

/** Makes and changes cases as the rules of a demo agent's day say. */
function createCases({ random, now, leaveShare }: DeskOptions) {
  const cases = new Map<string, Case>();
  const choosePlan = (): Case["plan"] => {
    const luck = random();
    if (luck < leaveShare) return "leave";
    return luck < leaveShare + TRANSFER_SHARE ? "transfer" : "resolve";
  };
  const plan: Plan = (of, step, [least, most]) => {
    of.due = { step, at: now() + (least + random() * (most - least)) * 1000 };
  };
  const change = (conversationId: string, apply: (found: Case) => void) => {
    const found = cases.get(conversationId);
    if (found !== undefined) apply(found);
  };
  return {
    cases,
    plan,
    change,
    open: ({ conversationId, contactId, groupId }: Pick<Case, "conversationId" | "contactId" | "groupId">): Case => {
      const opened: Case = {
        conversationId,
        contactId,
        groupId,
        agentId: null,
        state: "queued",
        plan: choosePlan(),
        answersLeft: 1 + Math.floor(random() * ANSWERS_MAX),
        ticket: "none",
        continuesId: null,
        isContinued: false,
        due: null,
      };
      cases.set(conversationId, opened);
      return opened;
    },
    /** The expired conversation takes the ticket of the one that it led to, once that has one. */
    finaliseOrigin: (of: Case) => {
      if (of.continuesId !== null) change(of.continuesId, (origin) => plan(origin, "finalise", [3, 8]));
    },
    isWorthATemplate: (of: Case) => of.continuesId === null && of.agentId !== null && random() < TEMPLATE_SHARE,
  };
}

function createHandlers(known: ReturnType<typeof createCases>): Handlers {
  const { cases, plan, change, open, finaliseOrigin, isWorthATemplate } = known;
  return {
    "conversation.opened": ({ conversationId, contactId, groupId }) =>
      void open({ conversationId, contactId, groupId }),
    "conversation.assigned": ({ conversationId, groupId, agentId, reason }) =>
      change(conversationId, (found) => {
        Object.assign(found, { groupId, agentId, state: "active" });
        // Nothing to say before the customer has answered the template.
        if (reason.rule !== "template") plan(found, "answer", [1, 4]);
      }),
    "conversation.transferred": ({ conversationId, to }) =>
      change(conversationId, (found) => {
        const state = to.agentId === null ? "queued" : "active";
        Object.assign(found, { ...to, state, plan: "resolve", due: null });
      }),
    "message.received": ({ conversationId }) =>
      change(conversationId, (found) => {
        if (found.state !== "active") return;
        plan(found, "answer", [1, 4]);
      }),
    "conversation.expired": ({ conversationId }) =>
      change(conversationId, (found) => {
        found.state = "expired";
        if (isWorthATemplate(found)) plan(found, "template", [2, 5]);
        else plan(found, "finalise", [5, 15]);
      }),
    "conversation.reopened": ({ conversationId, contactId, groupId, agentId, continuesConversationId }) => {
      const ticket = cases.get(continuesConversationId)?.ticket === "confirmed" ? "confirmed" : "none";
      const more = { agentId, ticket, state: "active", plan: "resolve", continuesId: continuesConversationId } as const;
      Object.assign(open({ conversationId, contactId, groupId }), { ...more, answersLeft: 1 });
      change(continuesConversationId, (origin) => Object.assign(origin, { isContinued: true, due: null }));
    },
    "conversation.failed": ({ conversationId, continuesConversationId }) => {
      if (continuesConversationId !== undefined) {
        change(continuesConversationId, (origin) => (origin.isContinued = false));
      }
      change(conversationId, finaliseOrigin);
      cases.delete(conversationId);
    },
    "conversation.closed": ({ conversationId }) => {
      change(conversationId, finaliseOrigin);
      cases.delete(conversationId);
    },
    "ticket.proposed": ({ conversationId }) => change(conversationId, (found) => (found.ticket = "proposed")),
    "ticket.confirmed": ({ conversationId }) =>
      change(conversationId, (found) => {
        found.ticket = "confirmed";
        finaliseOrigin(found);
      }),
    "ticket.rejected": ({ conversationId }) => change(conversationId, (found) => (found.ticket = "none")),
  };
}

export function createDesk(options: DeskOptions): Desk {
  const { now } = options;
  const known = createCases(options);
  const { cases, plan } = known;
  const handlers = createHandlers(known);
  const count = (holds: (one: Case) => boolean) => [...cases.values()].filter(holds).length;
  return {
    note: ({ type, data }) => {
      const handle = handlers[type as EventType] as ((data: unknown) => void) | undefined;
      if (handle !== undefined) handle(EVENTS[type as EventType].data.parse(data));
    },
    takeDue: (most) => {
      const due = [...cases.values()].flatMap((one) =>
        one.due === null || one.due.at > now() ? [] : [{ taken: one, ...one.due }],
      );
      const taken = due.toSorted((left, right) => left.at - right.at).slice(0, most);
      for (const { taken: one } of taken) one.due = null;
      return taken;
    },
    plan,
    waitingIn: (groupId) => count((one) => one.state === "queued" && one.groupId === groupId),
    activeOf: (agentId) => count((one) => one.state === "active" && one.agentId === agentId),
  };
}
