import { findChromium, type ChromiumBinary } from "@turno/servers";
import { stageAgent } from "./stage.ts";
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

export interface BrowserScreen {
  width?: number;
  height?: number;
  /** Without its script a page stands as it was loaded, whatever happens meanwhile. */
  hasScript?: boolean;
  scheme?: "light" | "dark";
}

export interface TestBrowser {
  /** Enters the console as an agent of the stage, and waits until the page follows what happens. Cookies are shared with nobody. */
  enter: (index: number, screen?: BrowserScreen) => Promise<Page>;
  /** Opens an empty page of somebody new. */
  open: (screen?: BrowserScreen) => Promise<Page>;
  closeScreens: () => Promise<void>;
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
  const open = async ({ width = 1280, height = 860, hasScript = true, scheme = "light" }: BrowserScreen = {}) => {
    const viewport = { width, height };
    const options = { baseURL, viewport, javaScriptEnabled: hasScript, colorScheme: scheme, locale: "en-GB" };
    const context = await browser.newContext(options);
    watch(context);
    return context.newPage();
  };
  return {
    open,
    enter: async (index, screen = {}) => {
      const page = await open(screen);
      await page.goto("/console");
      await page.getByLabel("Agent").selectOption(stageAgent(index));
      await page.getByRole("button", { name: "Enter" }).click();
      await page.locator(screen.hasScript === false ? ".lists" : "html[data-live=yes]").waitFor();
      await page.waitForLoadState();
      return page;
    },
    closeScreens: async () => {
      await Promise.all(browser.contexts().map((context) => context.close()));
    },
    close: async () => {
      await browser.close();
      if (faults.length > 0) throw new Error(`faults on pages: ${faults.join("; ")}`);
    },
  };
}
