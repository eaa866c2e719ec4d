import { findChromium, type ChromiumBinary } from "@turno/servers";
import { chromium, type BrowserContext, type Page } from "playwright-core";

/** Root has no sandbox to run in, and nothing but our own pages is to be asked for. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface TestBrowser {
  /** A person at a screen of its own: cookies are shared with nobody. */
  open: (options?: {
    width?: number;
    height?: number;
    hasScript?: boolean;
    scheme?: "light" | "dark";
  }) => Promise<Page>;
  /** Fails where a script threw on any page, or the content security policy stopped something. */
  close: () => Promise<void>;
}

/** Looked for once, also where it is not found. */
let found: Promise<ChromiumBinary> | null = null;

/** Starts a Chromium. It has a new empty profile, which goes with it. */
export async function startBrowser(baseURL: string): Promise<TestBrowser> {
  const { path, environment } = await (found ??= findChromium());
  const browser = await chromium.launch({
    executablePath: path,
    args: FLAGS,
    env: { ...process.env, ...environment },
  });
  const faults: string[] = [];
  const watch = (context: BrowserContext) => {
    context.on("weberror", (error) => faults.push(error.error().message));
    context.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) faults.push(message.text());
    });
  };
  return {
    open: async ({ width = 1280, height = 860, hasScript = true, scheme = "light" } = {}) => {
      const viewport = { width, height };
      const options = { baseURL, viewport, javaScriptEnabled: hasScript, colorScheme: scheme, locale: "en-GB" };
      const context = await browser.newContext(options);
      watch(context);
      return context.newPage();
    },
    close: async () => {
      await browser.close();
      if (faults.length > 0) throw new Error(`faults on pages: ${faults.join("; ")}`);
    },
  };
}
