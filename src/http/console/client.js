// One connection: what it asked for, what went wrong, and the groups that it is in.

import { ask, path, query, watch } from "./api.js";
import { software } from "./clients.js";
import { crumbs, facts, fill, h, to } from "./dom.js";
import { ago, number, time } from "./format.js";
import { behind } from "./groups.js";
import { sheet } from "./list.js";

export function client({ name, signal, title }) {
  title(`Connection ${name}`, "Clients");
  const [place, heading, about] = [h("div"), h("h1.data", `Connection ${name}`), h("div")];
  const apis = sheet("Requests", "It has asked for nothing.", (each) => each.api, [
    ["API", "", (each) => each.api],
    ["Version", ".number", (each) => each.version],
    ["Requests", ".number", (each) => number(each.requests)],
    ["Errors", ".number", (each) => behind(each.errors)],
  ]);
  const errors = sheet("Last errors", "There was none.", (each) => each, [
    ["When", "", (each) => time(each.at)],
    ["API", "", (each) => each.api],
    ["Error", ".data", (each) => h("span", each.error, " ", h("small", each.code))],
  ]);
  const groups = sheet("Groups", "It is in none.", (each) => each.group, [
    ["Group", "", (each) => h("a.data", { href: to("groups", each.group) }, each.group)],
    ["Member", ".data.long", (each) => each.member],
    ["Generation", ".number", (each) => each.generation],
    ["Rebalances", ".number", (each) => each.rebalances],
  ]);
  const body = h("div", { hidden: true }, about, h("h2", "Requests"), apis.parts, h("h2", "Last errors"), errors.parts, h("h2", "Groups"), groups.parts);
  const look = async () => {
    const [one] = await ask(path("clients") + query({ after: name > 0 ? name - 1 : "", limit: 1 }), { signal });
    if (String(one?.connection) !== name) throw new Error("This connection is closed.");
    if (one.client_id) heading.textContent = one.client_id;
    fill(about, facts({
      Connection: one.connection,
      Software: software(one),
      Address: one.address,
      Listener: one.listener,
      Connected: time(one.connected_at),
      "Last request": ago(one.last_request_at, Date.now()),
      Requests: number(one.requests),
      Errors: number(one.errors),
    }));
    apis.show(one.apis);
    errors.show(one.last_errors);
    groups.show(one.groups);
    body.hidden = false;
  };
  watch(signal, place, look);
  return h("section", crumbs("Clients"), h("div.title", heading), place, body);
}
