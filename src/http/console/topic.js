// One topic: its name, its parts as further views, and its end.

import { ask, path, watch } from "./api.js";
import { ask as question, complain, failure, toast } from "./dialog.js";
import { fill, h, keyed, say, table, th } from "./dom.js";
import { bytes, count, number } from "./format.js";
import { live } from "./live.js";
import { messages } from "./messages.js";
import { produce } from "./produce.js";
import { settings } from "./settings.js";

const EVERY = 2000;

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
  const [about, place] = [h("p.about", "…"), h("div")];
  const link = ([key, text]) =>
    h("li", h("a", { href: `#/topics/${encodeURIComponent(name)}/${key}`, "aria-current": key === part && "page" }, text));
  const end = h("button.danger.quiet", { type: "button", click: () => remove(name) }, "Delete");
  const load = async () => {
    fill(place, h("p.note", "Loading…"));
    try {
      const topic = await ask(path("topics", name), { signal });
      const sum = topic.partitions.reduce((all, one) => all + one.end_offset - one.start_offset, 0);
      const words = [count(topic.partitions.length, "partition"), count(sum, "message"), bytes(topic.size_bytes)];
      say(about, words.concat(topic.internal ? "internal" : []).join(" · "));
      fill(place, view({ ...context, topic }));
    } catch (why) {
      if (!signal.aborted) fill(place, failure(why, load));
    }
  };
  load();
  return h(
    "section",
    h("nav.crumbs", { "aria-label": "Where this is" }, h("a", { href: "#/topics" }, "Topics"), h("span", { "aria-hidden": "true" }, "/")),
    h("div.title", h("h1.data", name), end),
    about,
    h("nav.tabs", { "aria-label": "Parts of the topic" }, h("ul", PARTS.map(link))),
    place,
  );
}

function remove(name) {
  question({
    title: "Delete this topic?",
    body: h("p", "Its messages are gone then, for all its consumers. This cannot be undone."),
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

function partitions({ name, signal }) {
  const body = h("tbody");
  const place = h("div");
  const row = ({ partition }) => {
    const cells = Array.from({ length: 4 }, () => h("td.number"));
    const link = h("a", { href: `#/topics/${encodeURIComponent(name)}/messages?partition=${partition}` }, partition);
    return {
      element: h("tr", h("th", { scope: "row" }, link), cells),
      update(one) {
        say(cells[0], number(one.start_offset));
        say(cells[1], number(one.end_offset));
        say(cells[2], number(one.end_offset - one.start_offset));
        say(cells[3], bytes(one.size_bytes));
      },
    };
  };
  const look = async () => {
    const topic = await ask(path("topics", name), { signal });
    fill(place);
    keyed(body, topic.partitions, (one) => one.partition, row);
  };
  watch(signal, EVERY, look, (why) => complain(place, why));
  const heads = [th("", "Partition"), ...["First offset", "End", "Messages", "Size"].map((text) => th(".number", text))];
  return [place, table("Partitions", heads, body)];
}

function configs({ name, signal }) {
  return settings({ signal, scopes: [{ at: path("topics", name, "configs"), text: "this topic", source: "DYNAMIC_TOPIC_CONFIG" }] });
}
