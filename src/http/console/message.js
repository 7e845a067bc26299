// One message: a row of a list, and all of it below.

import { showCommands } from "./commands.js";
import { copy } from "./dialog.js";
import { facts, fill, h, id, to } from "./dom.js";
import { sheet } from "./list.js";
import { bytes, glimpse, number, pretty, size, time } from "./format.js";

/** Characters that are shown before somebody asks for all. */
const MOST = 50_000;

/** What a key or a value is at a glance. */
function short(text, encoding, none) {
  if (text === null) return h("span.nothing", none);
  if (text === "") return h("span.nothing", "empty");
  return [tag(encoding), h("span.data", glimpse(text))];
}

/** The rows of a message in a table: itself, and its whole, which is made when it is asked for. */
export function rows(topic, message, withPartition, turned) {
  const { partition, offset, timestamp, key, value, headers = [], unshown } = message;
  const name = id();
  const columns = withPartition ? 5 : 4;
  const whole = h("tr.whole", { id: name, hidden: true }, h("td", { colspan: columns }));
  const toggle = h(
    "button.toggle",
    { "aria-expanded": "false", "aria-controls": name, click: () => turn(), "aria-label": `Offset ${offset}` },
    h("span", { "aria-hidden": "true" }, "▸ "),
    number(offset),
  );
  const turn = (is = whole.hidden) => {
    if (is && !whole.firstChild.hasChildNodes()) fill(whole.firstChild, detail(topic, message));
    whole.hidden = !is;
    turned?.(is, message);
    toggle.setAttribute("aria-expanded", String(is));
  };
  if (unshown) toggle.disabled = true;
  const count = headers.length > 0 && h("span.tag", `${headers.length} header${headers.length > 1 ? "s" : ""}`);
  const row = h(
    "tr.message",
    { click: (event) => event.target.closest("button") || unshown || !getSelection().isCollapsed || turn() },
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
    .map(([classes, text]) => h(`th${classes}`, text));

function detail(topic, message) {
  const { partition, offset, timestamp, key, value, headers = [] } = message;
  const from = `${to("topics", topic, "produce")}?from=${partition}:${offset}`;
  const here = `${to("topics", topic, "messages")}?partition=${partition}&at=offset:${offset}&open=${partition}:${offset}`;
  return h(
    "div.detail",
    facts({ Partition: partition, Offset: h("a", { href: here }, number(offset)), Time: time(timestamp), Timestamp: timestamp }),
    h(
      "div.actions",
      h("a.button", { href: from }, "Edit and resend"),
      h("button", { click: () => showCommands(topic, message) }, "As a command"),
    ),
    block("Key", key, message.key_encoding, "There is no key."),
    headers.length > 0 && h("div.block", h("h2", "Headers"), list(headers)),
    block("Value", value, message.value_encoding, "There is no value: a tombstone, by which compaction takes earlier values of its key away."),
  );
}

const tag = (encoding) => encoding && h("span.tag", encoding);

function list(all) {
  const { parts, show } = sheet("Headers", "", (one) => one, [
    ["Name", "", (one) => h("span.data", one.key, tag(one.key_encoding))],
    ["Value", "", (one) => (one.value === null ? h("span.nothing", "null") : h("span.data", one.value, tag(one.value_encoding)))],
  ]);
  show(all);
  return h("div.headers", parts);
}

/** A text with what can be done with it. */
function block(title, text, encoding, none) {
  if (text === null) return h("div.block", h("h2", title), h("p.nothing", none));
  const set = encoding ? null : pretty(text);
  const shown = h("pre.data", { tabindex: "0", role: "group", "aria-label": title });
  const state = { isSet: set !== null, isAll: false };
  const all = h("button", { click: () => draw({ isAll: true }) }, "Show all of it");
  const draw = (more) => {
    Object.assign(state, more);
    const whole = state.isSet ? set : text;
    const isCut = whole.length > MOST && !state.isAll;
    shown.textContent = isCut ? whole.slice(0, MOST) : whole;
    all.hidden = !isCut;
  };
  const way = set !== null && h("button.quiet", { click: () => {
    draw({ isSet: !state.isSet });
    way.textContent = state.isSet ? "As it was sent" : "Laid out";
  } }, "As it was sent");
  const taken = h("button.quiet", { "aria-label": `Copy ${title.toLowerCase()}`, click: () => copy(text) }, "Copy");
  draw({});
  const what = [bytes(size(text, encoding)), encoding ?? (set !== null ? "JSON" : "text")].join(", ");
  return h("div.block", h("div.title", h("h2", title, " ", h("small", what)), h("div.actions", way, taken)), shown, all);
}
