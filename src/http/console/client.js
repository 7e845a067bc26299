// One connection: what it asked for, what went wrong, and the groups that it is in.

import { ask, path, watch } from "./api.js";
import { software } from "./clients.js";
import { complain } from "./dialog.js";
import { fill, h, table, th } from "./dom.js";
import { ago, number, time } from "./format.js";

const EVERY = 2000;

export function client({ name, signal, title }) {
  title(`Connection ${name}`, "Clients");
  const [place, heading, body] = [h("div"), h("h1.data", `Connection ${name}`), h("div")];
  const look = async () => {
    const all = await ask(path("clients"), { signal });
    const one = all.find((each) => String(each.connection) === name);
    if (!one) throw new Error("This connection is closed.");
    if (one.client_id) heading.textContent = one.client_id;
    fill(place);
    fill(body, parts(one));
  };
  watch(signal, EVERY, look, (why) => complain(place, why));
  return h(
    "section",
    h("nav.crumbs", { "aria-label": "Where this is" }, h("a", { href: "#/clients" }, "Clients"), h("span", { "aria-hidden": "true" }, "/")),
    h("div.title", heading),
    place,
    body,
  );
}

function parts(one) {
  const fact = (name, text) => h("div", h("dt", name), h("dd.data", text));
  const facts = h(
    "dl.facts",
    fact("Connection", one.connection),
    fact("Software", software(one)),
    fact("Address", one.address),
    fact("Listener", one.listener),
    fact("Connected", time(one.connected_at)),
    fact("Last request", ago(one.last_request_at, Date.now())),
    fact("Requests", number(one.requests)),
    fact("Errors", number(one.errors)),
  );
  const api = (each) => h("tr", h("th", { scope: "row" }, each.api), h("td.number", each.version), h("td.number", number(each.requests)), h(each.errors ? "td.number.behind" : "td.number", number(each.errors)));
  const error = (each) => h("tr", h("td", time(each.at)), h("td", each.api), h("td.data", each.error, " ", h("small", each.code)));
  const group = (each) => h("tr", h("th.data", { scope: "row" }, h("a", { href: `#/groups/${encodeURIComponent(each.group)}` }, each.group)), h("td.data.long", each.member), h("td.number", each.generation), h("td.number", each.rebalances));
  const part = (title, rows, heads, row, none) => [h("h2", title), rows.length ? table(title, heads, h("tbody", rows.map(row))) : h("p.empty", none)];
  return [
    facts,
    part("Requests", one.apis, ["API", th(".number", "Version"), th(".number", "Requests"), th(".number", "Errors")], api, "It has asked for nothing."),
    part("Last errors", one.last_errors, ["When", "API", "Error"], error, "There was none."),
    part("Groups", one.groups, ["Group", "Member", th(".number", "Generation"), th(".number", "Rebalances")], group, "It is in none."),
  ];
}
