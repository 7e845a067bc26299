// One topic: its name, its parts as further views, and its end.

import { ask, path, watch } from "./api.js";
import { ask as question, failure, toast } from "./dialog.js";
import { crumbs, fill, h, say, to } from "./dom.js";
import { bytes, count, number } from "./format.js";
import { sheet } from "./list.js";
import { live } from "./live.js";
import { messages } from "./messages.js";
import { produce } from "./produce.js";
import { settings } from "./settings.js";

const PARTS = [
  ["messages", "Messages", messages],
  ["live", "Live", live],
  ["produce", "Produce", produce],
  ["partitions", "Partitions", partitions],
  ["settings", "Settings", configs],
];

export function topic(context) {
  const { name, rest: [part = "messages"], signal, title } = context;
  const [, label, view] = PARTS.find(([key]) => key === part) ?? PARTS[0];
  title(name, label);
  const [about, place, wrong] = [h("p.about", "…"), h("div"), h("div")];
  const link = ([key, text]) => h("li", h("a", { href: to("topics", name, key), "aria-current": key === part && "page" }, text));
  const end = h("button.danger.quiet", { hidden: true, click: () => remove(name) }, "Delete");
  let told = null;
  // What is not there cannot be deleted.
  const gone = (why) => {
    if (why.code === "UNKNOWN_TOPIC_OR_PARTITION") {
      end.hidden = true;
      say(about, "");
    }
    throw why;
  };
  const look = async () => {
    const topic = await ask(path("topics", name), { signal }).catch(gone);
    end.hidden = false;
    const sum = topic.partitions.reduce((all, one) => all + one.end_offset - one.start_offset, 0);
    const words = [count(topic.partitions.length, "partition"), count(sum, "message"), bytes(topic.size_bytes)];
    say(about, words.concat(topic.internal ? "internal" : []).join(" · "));
    if (told) return told(topic);
    told = () => {};
    const onChange = (tell) => {
      told = tell;
      tell(topic);
    };
    return fill(place, view({ ...context, topic, onChange }));
  };
  const load = async () => {
    fill(place, h("p.note", "Loading…"));
    told = null;
    try {
      await look();
      setTimeout(watch, 2000, signal, wrong, look);
    } catch (why) {
      if (!signal.aborted) fill(place, failure(why, load));
    }
  };
  load();
  return h(
    "section",
    crumbs("Topics"),
    h("div.title", h("h1.data", name), end),
    about,
    h("nav.tabs", { "aria-label": "Parts of the topic" }, h("ul", PARTS.map(link))),
    wrong,
    place,
  );
}

/** What else is lost with a topic of the broker's own. */
const LOST = new Map(Object.entries({
  __consumer_offsets: "All consumer groups lose their offsets with it: each begins anew, at the first message or at the end, as its consumers have it.",
  __transaction_state: "What is known of transactions is gone with it: those that are open cannot be ended.",
}));

function remove(name) {
  question({
    title: "Delete this topic?",
    body: [LOST.has(name) && h("p.problem", LOST.get(name)), h("p", "Its messages are gone then, for all its consumers. This cannot be undone.")],
    action: "Delete the topic",
    danger: true,
    confirm: name,
    async run() {
      await ask(path("topics", name), { method: "DELETE" });
      toast(`Topic ${name} is gone.`);
      location.hash = "#/topics";
    },
  });
}

function partitions({ name, onChange }) {
  const all = sheet("Partitions", "", (one) => one.partition, [
    ["Partition", "", ({ partition }) => h("a", { href: `${to("topics", name, "messages")}?partition=${partition}` }, partition)],
    ["First offset", ".number", (one) => number(one.start_offset)],
    ["End", ".number", (one) => number(one.end_offset)],
    ["Messages", ".number", (one) => number(one.end_offset - one.start_offset)],
    ["Size", ".number", (one) => bytes(one.size_bytes)],
  ]);
  onChange((topic) => all.show(topic.partitions));
  return all.parts;
}

function configs(context) {
  return settings({ ...context, address: to("topics", context.name, "settings"), scopes: [{ at: path("topics", context.name, "configs"), text: "this topic", source: "DYNAMIC_TOPIC_CONFIG" }] });
}
