import { describeFaults, type RefusalAnswer } from "@turno/contracts";
import type { RefusalCode } from "@turno/conversation";

/** What the HTTP API itself says no for, beside the rules' refusals. */
type ApiCode =
  | "unavailable"
  | "not-authenticated"
  | "too-many-requests"
  | "too-large"
  | "no-such-route"
  | "method-not-allowed"
  | "unsupported-media-type"
  | "key-reused"
  | "key-under-way"
  | "defect";

export type ProblemCode = RefusalCode | ApiCode;

/** The one table from codes to HTTP: 409 is a race lost or a state that does not allow it, with who and when. */
export const PROBLEMS: Record<ProblemCode, { status: number; title: string }> = {
  invalid: { status: 422, title: "The request is not valid" },
  "not-authenticated": { status: 401, title: "No valid token" },
  "not-permitted": { status: 403, title: "Not permitted" },
  "not-a-member": { status: 403, title: "Not a member of the group" },
  "not-found": { status: 404, title: "Not found" },
  "no-such-route": { status: 404, title: "No such route" },
  "method-not-allowed": { status: 405, title: "Method not allowed" },
  "conversation-taken": { status: 409, title: "Somebody else took the conversation" },
  "conversation-not-open": { status: 409, title: "The conversation's state does not allow it" },
  "conversation-closed": { status: 409, title: "The conversation is over" },
  "conversation-waits": { status: 409, title: "The conversation waits in the queue" },
  "conversation-expired": { status: 409, title: "The conversation is expired" },
  "conversation-continued": { status: 409, title: "The conversation goes on in another one" },
  "conversation-offered": { status: 409, title: "The conversation is only offered yet" },
  "not-offered": { status: 409, title: "The conversation is not offered to the agent" },
  "conversation-open": { status: 409, title: "The customer has an open conversation" },
  "conversation-superseded": { status: 409, title: "There is a newer conversation" },
  "contact-blocked": { status: 409, title: "The contact is blocked" },
  "contact-not-blocked": { status: 409, title: "The contact is not blocked" },
  "queue-empty": { status: 409, title: "Nothing waits" },
  "agent-away": { status: 409, title: "The agent is away" },
  "agent-absent": { status: 409, title: "The agent is not present" },
  "agent-full": { status: 409, title: "The agent has all that it takes" },
  "agent-deactivated": { status: 403, title: "The agent is deactivated" },
  "same-agent": { status: 409, title: "The agent has it already" },
  "same-group": { status: 409, title: "It waits in the group already" },
  "conversation-moved": { status: 409, title: "Somebody else transferred the conversation" },
  "session-over": { status: 409, title: "The customer's 24 hours are over" },
  "ticket-needed": { status: 409, title: "A confirmed ticket link is needed" },
  "ticket-linked": { status: 409, title: "The conversation is linked already" },
  "ticket-link-not-proposed": { status: 409, title: "No such proposal" },
  "ticket-changed": { status: 409, title: "The ticket changed meanwhile" },
  "ticket-of-another": { status: 409, title: "The ticket is another customer's" },
  "templates-unread": { status: 503, title: "The list of templates could not be read" },
  "phone-needed": { status: 409, title: "The customer's phone is not known" },
  "template-unknown": { status: 422, title: "No such template" },
  "template-unusable": { status: 422, title: "The template cannot be used" },
  "marketing-stopped": { status: 409, title: "The customer wants no marketing messages" },
  "template-parameters": { status: 422, title: "The template's parameters do not fit" },
  "key-reused": { status: 422, title: "The key stands for another request" },
  "key-under-way": { status: 409, title: "The same request is being done" },
  "too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body is not JSON" },
  "too-many-requests": { status: 429, title: "Too many requests" },
  unavailable: { status: 503, title: "Not available now" },
  defect: { status: 500, title: "A fault of ours" },
};

/** A refusal as a problem document. Source: RFC 9457. `type` leads to the page that explains the code. */
export function toProblem(
  refusal: Omit<RefusalAnswer, "details"> & { details?: Record<string, unknown> | undefined },
): Response {
  const isKnown = Object.hasOwn(PROBLEMS, refusal.code);
  const code = (isKnown ? refusal.code : "defect") as ProblemCode;
  const { status, title } = PROBLEMS[code];
  const headers = new Headers({ "content-type": "application/problem+json" });
  if (status === 401) headers.set("www-authenticate", "Bearer");
  // The rest of the body is not read, so that nothing else can come on this connection.
  if (status === 413) headers.set("connection", "close");
  if (status === 429 || status === 503) headers.set("retry-after", "1");
  const body = { type: `/docs#${code}`, title, status, detail: refusal.message, code, details: refusal.details };
  return new Response(JSON.stringify(body), { status, headers });
}

/** What a schema found, by field and rule; never the value. */
export function toInvalid(
  issues: readonly { path: readonly PropertyKey[]; message: string }[],
  where: string,
): Response {
  const { message, faults } = describeFaults(issues, where);
  return toProblem({ code: "invalid", message, details: { faults } });
}
