// The messages of a topic, a page at a time. Where it is stands in the address: at=newest, oldest, offset:N, before:N, time:MS;
// where it is of all partitions an N for each.

import { ask, path, query as search } from "./api.js";
import { failure } from "./dialog.js";
import { choices, field, fill, h, to } from "./dom.js";
import { count, number, timeField } from "./format.js";
import { heads, rows } from "./message.js";
import { MOST_PARTITIONS, backward, forward, since, together } from "./reader.js";

const SIZES = ["10", "25", "50", "100", "500"];
const FILTERS = [
  ["key", "Key contains", "text"],
  ["value", "Value contains", "text"],
  ["header", "Header", "name, or name=text"],
  ["json", "JSON path", "$.user.id, or $.user.id=7"],
];

/** The fields of a filter, as the broker knows them; `values()` are those that say something. */
export function filters(query) {
  const all = FILTERS.map(([name, label, placeholder]) => {
    const input = h("input", { placeholder, autocomplete: "off", value: query.get(name) ?? "" });
    if (name === "value") input.dataset.filter = "";
    return { name, input, element: field(label, input) };
  });
  const values = () => Object.fromEntries(all.map(({ name, input }) => [name, input.value]).filter(([, text]) => text !== ""));
  const isUsed = Object.keys(values()).length > 0;
  return { values, element: h("details.filters", { open: isUsed }, h("summary", "Filter"), h("div.fields", all.map((one) => one.element))) };
}

/** The partitions to choose from. */
export function partitionChoice(topic, chosen) {
  const all = topic.partitions.map((one) => String(one.partition));
  const options = all.length === 1 ? all : [["all", "all"], ...all];
  if (chosen && chosen !== "all" && !all.includes(chosen)) throw new Error(`There is no partition ${chosen}.`);
  return choices({}, options, all.length === 1 ? all[0] : chosen || "all");
}

/** Where to go: one of the ways, and which offset or time. */
export function seek(label, ways, chosen, value) {
  const way = choices({}, [...ways, ["offset", "an offset…"], ["time", "a time…"]], chosen);
  const offset = h("input", { type: "number", min: "0", value: chosen === "offset" ? value : "" });
  const time = h("input", { type: "datetime-local", step: "0.001", value: chosen === "time" ? timeField(Number(value)) : "" });
  const parts = [field(label, way), field("Offset", offset), field("Time", time)];
  const tell = () => [offset, time].forEach((input, at) => {
    input.required = way.value === ["offset", "time"][at];
    parts[at + 1].hidden = !input.required;
  });
  way.addEventListener("change", tell);
  tell();
  const number = () => ({ offset: Number(offset.value), time: new Date(time.value).getTime() })[way.value];
  return { parts, way, number };
}

export function messages(context) {
  const { name, topic, query, signal } = context;
  const partition = partitionChoice(topic, query.get("partition"));
  const [kind, value = ""] = (query.get("at") ?? "newest").split(":");
  // Whoever looks for a message wants to see it first, who asks for the newest those; pages go on in the same order.
  const isBack = kind === "newest" || kind === "before";
  const isDown = (query.get("order") ?? (isBack ? "down" : "up")) === "down";
  const chosen = /^\d+$/.test(value) || !value ? { before: "offset" }[kind] ?? kind : isDown ? "newest" : "oldest";
  const from = seek("From", [["newest", "the newest"], ["oldest", "the oldest"]], chosen, value);
  const filter = filters(query);
  const limit = choices({}, SIZES, SIZES.includes(query.get("limit")) ? query.get("limit") : "25");
  const place = h("div.page", { "aria-busy": "true" }, h("p.note", { role: "status" }, "Reading…"));
  const go = (at, order) => {
    const there = to("topics", name, "messages") + search({ partition: partition.value, at, order, limit: limit.value, ...filter.values() });
    // The same again is asked again.
    if (location.hash === there) read();
    else location.hash = there;
  };
  const read = async () => {
    place.setAttribute("aria-busy", "true");
    const wanted = { topic: name, limit: Number(limit.value), filter: filter.values(), signal };
    const isAll = partition.value === "all";
    try {
      // It may have grown since.
      const { partitions } = await ask(path("topics", name), { signal });
      const ranges = partitions.filter((one) => isAll || String(one.partition) === partition.value);
      const at = value.split(",").map(Number);
      const page = await together(wanted, ranges, (range, nth) => look(wanted, range, kind, at[nth] ?? at[0]), isBack);
      const ways = () => pager(page, isDown ? "down" : "up", go, read);
      const note = h("p.note", { role: "status" }, told(page, isAll, ranges));
      fill(place, h("div.pager", note, ways()), list(name, page.messages, isAll, isDown), page.messages.length > 10 && h("div.pager", ways()));
      if (taken) place.querySelector(`[data-way="${taken}"]`).focus();
      taken = "";
    } catch (why) {
      if (signal.aborted) return;
      fill(place, failure(why, read));
    }
    place.setAttribute("aria-busy", "false");
  };
  const submit = () => {
    const number = from.number();
    go(number === undefined ? from.way.value : `${from.way.value}:${number}`);
  };
  const form = h(
    "form.seek",
    { submit, "aria-label": "Which messages" },
    h("div.fields", field("Partition", partition), from.parts, field("Messages", limit), h("button.primary", { type: "submit" }, "Show")),
    filter.element,
  );
  read();
  return [form, place];
}

function look(wanted, range, kind, at) {
  if (kind === "oldest") return forward(wanted, range, range.start_offset);
  if (kind === "offset") return forward(wanted, range, at);
  if (kind === "before") return backward(wanted, range, at);
  if (kind === "time") return since(wanted, range, at);
  return backward(wanted, range, range.end_offset);
}

/** What is shown of what there is. */
function told({ messages: found, pages }, isAll, ranges) {
  if (pages.every((one) => one.start === one.end)) return isAll ? "There are no messages." : "The partition is empty.";
  if (isAll) {
    const many = ranges.length > MOST_PARTITIONS ? ` Of the first ${MOST_PARTITIONS} partitions only.` : "";
    return `${count(found.length, "message")} of all partitions, by time.${many}`;
  }
  const [{ first, next, start, end }] = pages;
  const range = (from, to) => `${number(from)} to ${number(Math.max(from, to - 1))}`;
  return `${count(found.length, "message")} in offsets ${range(first, next)}; the partition has ${range(start, end)}.`;
}

/** The way that was taken last: whoever goes on by keys finds its button again. */
let taken = "";

/** The ways on. */
function pager({ pages }, order, go, read) {
  const button = (text, isOn, at, ...same) => {
    const click = () => {
      taken = text;
      go(at, ...same);
    };
    return h("button", { disabled: !isOn, "data-way": text, click }, text);
  };
  return h(
    "div.actions",
    button("Newest", true, "newest"),
    button("Newer", pages.some((one) => one.next < one.end), `offset:${pages.map((one) => one.next)}`, order),
    button("Older", pages.some((one) => one.first > one.start), `before:${pages.map((one) => one.first)}`, order),
    button("Oldest", true, "oldest"),
    h("button", { click: read }, "Refresh"),
  );
}

/** Those that are open stand in the address: the last that was opened. */
function turned(is, { partition, offset }) {
  const [way, query] = location.hash.split("?");
  const kept = new URLSearchParams(query);
  if (is) kept.set("open", `${partition}:${offset}`);
  else kept.delete("open");
  history.replaceState(null, "", way + search(Object.fromEntries(kept)));
}

function list(name, found, isAll, isDown) {
  if (found.length === 0) return h("p.empty", "No messages here.");
  const open = new URLSearchParams(location.hash.split("?")[1]).get("open");
  const all = (isDown ? found.toReversed() : found).map((one) => {
    const row = rows(name, one, isAll, turned);
    if (found.length === 1 || open === `${one.partition}:${one.offset}`) row.turn(true);
    return row.parts;
  });
  return h("table.messages", h("caption.unseen", `Messages, the ${isDown ? "newest" : "oldest"} first`), h("thead", h("tr", heads(isAll))), h("tbody", all));
}
