import type { MetricSample } from "./exposition.ts";

/** What was scraped of all services at an instant, in seconds. */
export interface Scrape {
  at: number;
  samples: readonly MetricSample[];
}

type Value = number | MetricSample[];
type Evaluate = (history: readonly Scrape[], at: number) => Value;

/** How long a sample counts after its scrape, in seconds. Source: Prometheus, "Staleness". */
const LOOKBACK = 300;
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
const TOKEN = /\s*(>=|<=|==|!=|=~|!~|[-+*/(){}[\],=<>]|"(?:[^"\\]|\\.)*"|\d+(?:\.\d+)?(?:[smhd](?!\w))?|[A-Za-z_]\w*)/y;

/**
 * Evaluates the part of PromQL that our alert rules use, at an instant of a history of scrapes. Throws on anything else, so
 * that no rule passes because it was not understood. Source: Prometheus, "Querying basics", "Operators", "Functions".
 */
export function evaluateRule(expression: string, history: readonly Scrape[], at: number): MetricSample[] {
  const value = parseRule(expression)(history, at);
  if (typeof value === "number") throw new Error(`a rule gives a vector: ${expression}`);
  return value;
}

/** Returns the selectors of an expression: the names that they match, and the labels that they and `by` name. */
export function listSelectors(expression: string): { matches: (name: string) => boolean; labels: string[] }[] {
  const found = expression.matchAll(/([A-Za-z_]\w*)?(?:\{([^}]*)\})|\b(turno_\w+)/g);
  return [...found].map(([, name, inside = "", bare]) => {
    const matchers = [...inside.matchAll(/(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"/g)];
    const pattern = matchers.find(([, label]) => label === "__name__")?.[3];
    const wanted = name ?? bare;
    const matches = (one: string) => (wanted === undefined ? new RegExp(`^(?:${pattern})$`).test(one) : one === wanted);
    return { matches, labels: matchers.flatMap(([, label = ""]) => (label === "__name__" ? [] : [label])) };
  });
}

function tokenize(expression: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.trimEnd().length) {
    const [, token] = TOKEN.exec(expression) ?? [];
    if (token === undefined) throw new Error(`not understood: ${expression}`);
    tokens.push(token);
  }
  return tokens;
}

/** What two samples must have alike to belong together: all labels but the name, or those that are named. */
function keyOf(labels: MetricSample["labels"], only?: readonly string[]): string {
  const kept = Object.keys(labels).filter((key) => key !== "__name__" && (only?.includes(key) ?? true));
  return JSON.stringify(kept.toSorted().map((key) => [key, labels[key]]));
}
const vector = (value: Value): MetricSample[] => {
  if (typeof value === "number") throw new Error("a vector is needed here");
  return value;
};
const unnamed = ({ labels, value }: MetricSample): MetricSample => ({
  labels: Object.fromEntries(Object.entries(labels).filter(([key]) => key !== "__name__")),
  value,
});

const COMPARE: Record<string, (left: number, right: number) => boolean> = {
  ">": (left, right) => left > right,
  "<": (left, right) => left < right,
  ">=": (left, right) => left >= right,
  "<=": (left, right) => left <= right,
  "==": (left, right) => left === right,
  "!=": (left, right) => left !== right,
};
const ARITHMETIC: Record<string, (left: number, right: number) => number> = {
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
};
const SETS: Record<string, (left: MetricSample[], right: MetricSample[]) => MetricSample[]> = {
  or: (left, right) => [...left, ...without(right, left)],
  and: (left, right) => left.filter((one) => !without([one], right).includes(one)),
  unless: (left, right) => without(left, right),
};

function without(left: MetricSample[], right: MetricSample[]): MetricSample[] {
  const known = new Set(right.map(({ labels }) => keyOf(labels)));
  return left.filter(({ labels }) => !known.has(keyOf(labels)));
}

function combine(operator: string, left: Value, right: Value): Value {
  const compare = COMPARE[operator];
  const compute = ARITHMETIC[operator];
  const set = SETS[operator];
  if (set !== undefined) return set(vector(left), vector(right));
  const pairs = vector(left).flatMap((one) => {
    if (typeof right === "number") return [[one, right] as const];
    const other = right.find(({ labels }) => keyOf(labels) === keyOf(one.labels));
    return other === undefined ? [] : [[one, other.value] as const];
  });
  if (compare !== undefined) return pairs.filter(([one, other]) => compare(one.value, other)).map(([one]) => one);
  if (compute === undefined) throw new Error(`the operator ${operator} is not understood`);
  return pairs.map(([one, other]) => unnamed({ ...one, value: compute(one.value, other) }));
}

/** Binding powers: what binds tighter comes later. */
const LEVELS = [["or"], ["and", "unless"], Object.keys(COMPARE), Object.keys(ARITHMETIC)];
const AGGREGATES: Record<string, (values: number[]) => number> = {
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
};

/** The tokens of an expression that are still to be read. */
interface Tokens {
  peek: () => string | undefined;
  take: (wanted?: string) => string;
  /** Takes a token if it is the next one. */
  has: (token: string) => boolean;
  /** Returns the text up to a token, without taking it. */
  until: (token: string) => string;
}

function createTokens(expression: string): Tokens {
  const tokens = tokenize(expression);
  let next = 0;
  const peek = () => tokens[next];
  const take = (wanted?: string) => {
    const token = tokens[next++];
    if (token !== undefined && (wanted === undefined || token === wanted)) return token;
    throw new Error(`${wanted ?? "more"} is expected, not ${token}: ${expression}`);
  };
  return {
    peek,
    take,
    has: (token) => peek() === token && take() === token,
    until: (token) => tokens.slice(next, tokens.indexOf(token, next)).join(""),
  };
}

function parseRule(expression: string): Evaluate {
  const tokens = createTokens(expression);
  const parsed = parseLevel(tokens, 0);
  if (tokens.peek() !== undefined) throw new Error(`not understood from ${tokens.peek()} on: ${expression}`);
  return parsed;
}

function parseLevel(tokens: Tokens, level: number): Evaluate {
  const operators = LEVELS[level];
  if (operators === undefined) return parsePrimary(tokens);
  let left = parseLevel(tokens, level + 1);
  while (operators.includes(tokens.peek() ?? "")) {
    const operator = tokens.take();
    const [first, second] = [left, parseLevel(tokens, level + 1)];
    left = (...given) => combine(operator, first(...given), second(...given));
  }
  return left;
}

function parseInBrackets(tokens: Tokens): Evaluate {
  tokens.take("(");
  const inner = parseLevel(tokens, 0);
  tokens.take(")");
  return inner;
}

function parsePrimary(tokens: Tokens): Evaluate {
  if (tokens.peek() === "(") return parseInBrackets(tokens);
  if (tokens.peek() === "{") return parseSelector("", tokens);
  const token = tokens.take();
  if (/^\d/.test(token)) return () => Number(token);
  if (token in AGGREGATES) return parseAggregate(tokens, AGGREGATES[token]);
  if (token === "absent") return parseAbsent(tokens);
  if (token === "histogram_quantile") return parseQuantile(tokens);
  if (token !== "increase" && token !== "rate") return parseSelector(token, tokens);
  tokens.take("(");
  const grown = parseSelector(tokens.peek() === "{" ? "" : tokens.take(), tokens, token);
  tokens.take(")");
  return grown;
}

function parseAggregate(tokens: Tokens, fold: ((values: number[]) => number) | undefined): Evaluate {
  const by: string[] = [];
  if (tokens.has("by")) {
    tokens.take("(");
    while (!tokens.has(")")) if (!tokens.has(",")) by.push(tokens.take());
  }
  const inner = parseInBrackets(tokens);
  return (...given) => aggregate(vector(inner(...given)), by, fold);
}

/** What is absent bears the labels that its selector asks for. */
function parseAbsent(tokens: Tokens): Evaluate {
  const equals = tokens.until(")").matchAll(/(\w+)="([^"]*)"/g);
  const labels = Object.fromEntries([...equals].map(([, key = "", value = ""]) => [key, value]));
  const inner = parseInBrackets(tokens);
  return (...given) => (vector(inner(...given)).length > 0 ? [] : [{ labels, value: 1 }]);
}

function parseQuantile(tokens: Tokens): Evaluate {
  tokens.take("(");
  const share = Number(tokens.take());
  tokens.take(",");
  const inner = parseLevel(tokens, 0);
  tokens.take(")");
  return (...given) => quantile(share, vector(inner(...given)));
}

const secondsOf = (text: string) => Number(text.slice(0, -1)) * (UNITS[text.at(-1) ?? ""] ?? Number.NaN);

function parseSelector(name: string, tokens: Tokens, grows?: "increase" | "rate"): Evaluate {
  const { take, has } = tokens;
  const tests: ((labels: MetricSample["labels"]) => boolean)[] = [];
  if (name !== "") tests.push((labels) => labels["__name__"] === name);
  if (has("{")) {
    while (!has("}")) {
      const label = take();
      const operator = take();
      const text = JSON.parse(take()) as string;
      const isLike = (value: string) =>
        operator.includes("~") ? new RegExp(`^(?:${text})$`).test(value) : value === text;
      tests.push((labels) => isLike(labels[label] ?? "") !== operator.startsWith("!"));
      has(",");
    }
  }
  let range = 0;
  if (grows !== undefined) {
    take("[");
    range = secondsOf(take());
    take("]");
  }
  const offset = has("offset") ? secondsOf(take()) : 0;
  const select = (scrape: Scrape) => scrape.samples.filter(({ labels }) => tests.every((test) => test(labels)));
  return (history, now) => {
    const at = now - offset;
    const seen = history.filter((scrape) => scrape.at <= at && scrape.at > at - (range > 0 ? range : LOOKBACK));
    const last = seen.at(-1);
    if (last === undefined) return [];
    return grows === undefined ? select(last) : grow(seen.map(select), grows === "rate" ? range : 1);
  };
}

/** How much each series has grown over the scrapes, not extrapolated; one that is there only once has not grown. */
function grow(scrapes: readonly MetricSample[][], divisor: number): MetricSample[] {
  const series = Map.groupBy(scrapes.flat(), ({ labels }) => JSON.stringify(labels));
  return [...series.values()].flatMap((samples) => {
    const [first] = samples;
    if (first === undefined || samples.length < 2) return [];
    const grown = samples.reduce((sum, { value }, index) => {
      const before = samples[index - 1]?.value ?? value;
      return sum + (value >= before ? value - before : value);
    }, 0);
    return [unnamed({ ...first, value: grown / divisor })];
  });
}

function aggregate(
  samples: MetricSample[],
  by: readonly string[],
  fold: ((values: number[]) => number) | undefined,
): MetricSample[] {
  const grouped = Map.groupBy(samples, ({ labels }) => keyOf(labels, by));
  return [...grouped.values()].map((own) => ({
    labels: Object.fromEntries(Object.entries(own[0]?.labels ?? {}).filter(([key]) => by.includes(key))),
    value: fold?.(own.map(({ value }) => value)) ?? Number.NaN,
  }));
}

function quantile(share: number, samples: MetricSample[]): MetricSample[] {
  const boundOf = ({ labels }: MetricSample) => (labels["le"] === "+Inf" ? Infinity : Number(labels["le"]));
  const buckets = samples.toSorted((one, other) => boundOf(one) - boundOf(other));
  const wanted = share * (buckets.at(-1)?.value ?? 0);
  const index = buckets.findIndex(({ value }) => value >= wanted);
  const bucket = buckets[index];
  if (bucket === undefined || wanted === 0) return [];
  const [low, before] = [buckets[index - 1], buckets[index - 1]?.value ?? 0];
  const from = low === undefined ? 0 : boundOf(low);
  if (boundOf(bucket) === Infinity) return [{ labels: {}, value: from }];
  const value = from + ((boundOf(bucket) - from) * (wanted - before)) / (bucket.value - before);
  return [{ labels: {}, value }];
}
