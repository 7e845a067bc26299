// The messages of a topic, a page at a time. Where it is stands in the address: at=newest, oldest, offset:N, before:N, time:MS;
// where it is of all partitions an N for each.

import { ask, path, query as search } from "./api.js";
import { failure } from "./dialog.js";
import { choices, field, fill, h, to } from "./dom.js";
import { count, number, timeField } from "./format.js";
import { rows, sheetOf } from "./message.js";
import { MOST_PARTITIONS, together } from "./reader.js";

const SIZES = ["10", "25", "50", "100", "500"];
const FILTERS = [
  ["key", "Key contains", "text"],
  ["value", "Value contains", "text"],
  ["header", "Header", "name, or name=text"],
  ["json", "JSON path", "$.user.id, or $.user.id=7"],
];

/** The fields of a filter, as the broker knows them, and their `values()`. */
export function filters(query) {
  const all = FILTERS.map(([name, label, placeholder]) => {
    const input = h("input", { placeholder, autocomplete: "off", value: query.get(name) ?? "" });
    if (name === "value") input.dataset.filter = "";
    return { name, input, element: field(label, input) };
  });
  const values = () => Object.fromEntries(all.map(({ name, input }) => [name, input.value]));
  return { values, element: h("details.filters", { open: all.some(({ input }) => input.value) }, h("summary", "Filter"), h("div.fields", all.map((one) => one.element))) };
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
  const way = choices({ change: () => tell() }, [...ways, ["offset", "an offset…"], ["time", "a time…"]], chosen);
  const offset = h("input", { type: "number", min: "0", value: chosen === "offset" ? value : "" });
  const time = h("input", { type: "datetime-local", step: "0.001", value: chosen === "time" ? timeField(Number(value)) : "" });
  const parts = [field(label, way), field("Offset", offset), field("Time", time)];
  const tell = () => [offset, time].forEach((input, at) => {
    input.required = way.value === ["offset", "time"][at];
    parts[at + 1].hidden = !input.required;
  });
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
  const form = () => ({ partition: partition.value, limit: limit.value, ...filter.values() });
  // Pages go on as the address has it, whatever stands in the form meanwhile.
  const asked = form();
  const go = (values, at, order, way) => {
    const there = to("topics", name, "messages") + search({ ...values, at, order });
    // The same again is asked again.
    if (location.hash === there) return read(way);
    taken = { way, there };
    location.hash = there;
  };
  const read = async (way) => {
    place.setAttribute("aria-busy", "true");
    const { partition: of, limit, ...filter } = asked;
    const wanted = { topic: name, limit: Number(limit), filter, signal };
    const isAll = of === "all";
    try {
      // It may have grown since.
      const { partitions } = await ask(path("topics", name), { signal });
      const ranges = partitions.filter((one) => isAll || String(one.partition) === of);
      const page = await together(wanted, ranges, kind, value.split(",").map(Number), isBack);
      const ways = () => pager(page, isDown ? "down" : "up", (...where) => go(asked, ...where), read);
      const note = h("p.note", { role: "status", tabindex: "-1" }, told(page, isAll, ranges));
      fill(place, h("div.pager", note, ways()), list(name, page.messages, isAll, isDown, query), page.messages.length > 10 && h("div.pager", ways()));
      // Who comes to an end by keys is told where that is.
      if (way) (place.querySelector(`[data-way="${way}"]:enabled`) ?? place.querySelector(".note")).focus();
    } catch (why) {
      if (signal.aborted) return;
      fill(place, failure(why, () => read(way)));
    }
    place.setAttribute("aria-busy", "false");
  };
  const submit = () => {
    const number = from.number();
    go(form(), number === undefined ? from.way.value : `${from.way.value}:${number}`);
  };
  const fields = h(
    "form.seek",
    { submit, "aria-label": "Which messages" },
    h("div.fields", field("Partition", partition), from.parts, field("Messages", limit), h("button.primary", { type: "submit" }, "Show")),
    filter.element,
  );
  read(taken.there === location.hash && taken.way);
  taken = {};
  return [fields, place];
}

/** What is shown of what there is. */
function told({ messages: found, pages, isCut }, isAll, ranges) {
  if (pages.every((one) => one.start === one.end)) return isAll ? "There are no messages." : "The partition is empty.";
  if (isAll) {
    const many = ranges.length > MOST_PARTITIONS ? ` Of the first ${MOST_PARTITIONS} partitions only.` : "";
    const large = isCut ? " They are large, and not all partitions were looked at: choose one, or fewer messages." : "";
    return `${count(found.length, "message")} of all partitions, by time.${many}${large}`;
  }
  const [{ first, next, start, end }] = pages;
  const range = (from, to) => `${number(from)} to ${number(Math.max(from, to - 1))}`;
  return `${count(found.length, "message")} in offsets ${range(first, next)}; the partition has ${range(start, end)}.`;
}

/** The way that was taken last, and to where: whoever goes on by keys finds its button again. */
let taken = {};

/** The ways on. */
function pager({ pages }, order, go, read) {
  const button = (way, click, isOn = true) => h("button", { disabled: !isOn, "data-way": way, click: () => click(way) }, way);
  const on = (at, same) => (way) => go(at, same, way);
  return h(
    "div.actions",
    button("Newest", on("newest")),
    button("Newer", on(`offset:${pages.map((one) => one.next)}`, order), pages.some((one) => one.next < one.end)),
    button("Older", on(`before:${pages.map((one) => one.first)}`, order), pages.some((one) => one.first > one.start)),
    button("Oldest", on("oldest")),
    button("Refresh", read),
  );
}

function list(name, found, isAll, isDown, query) {
  if (found.length === 0) return h("p.empty", "No messages here.");
  const open = query.get("open");
  const all = (isDown ? found.toReversed() : found).map((one) => {
    const at = `${one.partition}:${one.offset}`;
    // The last that was opened stands in the address, until it is closed.
    const row = rows(name, one, isAll, (is) => {
      if (is) query.set("open", at);
      else if (query.get("open") === at) query.delete("open");
      history.replaceState(null, "", to("topics", name, "messages") + search(Object.fromEntries(query)));
    });
    if (found.length === 1 || open === at) row.turn(true);
    return row.parts;
  });
  return sheetOf(`Messages, the ${isDown ? "newest" : "oldest"} first`, isAll, h("tbody", all));
}
