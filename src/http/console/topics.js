// All topics: how large they are, how fast they grow; new ones are made here.

import { ask, path } from "./api.js";
import { ask as question, toast } from "./dialog.js";
import { choices, field, h, to } from "./dom.js";
import { bytes, number, rate } from "./format.js";
import { list } from "./list.js";

const COLUMNS = [
  ["Name", "", (one) => h("span", h("a.data", { href: to("topics", one.name) }, one.name), one.internal && h("span.tag", "internal")), "name"],
  ["Partitions", ".number", (one) => number(one.partitions), "partitions"],
  ["Messages", ".number", (one) => number(one.message_count), "message_count"],
  ["Size", ".number", (one) => bytes(one.size_bytes), "size_bytes"],
  ["Rate", ".number", (one) => (one.rate === undefined ? "–" : rate(one.rate)), "rate"],
];

export function topics(context) {
  context.title("Topics");
  let before = new Map();
  const { parts } = list(context, {
    title: "Topics", one: "topic", sort: "name", columns: COLUMNS,
    keyOf: (one) => one.name,
    box: { name: "internal", label: "Internal topics", fits: (one, isSet) => isSet || !one.internal },
    none: (all) => (all.length ? "No topics but internal ones." : "No topics yet: make one here, or produce to one with any Kafka client."),
    async ask() {
      const [all, at] = [await ask(path("topics"), context), performance.now()];
      for (const one of all) {
        const last = before.get(one.name);
        if (last) one.rate = Math.max(0, ((one.end_offset_sum - last.sum) * 1000) / (at - last.at));
      }
      before = new Map(all.map((one) => [one.name, { sum: one.end_offset_sum, at }]));
      return all;
    },
  });
  const make = h("button.primary", { click: create }, "New topic");
  return h("section", h("div.title", h("h1", "Topics"), make), parts);
}

function create() {
  const name = h("input", { required: true, autocomplete: "off", autofocus: true, maxlength: "249" });
  const partitions = h("input", { type: "number", min: "1", inputmode: "numeric", placeholder: "as the broker has it" });
  const policy = choices({}, [["", "as the broker has it"], ["delete", "delete: old messages go"], ["compact", "compact: the last of each key stays"], ["compact,delete", "both"]]);
  const more = h("textarea", { rows: "3", placeholder: "retention.ms=86400000" });
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
      location.hash = to("topics", made.name);
    },
  });
}

/** Lines of name=value. */
const settings = (text) => Object.fromEntries(text.split("\n").filter((line) => line.trim()).map((line) => {
  const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
  if (!name) throw new Error(`Not name=value: ${line}`);
  return [name, value];
}));
