import { CONVERSATION_PERMISSIONS, PERMISSIONS, ROLES, STATES } from "@turno/conversation";
import { html, raw } from "hono/html";
import { createHash } from "node:crypto";
import { ROUTES } from "./api.ts";
import { PROBLEMS } from "./problem.ts";
import type { Route } from "./route.ts";

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:#f4f5f7;padding:.6rem;overflow:auto}
h3{margin:2rem 0 .2rem}table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0}
.verb{color:#0a6b3d;font-weight:600}`;

/** Lets in the page's own style and nothing else, and no frame around it. */
export const REFERENCE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** The API for people to read, made of the same table as the API itself. */
export function writeReference() {
  const tags = [...new Set(ROUTES.map(({ tag }) => tag))];
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Turno inbox API</title>
        ${raw(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <h1>Turno inbox API</h1>
        <p>
          The full schemas are in <a href="/openapi.json">openapi.json</a>. Send a token:
          <code>authorization: Bearer …</code>.
        </p>
        ${tags.map(
          (tag) =>
            html`<h2>${tag}</h2>
              ${ROUTES.filter((route) => route.tag === tag).map(writeRoute)}`,
        )}
        <h2>Live</h2>
        <h3><span class="verb">GET</span> <code>/v1/live</code></h3>
        <p>
          Server-sent events of own conversations and queues. <code>Last-Event-ID</code> goes on where the last
          connection ended.
        </p>
        ${writePermissions()}
        <h2>Problems</h2>
        <table>
          <tr>
            <th>code</th>
            <th>status</th>
            <th>what</th>
          </tr>
          ${Object.entries(PROBLEMS).map(
            ([code, { status, title }]) =>
              html`<tr id="${code}">
                <td><code>${code}</code></td>
                <td>${status}</td>
                <td>${title}</td>
              </tr>`,
          )}
        </table>
      </body>
    </html>`;
}

function writeRoute({ method, path, summary, body, example, query }: Route) {
  const hasExample = Object.keys(example).length > 0;
  const fields = Object.keys((body ?? query)?.shape ?? {}).join(", ");
  return html`<h3><span class="verb">${method.toUpperCase()}</span> <code>${path}</code></h3>
    <p>${summary}</p>
    ${fields === "" ? "" : html`<p>${body === null ? "Query" : "Body"}: <code>${fields}</code></p>`}
    ${hasExample ? html`<pre>${JSON.stringify(example, null, 2)}</pre>` : ""}`;
}

/** Who may do what, from the table by which everything is refused and offered. */
function writePermissions() {
  return html`<h2>Who may do what with a conversation</h2>
    <p>
      An <em>owner</em> has it, or had it last. A <em>taker</em> is a member of its group while nobody has it. What is
      not said is not permitted.
    </p>
    <table>
      <tr>
        <th></th>
        ${STATES.map((state) => html`<th>${state}</th>`)}
      </tr>
      ${Object.values(CONVERSATION_PERMISSIONS).map(
        ({ words, cells }) =>
          html`<tr>
            <td>${words}</td>
            ${STATES.map((state) => html`<td>${describeCell(cells[state])}</td>`)}
          </tr>`,
      )}
    </table>
    <h2>Who may do what else</h2>
    <p>
      The <em>owner</em> is the agent itself; of a ticket and of an event, who has a conversation that it is about; of a
      channel, who may read an open conversation of it. What is of a group is for that group's members and operators. A
      ticket is seen as each conversation that is linked to it, and each open one with its customer.
    </p>
    <table>
      ${Object.values(PERMISSIONS).map(
        ({ words, by }) =>
          html`<tr>
            <td>${words}</td>
            <td>${by.join(", ")}</td>
          </tr>`,
      )}
    </table>
    <h2>Roles</h2>
    <table>
      ${Object.entries(ROLES).map(
        ([role, { standing, reach }]) =>
          html`<tr>
            <td>${role}</td>
            <td>${standing}</td>
            <td>${reach === "everywhere" ? "everywhere" : "in its own groups"}</td>
          </tr>`,
      )}
    </table>`;
}

function describeCell({ by, code }: { by: readonly string[]; code: string | null }) {
  return code === null ? by.join(", ") : html`<code>${code}</code>`;
}
