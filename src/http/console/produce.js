// Produces one message; one that is there already can be the beginning of it.

import { ask, messages, path } from "./api.js";
import { failure, problem } from "./dialog.js";
import { choices, field, fill, h, id, say, tick, toMessage } from "./dom.js";
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

const coded = (choice) => (choice.value === "base64" ? "base64" : undefined);

/** A text that may be null, or bytes in base64. */
function part(label, nothing, given, givenEncoding, rows) {
  const [text, encoding] = kept(given, givenEncoding);
  // Whoever writes something means it.
  const area = h("textarea", { value: text ?? "", rows, input: () => (none.box.checked = false) });
  const none = tick(nothing, { checked: text === null });
  const coding = choices({ "aria-label": `${label} is` }, ENCODINGS, encoding);
  const read = (name) => (none.box.checked ? { [name]: null } : { [name]: area.value, [`${name}_encoding`]: coded(coding) });
  const element = h("div.part", field(label, area), h("div.bar", none.element, coding));
  return { area, read, coding, element };
}

function headerRows(given) {
  const place = h("div.headers");
  const add = ({ key, value: given, value_encoding }) => {
    const [value, encoding] = kept(given, value_encoding, /[\r\n]/);
    const name = h("input", { value: key, "aria-label": "Header's name", placeholder: "name" });
    const text = h("input", { value: value ?? "", "aria-label": "Header's value", placeholder: "value" });
    const kind = choices({ "aria-label": "Header's value is", change: () => follow() }, [...ENCODINGS, ["null", "null"]], value === null ? "null" : encoding);
    const follow = () => (text.disabled = kind.value === "null");
    follow();
    const row = h("div.header", name, text, kind, h("button.quiet", { "aria-label": "Remove this header", click: () => row.remove() }, "✕"));
    row.read = () => ({ key: name.value, value: kind.value === "null" ? null : text.value, value_encoding: coded(kind) });
    place.append(row);
    return name;
  };
  given.forEach(add);
  const more = h("button", { click: () => add({ key: "", value: "" }).focus() }, "Add a header");
  const values = () => [...place.children].map((row) => row.read());
  return { values, element: h("fieldset", h("legend", "Headers"), place, more) };
}

function form(context, message, from) {
  const { name, topic } = context;
  const key = part("Key", "No key (null)", message.key, message.key_encoding, 2);
  const value = part("Value", "Tombstone (null)", message.value, message.value_encoding, 9);
  const texts = (message.headers ?? []).filter((one) => !one.key_encoding && !/[\r\n]/.test(one.key));
  const headers = headerRows(texts);
  const options = [["", "by its key"], ...topic.partitions.map((one) => [String(one.partition), String(one.partition)])];
  const partition = choices({}, options, message.partition ?? "");
  const when = h("input", { type: "datetime-local", step: "0.001" });
  let isMeant = Boolean(from);
  const [done, wrong, hint] = [h("div", { role: "status" }), h("div"), h("small.note", { id: id(), role: "status" })];
  const look = () => say(hint, value.area.value.trim() === "" || value.coding.value !== "text" ? "" : kind(value.area.value));
  value.area.setAttribute("aria-describedby", hint.id);
  value.area.addEventListener("input", look);
  value.coding.addEventListener("change", look);
  look();
  const send = h("button.primary", { type: "submit" }, "Produce");
  const submit = async () => {
    if (value.read("value").value === "" && !isMeant) {
      isMeant = true;
      fill(wrong, problem(new Error("The value is empty. If that is meant, produce it once more.")));
      return;
    }
    send.disabled = true;
    [done, wrong].forEach((place) => fill(place));
    try {
      const made = await ask(path("topics", name, "messages"), { method: "POST", body: { messages: [said()] } });
      isMeant = Boolean(from);
      const { partition, base_offset: offset } = made;
      const link = h("a", { href: toMessage(name, partition, offset) }, "Show it");
      fill(done, h("p.done", `Written to partition ${partition} at offset ${number(offset)}. `, link));
    } catch (why) {
      fill(wrong, problem(why));
    }
    send.disabled = false;
  };
  const said = () => ({
    ...key.read("key"), ...value.read("value"), headers: headers.values(),
    partition: partition.value ? Number(partition.value) : undefined,
    timestamp: when.value ? new Date(when.value).getTime() : undefined,
  });
  const left = (message.headers ?? []).length - texts.length;
  return h(
    "form.produce",
    { submit },
    from && h("p.note", `A copy of the message at ${from} (partition:offset).`, left > 0 && ` Headers whose names are not a line of text are left out: ${left}.`),
    h("div.halves", h("div", key.element, value.element, hint), h("div", headers.element, field("Partition", partition), field("Time", when, "Now, unless it is given."))),
    h("div.actions.begin", send),
    done,
    wrong,
  );
}

/** Whether it is what it may be meant to be. */
function kind(text) {
  if (!/^\s*[{[]/.test(text)) return "";
  return pretty(text) === null ? "This is not JSON." : "This is JSON.";
}
