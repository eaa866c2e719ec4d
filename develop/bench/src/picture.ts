import { FIGURES, judgeFigure, type FigureKey, type Figures } from "./results.ts";
import { format } from "./statistics.ts";

const LABELS: Record<FigureKey, string> = {
  gatewayVsBare: "gateway CPU ÷ bare node:http",
  gatewayVsBareFsync: "gateway CPU ÷ bare node:http, fsync",
  gatewayVsWhatsappApiJs: "gateway CPU ÷ whatsapp-api-js",
  acceptedVsPlainFsync: "webhooks accepted ÷ plain, fsync",
  batchVsBare: "1,000 in one POST, CPU ÷ bare",
  routerVsPlain: "router rate ÷ plain",
  routerVsInsert: "router rate ÷ raw insert",
  pathVsPlainFsync: "whole path ÷ plain, fsync",
  latencyP50Ms: "POST to assigned, median ms",
  latencyP99Ms: "POST to assigned, 99th percentile ms",
  growthAtMillion: "cost at 1,000,000 ÷ at 10,000",
  twoRouters: "two routers ÷ one",
  freePlaceP50Ms: "free place filled, median ms",
  freePlaceP99Ms: "free place filled, 99th percentile ms",
};
const COLOURS = { aim: "#2e7d32", met: "#0277bd", missed: "#c62828" };

const [ROW, LEFT, WIDTH, RIGHT, TOP] = [34, 280, 420, 90, 46] as const;
/** The least that is accepted stands here on every row, so that rows of different units can be compared. */
const LEAST_AT = 0.5;

/** One bar a figure, drawn to the scale of its own limit: the line is the least accepted, the dot the aim. */
export function drawPicture(figures: Figures): string {
  const keys = (Object.keys(FIGURES) as FigureKey[]).filter((key) => figures[key] !== undefined);
  const height = TOP + keys.length * ROW + 20;
  const total = LEFT + WIDTH + RIGHT;
  const lineAt = LEFT + WIDTH * LEAST_AT;
  const place = (share: number) => LEFT + WIDTH * Math.min(1, share * LEAST_AT);
  const rows = keys.map((key, index) => {
    const value = figures[key] ?? 0;
    const { least, aim } = FIGURES[key];
    const y = TOP + index * ROW;
    const colour = COLOURS[judgeFigure(key, value)];
    const better = aim > least ? "more is better" : "less is better";
    return `  <g>
    <title>${LABELS[key]}: ${format(value)}; at least ${least}, aim ${aim}; ${better}</title>
    <text x="${LEFT - 12}" y="${y + 16}" text-anchor="end">${LABELS[key]}</text>
    <rect x="${LEFT}" y="${y + 4}" width="${(place(value / least) - LEFT).toFixed(1)}" height="16" rx="3" fill="${colour}"/>
    <circle cx="${place(aim / least).toFixed(1)}" cy="${y + 12}" r="4" fill="#fff" stroke="#444" stroke-width="1.5"/>
    <text x="${LEFT + WIDTH + 12}" y="${y + 16}" font-weight="600">${format(value)} ${aim > least ? "↑" : "↓"}</text>
  </g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${height}" width="${total}" height="${height}"
  font-family="system-ui, sans-serif" font-size="13" fill="#222">
  <rect width="100%" height="100%" fill="#fff"/>
  <text x="16" y="24" font-size="15" font-weight="600">Turno against its limits</text>
  <text x="${LEFT}" y="24" fill="#555">line: limit · circle: aim · ↑ more is better, ↓ less is better</text>
${rows.join("\n")}
  <line x1="${lineAt}" y1="${TOP - 6}" x2="${lineAt}" y2="${height - 14}" stroke="#444" stroke-dasharray="4 3"/>
</svg>
`;
}
