import { findChromium } from "@turno/servers";
import { chromium } from "playwright-core";

const [url = "http://127.0.0.1:8081", agent = "Ana", path = "docs/console.png", ...settings] = process.argv.slice(2);
const [width = 1240, height = 760, scheme = "light"] = settings;

/** Enters a running console as an agent, opens its first conversation and writes a picture of it. */
const { path: executablePath, environment } = await findChromium();
const env = { ...process.env, ...environment } as Record<string, string>;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"], env });
const viewport = { width: Number(width), height: Number(height) };
const page = await browser.newPage({ viewport, locale: "en-GB", colorScheme: scheme === "dark" ? "dark" : "light" });
await page.goto(`${url}/console`);
const people = await page.getByLabel("Agent").locator("option").allTextContents();
await page.getByLabel("Agent").selectOption({ label: people.find((name) => name.startsWith(agent)) ?? agent });
await page.getByRole("button", { name: "Enter" }).click();
await page.locator(".lists li a").first().click();
await page.locator(".message").first().waitFor();
await page.screenshot({ path });
await browser.close();
