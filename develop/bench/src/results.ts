/** What the benchmark is judged by, in the order of its table. `isRatio` figures carry a ×. */
export const FIGURES = {
  gatewayVsBare: {
    what: "gateway CPU per webhook, durable before the 200, against bare `node:http`",
    least: 2.2,
    aim: 1.7,
  },
  gatewayVsBareFsync: { what: "the same with `sync_interval: always`", least: 2.4, aim: 1.8 },
  gatewayVsWhatsappApiJs: {
    what: "the same against `whatsapp-api-js` on `node:http` (stores nothing, reads one message)",
    least: 0.85,
    aim: 0.65,
  },
  acceptedVsPlainFsync: {
    what: "webhooks accepted per second with `sync_interval: always`, against the plain way",
    least: 3,
    aim: 4,
  },
  batchVsBare: { what: "one POST of 1,000 messages, CPU, against bare `node:http`", least: 12, aim: 8 },
  routerVsPlain: {
    what: "router, messages per second with events and position, against the plain way",
    least: 8,
    aim: 11,
  },
  routerVsInsert: { what: "router against a raw multi-row insert of the same rows", least: 0.6, aim: 0.85 },
  pathVsPlainFsync: { what: "whole path sustained, against the plain way, fsync before the 200", least: 8, aim: 12 },
  latencyP50Ms: { what: "POST to assigned event at 200 messages/s, median, ms", least: 10, aim: 5 },
  latencyP99Ms: { what: "the same, 99th percentile, ms", least: 30, aim: 12 },
  growthAtMillion: {
    what: "router cost per message at 1 million conversations against 10 thousand",
    least: 1.4,
    aim: 1.1,
  },
  twoRouters: {
    what: "two routers against one, router-bound (one transaction at a time in each)",
    least: 1.25,
    aim: 1.6,
  },
  freePlaceP50Ms: { what: "a place becomes free until it is filled, 10,000 waiting, median, ms", least: 50, aim: 10 },
  freePlaceP99Ms: { what: "the same, 99th percentile, ms", least: 50, aim: 25 },
} as const;

export type FigureKey = keyof typeof FIGURES;
export type Figures = Partial<Record<FigureKey, number>>;

/** A table of the details behind the figures. */
export interface DetailTable {
  title: string;
  columns: string[];
  rows: (string | number)[][];
}

export interface PartResult {
  figures: Figures;
  tables: DetailTable[];
}

export const PARTS = [
  "gateway",
  "router",
  "path",
  "latency",
  "growth",
  "routers",
  "free-place",
  "memory",
  "steps",
  "inbox",
  "size",
  "ramp",
] as const;
export type PartName = (typeof PARTS)[number];

/** More is better where the thing to reach lies above the least that is accepted. */
export function judgeFigure(key: FigureKey, value: number): "aim" | "met" | "missed" {
  const { least, aim } = FIGURES[key];
  const isAtLeast = (bound: number) => (aim > least ? value >= bound : value <= bound);
  return isAtLeast(aim) ? "aim" : isAtLeast(least) ? "met" : "missed";
}
