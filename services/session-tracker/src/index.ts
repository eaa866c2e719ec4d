export { sweepDue } from "./expiry/sweep-due.ts";
export { requestSend } from "./sending-gate/request-send.ts";
export { startConversation } from "./sending-gate/start-conversation.ts";
