// The frame: which view is shown by the address, the theme, the keys, and whether the broker can be reached.

import { ask, onReach, path } from "./api.js";
import { broker } from "./broker.js";
import { client } from "./client.js";
import { clients } from "./clients.js";
import { failure, open } from "./dialog.js";
import { fill, h, say, set, tick } from "./dom.js";
import { group } from "./group.js";
import { groups } from "./groups.js";
import { topic } from "./topic.js";
import { topics } from "./topics.js";

const byId = (name) => document.getElementById(name);
const main = byId("main");

/** By the first part of the address: the list, and one of it. */
const VIEWS = {
  topics: [topics, topic],
  groups: [groups, group],
  clients: [clients, client],
  broker: [broker, broker],
};

let shown = new AbortController();
let isFirst = true;

/** The address in its parts: #/topics/a%2Fb/messages?partition=1 */
function address() {
  const [way, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  let parts;
  try {
    parts = way.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    parts = ["?"];
  }
  return { parts, query: new URLSearchParams(search) };
}

function show() {
  shown.abort();
  shown = new AbortController();
  // What is asked in front of a view goes with it.
  document.querySelectorAll("dialog").forEach((one) => one.close());
  const { parts, query } = address();
  const [place = "topics", name, ...rest] = parts;
  const view = VIEWS[place]?.[name === undefined ? 0 : 1];
  const context = { name, rest, query, signal: shown.signal, title };
  try {
    fill(main, view ? view(context) : nowhere());
  } catch (why) {
    fill(main, failure(why, show));
  }
  scrollTo(0, 0);
  for (const link of document.querySelectorAll("#nav a")) {
    set(link, { "aria-current": link.hash === `#/${place}` && "page" });
  }
  // Who reads with the ears is told of the new view by its heading.
  const heading = main.querySelector("h1");
  if (heading && !isFirst && !main.contains(document.activeElement)) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  isFirst = false;
}

function title(...words) {
  document.title = [...words, "Barnabas"].join(" · ");
}

function nowhere() {
  title("Nothing here");
  const to = h("a", { href: "#/topics" }, "topics");
  return h("section", h("h1", "Nothing here"), h("p", "There is no such view. There are ", to, "."));
}

// --- the theme

/** What is kept here; where nothing can be, it holds as long as the page does. */
function kept(name, value) {
  try {
    if (value) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

const THEMES = { auto: ["◐", "as the system"], light: ["☀", "light"], dark: ["☾", "dark"] };

function theme() {
  const [button, { dataset }] = [byId("theme"), document.documentElement];
  const now = () => dataset.theme ?? "auto";
  const tell = () => {
    const [sign, words] = THEMES[now()];
    button.textContent = sign;
    button.setAttribute("aria-label", `Colours: ${words}. Change`);
    button.title = `Colours: ${words}`;
  };
  button.addEventListener("click", () => {
    const names = Object.keys(THEMES);
    const next = names[(names.indexOf(now()) + 1) % names.length];
    if (next === "auto") delete dataset.theme;
    else dataset.theme = next;
    kept("theme", next);
    tell();
  });
  tell();
}

// --- keys

const PLACES = { t: "topics", g: "groups", c: "clients", b: "broker" };

const KEYS = [
  ["/", "go to the filter of this view"],
  ["?", "this help"],
  ...Object.entries(PLACES).map(([key, place]) => [`g ${key}`, place]),
  ["Esc", "close what is open, leave a field"],
];

function help() {
  const change = ({ target }) => kept("keys", target.checked ? "on" : "off");
  const single = tick("Keys without Ctrl or Alt do something", { checked: kept("keys") !== "off", change });
  const row = ([key, what]) => h("div", h("dt", key.split(" ").map((one) => h("kbd", one))), h("dd", what));
  const link = (href, text) => h("a", { href, target: "_blank", rel: "noopener" }, text);
  open(
    "Help",
    h("dl.keys", KEYS.map(row)),
    single.element,
    h("p", "All that is shown here comes from ", link("/v1/openapi.json", "these endpoints"), "; there are ", link("/metrics", "metrics for Prometheus"), " too."),
  );
}

let begun = "";

function key(event) {
  const { target } = event;
  const isField = target.matches("input, select, textarea");
  if (event.key === "Escape" && isField && !target.closest("dialog")) target.blur();
  const isOurs = !event.ctrlKey && !event.altKey && !event.metaKey && !isField && kept("keys") !== "off";
  if (!isOurs || document.querySelector("dialog[open]")) return;
  const to = begun === "g" && PLACES[event.key];
  begun = event.key === "g" && !to ? "g" : "";
  if (to) location.hash = `#/${to}`;
  else if (event.key === "?") help();
  else if (event.key === "/") {
    const filter = main.querySelector("[data-filter]");
    filter?.closest("details")?.setAttribute("open", "");
    filter?.focus();
    event.preventDefault();
  }
}

// --- the rest

onReach((answers) => say(byId("banner"), answers ? "" : "The broker does not answer. What is shown may be old."));

/** Clients are shown where the broker can tell of them. */
async function extras() {
  const { paths } = await ask(path("openapi.json"));
  if (!paths["/v1/clients"]) return;
  await ask(path("clients"));
  document.querySelector('#nav a[href="#/clients"]').parentElement.hidden = false;
}

byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
byId("help").addEventListener("click", help);
document.addEventListener("keydown", key);
window.addEventListener("hashchange", show);
theme();
show();
extras().catch(() => {});
