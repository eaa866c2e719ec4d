export { assignQueued } from "./assignment/assign-queued.ts";
export { claim, claimNext } from "./assignment/claim.ts";
export { heartbeat } from "./assignment/heartbeat.ts";
export { explainAssignment, explainWaiting, listGroups, listQueue } from "./assignment/read-queues.ts";
export { requeueDue } from "./assignment/requeue-due.ts";
export { setAvailability } from "./assignment/set-availability.ts";
export { transfer } from "./assignment/transfer.ts";
export { configure } from "./configuration/configure.ts";
export { applyInbound } from "./inbound/apply-inbound.ts";
