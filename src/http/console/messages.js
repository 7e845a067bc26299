// The messages of a topic, a page at a time. Where it is stands in the address: at=newest, oldest, offset:N, before:N, time:MS.

import { ask, path } from "./api.js";
import { failure } from "./dialog.js";
import { choices, field, fill, h } from "./dom.js";
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
    const input = h("input", { type: "text", placeholder, spellcheck: "false", autocomplete: "off", value: query.get(name) ?? "" });
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
  return choices({}, options, options.some((one) => one === chosen) ? chosen : all.length === 1 ? all[0] : "all");
}

export function messages(context) {
  const { name, topic, query } = context;
  const partition = partitionChoice(topic, query.get("partition"));
  const [kind, value = ""] = (query.get("at") ?? "newest").split(":");
  const from = choices({}, [["newest", "newest"], ["oldest", "oldest"], ["offset", "offset…"], ["time", "time…"]], kind === "before" ? "offset" : kind);
  const offset = h("input", { type: "number", min: "0", value: kind === "time" ? "" : value });
  const time = h("input", { type: "datetime-local", step: "0.001", value: kind === "time" ? timeField(Number(value)) : "" });
  const [byOffset, byTime] = [field("Offset", offset), field("Time", time)];
  const filter = filters(query);
  const limit = choices({}, SIZES, SIZES.includes(query.get("limit")) ? query.get("limit") : "25");
  const tell = () => {
    byOffset.hidden = from.value !== "offset";
    byTime.hidden = from.value !== "time";
  };
  from.addEventListener("change", tell);
  tell();
  const place = h("div.page", { "aria-busy": "true" }, h("p.note", { role: "status" }, "Reading…"));
  const go = (at, more = {}) => {
    const values = { partition: partition.value, at, limit: limit.value, ...filter.values(), ...more };
    const to = `#/topics/${encodeURIComponent(name)}/messages?${new URLSearchParams(values)}`;
    // The same again is asked again.
    if (location.hash === to) read();
    else location.hash = to;
  };
  const chosen = () => {
    if (from.value === "offset") return `offset:${offset.value || 0}`;
    if (from.value === "time") return `time:${new Date(time.value || 0).getTime()}`;
    return from.value;
  };
  const read = () => show(context, { place, partition: partition.value, kind, value, limit: Number(limit.value), filter: filter.values(), go, read });
  const submit = (event) => {
    event.preventDefault();
    go(chosen());
  };
  const form = h(
    "form.seek",
    { submit, "aria-label": "Which messages" },
    h("div.fields", field("Partition", partition), field("From", from), byOffset, byTime, field("Messages", limit), h("button.primary", { type: "submit" }, "Show")),
    filter.element,
  );
  read();
  return [form, place];
}

async function show(context, asked) {
  const { name, signal } = context;
  const { place, partition, kind, value, limit, filter, go, read } = asked;
  place.setAttribute("aria-busy", "true");
  const wanted = { topic: name, limit, filter, signal };
  try {
    const isAll = partition === "all";
    // It may have grown since.
    const topic = await ask(path("topics", name), { signal });
    const page = isAll
      ? await together(wanted, topic.partitions, (what, range) => look(what, range, kind, value), kind === "newest")
      : await look(wanted, topic.partitions.find((one) => String(one.partition) === partition), kind, value);
    const ways = () => pager(page, isAll, go, read);
    const note = h("p.note", { role: "status" }, told(page, isAll, topic));
    fill(place, h("div.pager", note, ways()), list(name, page.messages, isAll), page.messages.length > 10 && h("div.pager", ways()));
    if (taken) place.querySelector(`[data-way="${taken}"]`).focus();
    taken = "";
  } catch (why) {
    if (signal.aborted) return;
    fill(place, failure(why, read));
  }
  place.setAttribute("aria-busy", "false");
}

function look(wanted, range, kind, value) {
  const at = Number(value);
  if (!range) throw new Error("There is no such partition.");
  if (kind === "oldest") return forward(wanted, range, range.start_offset);
  if (kind === "offset") return forward(wanted, range, at);
  if (kind === "before") return backward(wanted, range, at);
  if (kind === "time") return since(wanted, range, at);
  return backward(wanted, range, range.end_offset);
}

/** What is shown of what there is. */
function told({ first, next, start, end, messages: found }, isAll, topic) {
  if (isAll) {
    const many = topic.partitions.length > MOST_PARTITIONS ? ` Of the first ${MOST_PARTITIONS} partitions only.` : "";
    return `${count(found.length, "message")} of all partitions, by time.${many} To go on, choose a partition.`;
  }
  if (start === end) return "The partition is empty.";
  const range = (from, to) => `${number(from)} to ${number(Math.max(from, to - 1))}`;
  return `${count(found.length, "message")} in offsets ${range(first, next)}; the partition has ${range(start, end)}.`;
}

/** The way that was taken last: whoever goes on by keys finds its button again. */
let taken = "";

/** The ways on. */
function pager({ first, next, start, end }, isAll, go, read) {
  const button = (text, at, isOn) => {
    const click = () => {
      taken = text;
      go(at);
    };
    return h("button", { type: "button", disabled: !isOn, "data-way": text, click }, text);
  };
  return h(
    "div.actions",
    button("Newest", "newest", true),
    !isAll && [button("Newer", `offset:${next}`, next < end), button("Older", `before:${first}`, first > start)],
    button("Oldest", "oldest", true),
    h("button", { type: "button", click: read }, "Refresh"),
  );
}

/** The newest stand on top. */
function list(name, found, isAll) {
  if (found.length === 0) return h("p.empty", "No messages here.");
  const all = found.toReversed().map((one) => rows(name, one, isAll));
  if (all.length === 1) all[0].turn(true);
  return h("table.messages", h("caption.unseen", "Messages, the newest first"), h("thead", h("tr", heads(isAll))), h("tbody", all.map((one) => one.parts)));
}
