// @ts-check
/**
 * Renews the page when something happens: it asks the server for the page again and changes what differs, node by node,
 * so that nothing that is being typed, chosen or read is lost. Without it all works too, by loading pages.
 */

/** One renewal a second at most, however much happens. */
const PAUSE_MS = 1_000;
const RETRY_MS = 5_000;

/** Whether the user asked for what is shown; else it came by itself, and opens and closes nothing. */
let isAsked = false;

/** @param {Element} old @param {Element} wanted */
function morphAttributes(old, wanted) {
  for (const { name } of Array.from(old.attributes)) {
    if (!wanted.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  // A form that was sent without an answer is the same one when it is sent again.
  const isKey = old.getAttribute("name") === "key";
  for (const { name, value } of wanted.attributes) {
    if ((isAsked || (name !== "open" && !isKey)) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

/** @param {Node} node */
const idOf = (node) => (node instanceof Element ? node.id : "");
/** @param {Node} node */
const isKept = (node) => node instanceof Element && (node.hasAttribute("data-kept") || node.hasAttribute("data-own"));

/** Makes `old` what `wanted` is. @param {Node} old @param {Node} wanted */
function morph(old, wanted) {
  if (old instanceof Element && wanted instanceof Element) {
    morphAttributes(old, wanted);
    // What stands in a field is the user's once it was changed.
    if (old instanceof HTMLTextAreaElement) return;
    morphChildren(old, wanted);
  } else if (old.nodeValue !== wanted.nodeValue) old.nodeValue = wanted.nodeValue;
}

/** @param {Element} old @param {Element} wanted */
function morphChildren(old, wanted) {
  const wantedIds = new Set([...wanted.children].map(idOf));
  for (const child of Array.from(old.children)) {
    if (child.id !== "" && !wantedIds.has(child.id) && !isKept(child)) child.remove();
  }
  const known = new Map([...old.children].filter(({ id }) => id !== "").map((child) => [child.id, child]));
  let place = skipKept(old.firstChild, wantedIds);
  for (const next of Array.from(wanted.childNodes)) {
    const id = idOf(next);
    const isAlike = place !== null && place.nodeName === next.nodeName && idOf(place) === id;
    const found = id === "" ? (isAlike ? place : null) : (known.get(id) ?? null);
    if (found === null || found.nodeName !== next.nodeName) old.insertBefore(next, place);
    else {
      if (found === place) place = skipKept(place.nextSibling, wantedIds);
      else old.insertBefore(found, place);
      morph(found, next);
    }
  }
  while (place !== null) {
    const next = skipKept(place.nextSibling, wantedIds);
    place.remove();
    place = next;
  }
}

/** The first node from here that the server may take away. @param {ChildNode | null} node @param {Set<string>} wantedIds */
function skipKept(node, wantedIds) {
  while (node !== null && isKept(node) && !wantedIds.has(idOf(node))) node = node.nextSibling;
  return node;
}

/** The reader's own time in place of UTC. @param {ParentNode} root */
function localise(root) {
  const today = new Date().toDateString();
  for (const element of root.querySelectorAll("time")) {
    const at = new Date(element.dateTime);
    const isToday = at.toDateString() === today;
    element.textContent = isToday
      ? at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
      : at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

/** Shows a page that the server wrote. @param {string} text @param {boolean} wasAsked */
function show(text, wasAsked) {
  isAsked = wasAsked;
  const wanted = new DOMParser().parseFromString(text, "text/html");
  const isOther = wanted.querySelector("article")?.id !== document.querySelector("article")?.id;
  const log = document.querySelector(".messages");
  const isAtEnd = log === null || log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
  localise(wanted);
  document.title = wanted.title;
  morph(document.body, wanted.body);
  if (isOther || isAtEnd) scrollToEnd();
  follow();
}

function scrollToEnd() {
  const log = document.querySelector(".messages");
  if (log !== null) log.scrollTop = log.scrollHeight;
}

/** @param {Response} response */
async function readPage(response) {
  const isPage = response.headers.get("content-type")?.startsWith("text/html") === true;
  if (!isPage) throw new Error(`the server answered ${response.status}`);
  return response.text();
}

/** Each visit makes the answers to what was asked before it late. */
let visit = 0;

/**
 * Loads a page, or sends a form, and shows what comes back under its address.
 * @param {string} address @param {RequestInit} [options] @param {HTMLFormElement} [form]
 */
async function go(address, options = {}, form) {
  const mine = ++visit;
  const response = await fetch(address, { ...options, credentials: "same-origin" });
  const text = await readPage(response);
  if (mine !== visit) return;
  for (const old of document.querySelectorAll("[data-kept]")) old.remove();
  if (response.ok) form?.reset();
  // A refused form is shown where it stands: its address is nothing to come back to.
  const isPost = options.method === "POST";
  if (!isPost || response.redirected) {
    const path = new URL(response.url).pathname + new URL(response.url).search;
    if (path !== location.pathname + location.search) history.pushState(null, "", path);
  }
  show(text, true);
}

let isRenewing = false;
let isStale = false;

/** Something happened: asks for the page again, once for all that happens meanwhile. */
function renew() {
  isStale = true;
  if (isRenewing) return;
  isRenewing = true;
  isStale = false;
  // The stream tells when the server is back, and then the page is renewed.
  const renewed = renewOnce().catch(() => say("The server does not answer"));
  void renewed.finally(() =>
    setTimeout(() => {
      isRenewing = false;
      if (isStale) renew();
    }, PAUSE_MS),
  );
}

async function renewOnce() {
  const mine = visit;
  const response = await fetch(location.href, { credentials: "same-origin" });
  const text = await readPage(response);
  if (mine === visit) show(text, false);
}

/** @param {string} text */
function say(text) {
  const place = document.querySelector("#live");
  place?.replaceChildren();
  if (place === null || text === "") return;
  const said = document.createElement("span");
  said.dataset["own"] = "";
  said.textContent = text;
  place.append(said);
}

/** @type {EventSource | null} */
let source = null;

/** Follows what happens, while somebody is known who may. */
function follow() {
  const types = document.body.dataset["events"];
  if (types === undefined) {
    source?.close();
    source = null;
    return;
  }
  if (source !== null && source.readyState !== EventSource.CLOSED) return;
  source = new EventSource("/console/live");
  // `quiet` comes where nothing happens: waiting times and the session's rest go on, and the agent stays present.
  for (const type of ["quiet", ...types.split(" ")]) source.addEventListener(type, renew);
  source.addEventListener("ready", () => {
    say("");
    document.documentElement.dataset["live"] = "yes";
    renew();
  });
  source.addEventListener("error", () => {
    say("Not live: trying again");
    delete document.documentElement.dataset["live"];
    // A stream that was refused does not come back by itself: the page tells why, and is tried again with it.
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => [renew(), follow()], RETRY_MS);
  });
}

/** @param {unknown} error */
const sayFailure = (error) => say(`Not sent: ${error instanceof Error ? error.message : String(error)}`);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  // Who enters and leaves gets a new page, with nothing of the old one.
  if (/\/(login|logout)$/.test(form.action)) return;
  event.preventDefault();
  const data = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") data.append(name, value);
  if (form.method === "post") go(form.action, { method: "POST", body: data }, form).catch(sayFailure);
  else go(`${form.action}?${data}`).catch(sayFailure);
});

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey && event.button === 0;
  if (link === null || !isPlain || !new URL(link.href).pathname.startsWith("/console")) return;
  if (link.getAttribute("href")?.startsWith("#") === true) return;
  event.preventDefault();
  go(link.href).catch(sayFailure);
});

document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLTextAreaElement) || !field.hasAttribute("data-send")) return;
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  field.form?.requestSubmit();
});

addEventListener("popstate", () => {
  go(location.href).catch(sayFailure);
});

localise(document);
scrollToEnd();
follow();
