// One message: a row of a list, and all of it below.

import { showCommands } from "./commands.js";
import { copy } from "./dialog.js";
import { fill, h, id } from "./dom.js";
import { bytes, glimpse, number, pretty, size, time } from "./format.js";

/** Characters that are shown before somebody asks for all. */
const MOST = 50_000;

/** What a key or a value is at a glance. */
function short(text, encoding, none) {
  if (text === null) return h("span.nothing", none);
  if (text === "") return h("span.nothing", "empty");
  const tag = encoding && h("span.tag", encoding);
  return [tag, h("span.data", glimpse(text))];
}

/** The rows of a message in a table: itself, and its whole, which is made when it is asked for. */
export function rows(topic, message, withPartition) {
  const { partition, offset, timestamp, key, value, headers = [], unshown } = message;
  const name = id();
  const columns = withPartition ? 5 : 4;
  const whole = h("tr.whole", { id: name, hidden: true }, h("td", { colspan: columns }));
  const toggle = h(
    "button.toggle",
    { type: "button", "aria-expanded": "false", "aria-controls": name, click: () => turn(), "aria-label": `Offset ${offset}` },
    h("span", { "aria-hidden": "true" }, "▸ "),
    number(offset),
  );
  const turn = (is = whole.hidden) => {
    if (is && !whole.firstChild.hasChildNodes()) fill(whole.firstChild, detail(topic, message));
    whole.hidden = !is;
    toggle.setAttribute("aria-expanded", String(is));
  };
  if (unshown) toggle.disabled = true;
  const count = headers.length > 0 && h("span.tag", `${headers.length} header${headers.length > 1 ? "s" : ""}`);
  const row = h(
    "tr.message",
    h("th", { scope: "row" }, toggle),
    withPartition && h("td.number", partition),
    h("td.when", time(timestamp)),
    h("td.key", unshown ? "" : h("div.line", short(key, message.key_encoding, "no key"))),
    h("td.value", h("div.line", unshown ? h("span.nothing", unshown) : [short(value, message.value_encoding, "tombstone"), count])),
  );
  return { parts: [row, whole], turn };
}

/** The heads of such a table. */
export const heads = (withPartition) =>
  [["", "Offset"], withPartition && ["", "Partition"], [".when", "Time"], [".key", "Key"], ["", "Value"]]
    .filter(Boolean)
    .map(([classes, text]) => h(`th${classes}`, { scope: "col" }, text));

function detail(topic, message) {
  const { partition, offset, timestamp, key, value, headers = [] } = message;
  const from = `#/topics/${encodeURIComponent(topic)}/produce?from=${partition}:${offset}`;
  const fact = (name, text) => h("div", h("dt", name), h("dd", text));
  return h(
    "div.detail",
    h("dl.facts", fact("Partition", partition), fact("Offset", number(offset)), fact("Time", time(timestamp)), fact("Timestamp", timestamp)),
    h(
      "div.actions",
      h("a.button", { href: from }, "Edit and resend"),
      h("button", { type: "button", click: () => showCommands(topic, message) }, "As a command"),
    ),
    block("Key", key, message.key_encoding, "There is no key."),
    headers.length > 0 && h("div.block", h("h2", "Headers"), list(headers)),
    block("Value", value, message.value_encoding, "There is no value: a tombstone, by which compaction takes earlier values of its key away."),
  );
}

function list(headers) {
  const row = (one) => h("tr", h("th.data", { scope: "row" }, one.key, tag(one.key_encoding)), h("td.data", one.value === null ? h("span.nothing", "null") : one.value, tag(one.value_encoding)));
  return h("table.headers", h("thead.unseen", h("tr", h("th", { scope: "col" }, "Name"), h("th", { scope: "col" }, "Value"))), h("tbody", headers.map(row)));
}

const tag = (encoding) => encoding && h("span.tag", encoding);

/** A text with what can be done with it. */
function block(title, text, encoding, none) {
  if (text === null) return h("div.block", h("h2", title), h("p.nothing", none));
  const set = encoding ? null : pretty(text);
  const shown = h("pre.data", { tabindex: "0", role: "group", "aria-label": title });
  const state = { isSet: set !== null, isAll: false };
  const all = h("button", { type: "button", click: () => draw({ isAll: true }) }, "Show all of it");
  const draw = (more) => {
    Object.assign(state, more);
    const whole = state.isSet ? set : text;
    const isCut = whole.length > MOST && !state.isAll;
    shown.textContent = isCut ? whole.slice(0, MOST) : whole;
    all.hidden = !isCut;
  };
  const way = set !== null && h("button.quiet", { type: "button", click: () => {
    draw({ isSet: !state.isSet });
    way.textContent = state.isSet ? "As it was sent" : "Laid out";
  } }, "As it was sent");
  const taken = h("button.quiet", { type: "button", "aria-label": `Copy ${title.toLowerCase()}`, click: () => copy(text) }, "Copy");
  draw({});
  const what = [bytes(size(text, encoding)), encoding ?? (set !== null ? "JSON" : "text")].join(", ");
  return h("div.block", h("div.title", h("h2", title, " ", h("small", what)), h("div.actions", way, taken)), shown, all);
}
