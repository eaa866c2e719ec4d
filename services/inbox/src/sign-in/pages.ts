import { html } from "hono/html";
import type { Html } from "../console/form.ts";
import { writeDocument } from "../console/layout.ts";

/** Writes a page that says one thing, and where to go from it. It goes there by itself where it says so. */
export function writeNotice(
  title: string,
  paragraphs: readonly (string | Html)[],
  next: { href: string; text: string; isAutomatic?: boolean },
): Html {
  return writeDocument(
    `Turno: ${title}`,
    html`<body class="login">
      <main>
        <h1>${title}</h1>
        ${paragraphs.map((text) => html`<p>${text}</p>`)}
        <p><a class="main" href="${next.href}">${next.text}</a></p>
      </main>
    </body>`,
    next.isAutomatic === true ? next.href : null,
  );
}
