// One consumer group: its members, how far behind it is, and new offsets for it.

import { ask, path, watch } from "./api.js";
import { connections } from "./clients.js";
import { ask as question, failure, toast } from "./dialog.js";
import { crumbs, fill, h, say, tick, to, toMessage } from "./dom.js";
import { count, duration, number } from "./format.js";
import { badge, behind } from "./groups.js";
import { sheet } from "./list.js";
import { seek } from "./messages.js";

/** "a-b-3" is partition 3 of "a-b". Members have partitions without an offset, too. */
function places(group) {
  const names = [...new Set([...Object.keys(group.committed_offsets), ...Object.keys(group.lag)])];
  return names.map((name) => {
    const at = name.lastIndexOf("-");
    const committed = group.committed_offsets[name] ?? null;
    return { name, topic: name.slice(0, at), partition: Number(name.slice(at + 1)), committed, lag: group.lag[name] };
  }).sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

/** Numbers, with those that follow each other in short: 0–2, 5. */
export function ranges(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const isFirst = (one, at) => sorted[at - 1] !== one - 1;
  const ends = sorted.filter((one, at) => sorted[at + 1] !== one + 1);
  return sorted.filter(isFirst).map((one, at) => (one === ends[at] ? one : `${one}–${ends[at]}`)).join(", ");
}

const OFFSETS = [
  ["Topic", "", (one) => h("a.data", { href: toMessage(one.topic, one.partition, one.committed ?? 0) }, one.topic)],
  ["Partition", ".number", (one) => one.partition],
  ["Committed", ".number", (one) => (one.committed === null ? "–" : number(one.committed))],
  ["End", ".number", (one) => (one.lag === undefined || one.lag === null ? "–" : number(one.committed + one.lag))],
  ["Lag", ".number", (one) => (one.lag === undefined ? "no such partition" : behind(one.lag))],
];

const MEMBERS = [
  ["Client", "", (one) => h("span", one.connection ? h("a.data", { href: to("clients", one.connection) }, one.client_id) : h("span.data", one.client_id), one.isLeader && h("span.tag", "leader"))],
  ["Member", ".data.long", (one) => one.member_id],
  ["Host", ".host", (one) => one.host],
  ["Partitions", ".data", (one) => Object.entries(one.partitions).map(([topic, of]) => `${topic}: ${ranges(of)}`).join("; ") || "none"],
  ["Session timeout", ".number", (one) => duration(one.session_timeout_ms / 1000)],
  ["Rebalance timeout", ".number", (one) => duration(one.rebalance_timeout_ms / 1000)],
];

export function group({ name, signal, title }) {
  title(name, "Groups");
  const [place, about, state, hint] = [h("div"), h("p.about"), h("span"), h("small.note")];
  const offsets = sheet("Offsets", "No offset was committed.", (one) => one.name, OFFSETS);
  const members = sheet("Members", "Nobody is a member now.", (one) => one.member_id, MEMBERS);
  let all = [];
  const button = h("button", { disabled: true, click: () => reset(name, all, look, signal) }, "Set offsets");

  async function look() {
    const now = await ask(path("groups", name), { signal });
    // A broker that does not tell of its clients has groups all the same.
    const clients = now.members.length > 0 ? await connections({ signal }).catch(() => []) : [];
    all = places(now);
    const where = new Map(clients.flatMap((one) => one.groups.map((each) => [each.member, one.connection])));
    if (state.textContent !== now.state) fill(state, badge(now.state));
    const known = all.filter((one) => Number.isInteger(one.lag));
    const lag = known.length > 0 ? number(known.reduce((total, one) => total + one.lag, 0)) : "–";
    const kind = [now.protocol_type, now.protocol_name].filter(Boolean).join(", ");
    say(about, [count(now.members.length, "member"), `lag ${lag}`, `generation ${number(now.generation_id)}`, kind].filter(Boolean).join(" · "));
    offsets.show(all);
    members.show(now.members.map((one) => ({ ...one, connection: where.get(one.member_id), isLeader: one.member_id === now.leader_id })));
    const why = now.members.length > 0 ? "Offsets can be set when it has no members." : all.length > 0 ? "" : "There is no offset to set anew.";
    say(hint, why);
    button.disabled = why !== "";
    body.hidden = false;
  }

  const body = h("section", { hidden: true }, h("div.title", h("h2", "Offsets"), h("div.actions", hint, button)), offsets.parts, h("h2", "Members"), members.parts);
  watch(signal, place, look);
  return h("section", crumbs("Groups"), h("div.title", h("h1.data", name), state), about, place, body);
}

/** All partitions of the topics of which a group has offsets; those of a topic that is gone cannot be chosen. */
async function choosable(all, signal) {
  const names = [...new Set(all.map((one) => one.topic))];
  const gone = (why) => {
    if (why.code !== "UNKNOWN_TOPIC_OR_PARTITION") throw why;
  };
  const told = await Promise.all(names.map((name) => ask(path("topics", name), { signal }).catch(gone)));
  return told.flatMap((topic) => topic?.partitions.map(({ partition }) => ({ topic: topic.name, partition })) ?? []);
}

function reset(group, all, look, signal) {
  const has = (one) => all.some((other) => other.committed !== null && other.topic === one.topic && other.partition === one.partition);
  const label = (one) => `${one.topic}, partition ${one.partition}${has(one) ? "" : " (no offset yet)"}`;
  const goal = seek("To", [["earliest", "the earliest message"], ["latest", "the end"]], "earliest");
  goal.way.autofocus = true;
  const place = h("div");
  const load = async () => {
    fill(place, h("p.note", { role: "status" }, "Reading…"));
    try {
      const boxes = (await choosable(all, signal)).map((one) => ({ ...one, ...tick(label(one), { checked: has(one) }) }));
      fill(place, h("fieldset.many", h("legend", "Of"), boxes.map((one) => one.element)));
      return boxes;
    } catch (why) {
      fill(place, failure(why, () => (loaded = load())));
      return [];
    }
  };
  let loaded = load();
  const kinds = { offset: "offset", time: "timestamp" };
  question({
    title: "Set offsets",
    body: [h("p", "The consumers of this group go on from there."), goal.parts, place],
    action: "Set offsets",
    async run() {
      const chosen = (await loaded).filter((one) => one.box.checked);
      if (chosen.length === 0) throw new Error("No partition is chosen.");
      const way = goal.way.value;
      const where = kinds[way] ? { [kinds[way]]: goal.number() } : { to: way };
      const offsets = chosen.map(({ topic, partition }) => ({ topic, partition, ...where }));
      const done = await ask(path("groups", group, "offsets"), { method: "POST", body: { offsets } });
      toast(`${count(done.offsets.length, "offset")} set.`);
      await look();
    },
  });
}
