export { createBodyReader } from "./body.ts";
export { createDeliveryHandler, type DeliveryHandlerParts, type SigningApp } from "./delivery.ts";
export { createLanes, type Lanes } from "./lanes.ts";
export { createMaySpeakFor } from "./may-speak-for.ts";
