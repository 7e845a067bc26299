// All consumer groups.

import { ask, path } from "./api.js";
import { h, to } from "./dom.js";
import { number } from "./format.js";
import { list } from "./list.js";

/** How many messages it is behind; null where that is not known. */
export const behind = (lag) => (lag === null ? "–" : lag > 0 ? h("span.behind", number(lag)) : number(lag));

/** What a state is, in a word and a colour. */
export const badge = (state) => h(`span.badge.${/^Stable$/.test(state) ? "good" : /^(Empty|Dead)$/.test(state) ? "idle" : "busy"}`, state);

const COLUMNS = [
  ["Name", "", (one) => h("a.data", { href: to("groups", one.group_id) }, one.group_id), "group_id"],
  ["State", "", (one) => badge(one.state), "state"],
  ["Members", ".number", (one) => number(one.member_count), "member_count"],
  ["Lag", ".number", (one) => behind(one.lag), "lag"],
  ["Generation", ".number", (one) => number(one.generation_id), "generation_id"],
];

export function groups(context) {
  context.title("Groups");
  const { parts } = list(context, {
    title: "Groups", one: "group", sort: "group_id", columns: COLUMNS,
    keyOf: (one) => one.group_id,
    ask: () => ask(path("groups"), context),
    none: () => "No consumer groups yet: one is there when its first consumer has asked for it.",
  });
  return h("section", h("div.title", h("h1", "Groups")), parts);
}
