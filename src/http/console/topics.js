// All topics: how large they are, how fast they grow; new ones are made here.

import { ask, path, watch } from "./api.js";
import { ask as question, complain, toast } from "./dialog.js";
import { choices, field, fill, h, keyed, say, table, th, tick } from "./dom.js";
import { bytes, count, number, rate } from "./format.js";

/** How often they are looked at. */
const EVERY = 2000;
/** Rows that are shown; a filter finds the others. */
const MOST = 500;

const COLUMNS = [
  ["name", "Name", ""],
  ["partitions", "Partitions", ".number.wide"],
  ["message_count", "Messages", ".number"],
  ["size_bytes", "Size", ".number"],
  ["rate", "Rate", ".number.wide"],
];

export function topics({ query, signal, title }) {
  title("Topics");
  const body = h("tbody");
  const [found, place] = [h("p.note", { role: "status" }), h("div")];
  const filter = h("input", {
    type: "search", placeholder: "Filter by name", "aria-label": "Filter by name", "data-filter": "", value: query.get("filter") ?? "",
  });
  const internal = tick("Internal topics", { checked: query.get("internal") === "1" });
  const state = { list: [], sort: "name", down: false, before: new Map() };
  const heads = COLUMNS.map(([key, text, classes]) => th(classes, { "data-key": key }, h("button.sort", { type: "button", click: () => sort(key) }, text)));
  const list = table("Topics", heads, body);

  function sort(key) {
    state.down = state.sort === key ? !state.down : key !== "name";
    state.sort = key;
    draw();
  }

  function draw() {
    for (const head of heads) {
      const isIt = head.dataset.key === state.sort;
      const order = isIt ? (state.down ? "descending" : "ascending") : "none";
      head.setAttribute("aria-sort", order);
    }
    const text = filter.value.toLowerCase();
    const wanted = (one) => (internal.box.checked || !one.internal) && one.name.toLowerCase().includes(text);
    const value = (one) => one[state.sort] ?? -1;
    const order = (a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (state.down ? -1 : 1);
    const rows = state.list.filter(wanted).sort(order);
    keyed(body, rows.slice(0, MOST), (one) => one.name, row);
    const hidden = state.list.filter((one) => one.internal).length;
    say(found, told(rows.length, text, hidden));
    list.hidden = rows.length === 0;
  }

  function told(rows, text, hidden) {
    if (rows > MOST) return `The first ${MOST} of ${count(rows, "topic")}: filter to find others.`;
    if (rows > 0) return count(rows, "topic");
    if (text) return "No topic has that in its name.";
    return hidden && !internal.box.checked ? "No topics but internal ones." : "No topics yet: make one here, or produce to one with any Kafka client.";
  }

  function remember() {
    const values = { filter: filter.value, internal: internal.box.checked ? "1" : "" };
    const kept = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
    history.replaceState(null, "", `#/topics${kept.size ? `?${kept}` : ""}`);
    draw();
  }

  async function look() {
    const [list, at] = [await ask(path("topics"), { signal }), performance.now()];
    for (const one of list) {
      const before = state.before.get(one.name);
      if (before) one.rate = Math.max(0, ((one.end_offset_sum - before.sum) * 1000) / (at - before.at));
    }
    state.before = new Map(list.map((one) => [one.name, { sum: one.end_offset_sum, at }]));
    state.list = list;
    fill(place);
    draw();
  }

  const failed = (why) => complain(place, why);
  filter.addEventListener("input", remember);
  internal.box.addEventListener("change", remember);
  watch(signal, EVERY, look, failed);
  const make = h("button.primary", { type: "button", click: create }, "New topic");
  return h("section", h("div.title", h("h1", "Topics"), make), h("div.bar", filter, internal.element), place, found, list);
}

function row(topic) {
  const cells = COLUMNS.slice(1).map(([, , classes]) => h(`td${classes}`));
  const [partitions, messages, size, speed] = cells;
  const link = h("a.data", { href: `#/topics/${encodeURIComponent(topic.name)}` }, topic.name);
  const mark = topic.internal && h("span.tag", "internal");
  return {
    element: h("tr", h("th.name", { scope: "row" }, link, mark), cells),
    update(one) {
      say(partitions, number(one.partitions));
      say(messages, number(one.message_count));
      say(size, bytes(one.size_bytes));
      say(speed, one.rate === undefined ? "–" : rate(one.rate));
    },
  };
}

function create() {
  const name = h("input", { type: "text", required: true, autocomplete: "off", spellcheck: "false", autofocus: true, maxlength: "249" });
  const partitions = h("input", { type: "number", min: "1", inputmode: "numeric", placeholder: "as the broker has it" });
  const policy = choices({}, [["", "as the broker has it"], ["delete", "delete: old messages go"], ["compact", "compact: the last of each key stays"], ["compact,delete", "both"]]);
  const more = h("textarea", { rows: "3", spellcheck: "false", placeholder: "retention.ms=86400000" });
  question({
    title: "New topic",
    body: [
      field("Name", name, "Letters, digits, dots, underscores and hyphens."),
      field("Partitions", partitions),
      field("Clean-up", policy),
      h("details", h("summary", "More settings"), field("Settings", more, "A line for each: name=value")),
    ],
    action: "Create",
    async run() {
      const configs = settings(more.value);
      if (policy.value) configs["cleanup.policy"] = policy.value;
      const asked = { name: name.value.trim(), configs };
      if (partitions.value) asked.partitions = Number(partitions.value);
      const made = await ask(path("topics"), { method: "POST", body: asked });
      toast(`Topic ${made.name} is there.`);
      location.hash = `#/topics/${encodeURIComponent(made.name)}`;
    },
  });
}

/** Lines of name=value. */
function settings(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`Not name=value: ${line}`);
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
}
