export { endConversation } from "./closing/end-conversation.ts";
export { createHistories } from "./closing/histories.ts";
export { createCommandHandlers } from "./commands.ts";
export { PROBLEMS, type ProblemCode } from "./http/problem.ts";
export { createBuiltInTicketStore } from "./tickets/built-in-store.ts";
