// All consumer groups.

import { ask, path, watch } from "./api.js";
import { complain } from "./dialog.js";
import { fill, h, keyed, say, table, th } from "./dom.js";
import { count, number } from "./format.js";

const EVERY = 2000;
const MOST = 500;

export function groups({ query, signal, title }) {
  title("Groups");
  const body = h("tbody");
  const [place, found] = [h("div"), h("p.note", { role: "status" })];
  const filter = h("input", {
    type: "search", placeholder: "Filter by name", "aria-label": "Filter by name", "data-filter": "", value: query.get("filter") ?? "",
  });
  const list = table("Groups", ["Name", "State", th(".number", "Members"), th(".number.wide", "Generation")], body);
  let all = [];
  const draw = () => {
    const text = filter.value.toLowerCase();
    const shown = all.filter((one) => one.group_id.toLowerCase().includes(text));
    keyed(body, shown.slice(0, MOST), (one) => one.group_id, row);
    const none = text ? "No group has that in its name." : "No consumer groups yet: one is there when its first consumer has asked for it.";
    say(found, shown.length > MOST ? `The first ${MOST} of ${count(shown.length, "group")}.` : shown.length ? count(shown.length, "group") : none);
    list.hidden = shown.length === 0;
  };
  const look = async () => {
    all = await ask(path("groups"), { signal });
    fill(place);
    draw();
  };
  filter.addEventListener("input", () => {
    history.replaceState(null, "", `#/groups${filter.value ? `?${new URLSearchParams({ filter: filter.value })}` : ""}`);
    draw();
  });
  watch(signal, EVERY, look, (why) => complain(place, why));
  return h("section", h("div.title", h("h1", "Groups")), h("div.bar", filter), place, found, list);
}

/** What a state is, in a word and a colour. */
export const badge = (state) => h(`span.badge.${/^Stable$/.test(state) ? "good" : /^(Empty|Dead)$/.test(state) ? "idle" : "busy"}`, state);

function row({ group_id: name }) {
  const [state, members, generation] = [h("td"), h("td.number"), h("td.number.wide")];
  return {
    element: h("tr", h("th.name", { scope: "row" }, h("a.data", { href: `#/groups/${encodeURIComponent(name)}` }, name)), state, members, generation),
    update(one) {
      if (state.textContent !== one.state) fill(state, badge(one.state));
      say(members, number(one.member_count));
      say(generation, number(one.generation_id));
    },
  };
}
