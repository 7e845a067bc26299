// One consumer group: its members, how far behind it is, and new offsets for it.

import { ask, path, watch } from "./api.js";
import { ask as question, complain, toast } from "./dialog.js";
import { choices, field, fill, h, keyed, say, table, th, tick } from "./dom.js";
import { count, duration, number } from "./format.js";
import { badge } from "./groups.js";

const EVERY = 2000;

/** "a-b-3" is partition 3 of "a-b". */
function places(group) {
  return Object.entries(group.committed_offsets).map(([name, committed]) => {
    const at = name.lastIndexOf("-");
    return { name, topic: name.slice(0, at), partition: Number(name.slice(at + 1)), committed, lag: group.lag[name] };
  }).sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

export function group({ name, signal, title }) {
  title(name, "Groups");
  const [place, about, offsets, members] = [h("div"), h("p.about", "…"), h("tbody"), h("tbody")];
  const state = h("span");
  const [none, nobody] = [h("p.empty", "No offset was committed."), h("p.empty", "Nobody is a member now.")];
  const lags = table("Offsets", ["Topic", ...["Partition", "Committed", "End", "Lag"].map((text) => th(".number", text))], offsets);
  const people = table("Members", ["Client", "Member", th(".number.wide", "Session timeout"), th(".number.wide", "Rebalance timeout")], members);
  const hint = h("small.note");
  const button = h("button", { type: "button", disabled: true, click: () => reset(name, places(now), look) }, "Set offsets");
  let now = null;

  async function look() {
    now = await ask(path("groups", name), { signal });
    const all = places(now);
    fill(place);
    if (state.textContent !== now.state) fill(state, badge(now.state));
    const sum = all.reduce((total, one) => total + (one.lag ?? 0), 0);
    const kind = [now.protocol_type, now.protocol_name].filter(Boolean).join(", ");
    say(about, [count(now.members.length, "member"), `lag ${number(sum)}`, `generation ${number(now.generation_id)}`, kind].filter(Boolean).join(" · "));
    keyed(offsets, all, (one) => one.name, lagRow);
    keyed(members, now.members, (one) => one.member_id, memberRow);
    [none.hidden, lags.hidden] = [all.length > 0, all.length === 0];
    [nobody.hidden, people.hidden] = [now.members.length > 0, now.members.length === 0];
    button.disabled = now.members.length > 0 || all.length === 0;
    say(hint, now.members.length > 0 ? "Offsets can be set when it has no members." : "");
  }

  const memberRow = (one) => ({
    element: h(
      "tr",
      h("th.data", { scope: "row" }, one.client_id, one.member_id === now.leader_id && h("span.tag", "leader")),
      h("td.data.long", one.member_id),
      h("td.number.wide", duration(one.session_timeout_ms / 1000)),
      h("td.number.wide", duration(one.rebalance_timeout_ms / 1000)),
    ),
  });

  watch(signal, EVERY, look, (why) => complain(place, why));
  return h(
    "section",
    h("nav.crumbs", { "aria-label": "Where this is" }, h("a", { href: "#/groups" }, "Groups"), h("span", { "aria-hidden": "true" }, "/")),
    h("div.title", h("h1.data", name), state),
    about,
    place,
    h("div.title", h("h2", "Offsets"), h("div.actions", hint, button)),
    none, lags,
    h("h2", "Members"),
    nobody, people,
  );
}

function lagRow(one) {
  const [committed, end, lag] = [h("td.number"), h("td.number"), h("td.number")];
  const href = `#/topics/${encodeURIComponent(one.topic)}/messages?partition=${one.partition}&at=offset:${one.committed}`;
  return {
    element: h("tr", h("th.data", { scope: "row" }, h("a", { href }, one.topic)), h("td.number", one.partition), committed, end, lag),
    update(fresh) {
      say(committed, number(fresh.committed));
      say(end, fresh.lag === undefined ? "–" : number(fresh.committed + fresh.lag));
      say(lag, fresh.lag === undefined ? "no such partition" : number(fresh.lag));
      lag.classList.toggle("behind", fresh.lag > 0);
    },
  };
}

const WAYS = [["earliest", "the earliest message"], ["latest", "the end"], ["timestamp", "a time…"], ["offset", "an offset…"]];

function reset(group, all, look) {
  const boxes = all.map((one) => ({ ...one, ...tick(`${one.topic}, partition ${one.partition}`, { checked: one.lag !== undefined, disabled: one.lag === undefined }) }));
  const way = choices({ autofocus: true }, WAYS, "earliest");
  const time = h("input", { type: "datetime-local", step: "0.001" });
  const offset = h("input", { type: "number", min: "0" });
  const [byTime, byOffset] = [field("Time", time), field("Offset", offset)];
  const tell = () => {
    byTime.hidden = way.value !== "timestamp";
    byOffset.hidden = way.value !== "offset";
  };
  way.addEventListener("change", tell);
  tell();
  const to = () => {
    if (way.value === "timestamp") {
      if (!time.value) throw new Error("Say which time.");
      return { timestamp: new Date(time.value).getTime() };
    }
    if (way.value === "offset") {
      if (!offset.value) throw new Error("Say which offset.");
      return { offset: Number(offset.value) };
    }
    return { to: way.value };
  };
  question({
    title: "Set offsets",
    body: [
      h("p", "The consumers of this group go on from there."),
      field("To", way),
      byTime,
      byOffset,
      h("fieldset.many", h("legend", "Of"), boxes.map((one) => one.element)),
    ],
    action: "Set offsets",
    async run() {
      const chosen = boxes.filter((one) => one.box.checked);
      if (chosen.length === 0) throw new Error("No partition is chosen.");
      const offsets = chosen.map(({ topic, partition }) => ({ topic, partition, ...to() }));
      const done = await ask(path("groups", group, "offsets"), { method: "POST", body: { offsets } });
      toast(`${count(done.offsets.length, "offset")} set.`);
      await look();
    },
  });
}
