/** One sample of a metric, as a service serves it. Its name is the label `__name__`. */
export interface MetricSample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** What a service says of one metric. */
export interface MetricFamily {
  name: string;
  type: string;
  help: string;
  samples: MetricSample[];
}

const LINE = /^(\w+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads the text format of Prometheus, as far as our services write it. Throws on any other line. */
export function readExposition(text: string): MetricFamily[] {
  const families: MetricFamily[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const [, name = "", help = ""] = /^# HELP (\w+) (.*)$/.exec(line) ?? [];
    if (name !== "") {
      families.push({ name, help, type: "", samples: [] });
      continue;
    }
    const family = families.at(-1);
    if (family === undefined) throw new Error(`a sample without its metric: ${line}`);
    const [, type] = /^# TYPE \w+ (\w+)$/.exec(line) ?? [];
    if (type !== undefined) {
      family.type = type;
      continue;
    }
    const [, sampled, labels = "", value] = LINE.exec(line) ?? [];
    if (sampled === undefined) throw new Error(`not a line of the text format: ${line}`);
    const pairs = [...labels.matchAll(LABEL)].map(([, key = "", labelled = ""]) => [key, labelled] as const);
    family.samples.push({ labels: { __name__: sampled, ...Object.fromEntries(pairs) }, value: Number(value) });
  }
  return families;
}
