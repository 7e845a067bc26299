// Produces one message; one that is there already can be the beginning of it.

import { ask, messages, path } from "./api.js";
import { failure, problem } from "./dialog.js";
import { choices, field, fill, h, say, tick } from "./dom.js";
import { base64, number, pretty } from "./format.js";

const ENCODINGS = [["text", "text"], ["base64", "base64"]];

export function produce(context) {
  const { query } = context;
  const from = query.get("from");
  if (!from) return form(context, { key: null, value: "", headers: [] });
  const place = h("div", h("p.note", { role: "status" }, "Reading…"));
  const load = async () => {
    try {
      fill(place, form(context, await original(context, from), from));
    } catch (why) {
      if (!context.signal.aborted) fill(place, failure(why, load));
    }
  };
  load();
  return place;
}

async function original({ name, signal }, from) {
  const [partition, offset] = from.split(":");
  const { messages: [one] } = await messages(name, { partition, offset, limit: 1 }, signal);
  if (!one || String(one.offset) !== offset || one.unshown) throw new Error("That message is not there any more.");
  return { ...one, partition };
}

/** Fields of a page change ends of lines: a text that they would change is told in bytes. */
const kept = (text, encoding = "text", changed = /\r/) => (encoding === "text" && changed.test(text ?? "") ? [base64(text), "base64"] : [text, encoding]);

/** A text that may be null, or bytes in base64. */
function part(label, nothing, given, attributes) {
  const [text, encoding] = kept(given.text, given.encoding);
  const area = h("textarea", { spellcheck: "false", value: text ?? "", ...attributes });
  const none = tick(nothing, { checked: text === null });
  const coding = choices({ "aria-label": `${label} is` }, ENCODINGS, encoding);
  const follow = () => (area.disabled = none.box.checked);
  none.box.addEventListener("change", follow);
  follow();
  const value = () => (none.box.checked ? null : area.value);
  const element = h("div.part", field(label, area), h("div.bar", none.element, coding));
  return { area, value, coding, element };
}

function headerRows(given) {
  const place = h("div.headers");
  const add = ({ key, value: given, value_encoding }) => {
    const [value, encoding] = kept(given, value_encoding, /[\r\n]/);
    const name = h("input", { type: "text", value: key, "aria-label": "Header's name", placeholder: "name", spellcheck: "false" });
    const text = h("input", { type: "text", value: value ?? "", "aria-label": "Header's value", placeholder: "value", spellcheck: "false" });
    const kind = choices({ "aria-label": "Header's value is" }, [...ENCODINGS, ["null", "null"]], value === null ? "null" : encoding);
    const follow = () => (text.disabled = kind.value === "null");
    kind.addEventListener("change", follow);
    follow();
    const row = h("div.header", name, text, kind, h("button.quiet", { type: "button", "aria-label": "Take this header away", click: () => row.remove() }, "✕"));
    row.read = () => {
      const said = { key: name.value, value: kind.value === "null" ? null : text.value };
      return kind.value === "base64" ? { ...said, value_encoding: "base64" } : said;
    };
    place.append(row);
    return name;
  };
  given.forEach(add);
  const more = h("button", { type: "button", click: () => add({ key: "", value: "" }).focus() }, "Add a header");
  const values = () => [...place.children].map((row) => row.read());
  return { values, element: h("fieldset", h("legend", "Headers"), place, more) };
}

function form(context, message, from) {
  const { name, topic } = context;
  const key = part("Key", "No key (null)", { text: message.key, encoding: message.key_encoding }, { rows: "2" });
  const value = part("Value", "Tombstone (null)", { text: message.value, encoding: message.value_encoding }, { rows: "10" });
  const texts = (message.headers ?? []).filter((one) => !one.key_encoding && !/[\r\n]/.test(one.key));
  const headers = headerRows(texts);
  const options = [["", "by its key"], ...topic.partitions.map((one) => [String(one.partition), String(one.partition)])];
  const partition = choices({}, options, message.partition ?? "");
  const [done, hint] = [h("div", { role: "status" }), h("small.note")];
  const look = () => say(hint, value.area.value.trim() === "" || value.coding.value !== "text" ? "" : kind(value.area.value));
  value.area.addEventListener("input", look);
  value.coding.addEventListener("change", look);
  look();
  const send = h("button.primary", { type: "submit" }, "Produce");
  const submit = async (event) => {
    event.preventDefault();
    send.disabled = true;
    fill(done);
    try {
      const made = await ask(path("topics", name, "messages"), { method: "POST", body: { messages: [said()] } });
      const href = `#/topics/${encodeURIComponent(name)}/messages?partition=${made.partition}&at=offset:${made.base_offset}`;
      const words = `Written to partition ${made.partition} at offset ${number(made.base_offset)}.`;
      fill(done, h("p.done", words, " ", h("a", { href }, "Show it")));
    } catch (why) {
      fill(done, problem(why));
    }
    send.disabled = false;
  };
  const said = () => {
    const all = { key: key.value(), value: value.value(), headers: headers.values() };
    if (all.key !== null && key.coding.value === "base64") all.key_encoding = "base64";
    if (all.value !== null && value.coding.value === "base64") all.value_encoding = "base64";
    if (partition.value !== "") all.partition = Number(partition.value);
    return all;
  };
  const left = (message.headers ?? []).length - texts.length;
  return h(
    "form.produce",
    { submit },
    from && h("p.note", `As it was at partition:offset ${from}, to be sent anew.`, left > 0 && ` Headers whose names are not a line of text are left out: ${left}.`),
    key.element,
    value.element,
    hint,
    headers.element,
    field("Partition", partition),
    h("div.actions.begin", send),
    done,
  );
}

/** Whether it is what it may be meant to be. */
function kind(text) {
  if (!/^\s*[{[]/.test(text)) return "";
  return pretty(text) === null ? "This is not JSON." : "This is JSON.";
}
