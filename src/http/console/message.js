// One message: a row of a list, and all of it below.

import { showCommands } from "./commands.js";
import { copy } from "./dialog.js";
import { facts, fill, h, id, to, toMessage } from "./dom.js";
import { sheet } from "./list.js";
import { bytes, count, glimpse, number, pretty, size, time } from "./format.js";

/** Characters that are shown before somebody asks for all. */
const MOST = 50_000;

/** What a key or a value is at a glance. */
function short(text, encoding, none) {
  if (text === null) return h("span.nothing", none);
  if (text === "") return h("span.nothing", "empty");
  return [tag(encoding), h("span.data", glimpse(text))];
}

/** The rows of a message in a table: itself, and its whole, which is made when it is asked for. `turned(is)` hears whoever turns it. */
export function rows(topic, message, withPartition, turned) {
  const { partition, offset, timestamp, key, value, headers = [], unshown } = message;
  const name = id();
  const columns = withPartition ? 5 : 4;
  const whole = h("tr.whole", { id: name, hidden: true }, h("td", { colspan: columns }));
  const toggle = h(
    "button.toggle",
    { "aria-expanded": "false", "aria-controls": name, click: () => click(), "aria-label": `Offset ${offset}` },
    h("span", { "aria-hidden": "true" }, "▸ "),
    number(offset),
  );
  const turn = (is = whole.hidden) => {
    if (is && !whole.firstChild.hasChildNodes()) fill(whole.firstChild, detail(topic, message));
    whole.hidden = !is;
    toggle.setAttribute("aria-expanded", String(is));
  };
  const click = () => {
    turn();
    turned?.(!whole.hidden);
  };
  if (unshown) toggle.disabled = true;
  const tags = headers.length > 0 && h("span.tag", count(headers.length, "header"));
  const row = h(
    "tr.message",
    { click: (event) => event.target.closest("button") || unshown || !getSelection().isCollapsed || click() },
    h("th", { scope: "row" }, toggle),
    withPartition && h("td.number", partition),
    h("td.when", time(timestamp)),
    h("td.key", unshown ? "" : h("div.line", short(key, message.key_encoding, "no key"))),
    h("td.value", h("div.line", unshown ? h("span.nothing", unshown) : [short(value, message.value_encoding, "tombstone"), tags])),
  );
  return { parts: [row, whole], turn };
}

/** A table of such rows. */
export function sheetOf(caption, withPartition, body) {
  const heads = [h("th", "Offset"), withPartition && h("th", "Partition"), h("th.when", "Time"), h("th.key", "Key"), h("th", "Value")];
  return h("table.messages", h("caption.unseen", caption), h("thead", h("tr", heads)), body);
}

function detail(topic, message) {
  const { partition, offset, timestamp, key, value, headers = [] } = message;
  const from = `${to("topics", topic, "produce")}?from=${partition}:${offset}`;
  return h(
    "div.detail",
    facts({ Partition: partition, Offset: h("a", { href: toMessage(topic, partition, offset) }, number(offset)), Time: time(timestamp), Timestamp: timestamp }),
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
  let [whole, most] = [set ?? text, MOST];
  const all = h("button", { click: () => draw(most = Infinity) }, "Show all of it");
  const draw = () => {
    shown.textContent = whole.slice(0, most);
    all.hidden = whole.length <= most;
  };
  const way = set !== null && h("button.quiet", { click: () => {
    whole = whole === set ? text : set;
    way.textContent = whole === set ? "As it was sent" : "Laid out";
    draw();
  } }, "As it was sent");
  const taken = h("button.quiet", { "aria-label": `Copy ${title.toLowerCase()}`, click: () => copy(text) }, "Copy");
  draw();
  const what = [bytes(size(text, encoding)), encoding ?? (set !== null ? "JSON" : "text")].join(", ");
  return h("div.block", h("div.title", h("h2", title, " ", h("small", what)), h("div.actions", way, taken)), shown, all);
}
