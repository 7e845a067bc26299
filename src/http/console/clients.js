// Who is connected.

import { ask, path, watch } from "./api.js";
import { complain } from "./dialog.js";
import { fill, h, keyed, say, table, th } from "./dom.js";
import { ago, count, number } from "./format.js";

const EVERY = 2000;
const MOST = 500;

/** What a client says that it is made with. */
export const software = (one) => [one.software, one.version].filter(Boolean).join(" ") || "–";

export function clients({ query, signal, title }) {
  title("Clients");
  const body = h("tbody");
  const [place, found] = [h("div"), h("p.note", { role: "status" })];
  const filter = h("input", {
    type: "search", placeholder: "Filter by name, address or group", "aria-label": "Filter by name, address or group", "data-filter": "", value: query.get("filter") ?? "",
  });
  const heads = ["Client", th(".wide", "Software"), th(".wide", "Address"), th(".wide", "Groups"), th(".number", "Requests"), th(".number", "Errors"), th(".number", "Last request")];
  const list = table("Clients", heads, body);
  let all = [];
  const draw = () => {
    const text = filter.value.toLowerCase();
    const words = (one) => [one.client_id, one.address, software(one), ...one.groups.map((each) => each.group)].join("\n").toLowerCase();
    const shown = all.filter((one) => words(one).includes(text));
    keyed(body, shown.slice(0, MOST), (one) => one.connection, row);
    say(found, shown.length > MOST ? `The first ${MOST} of ${count(shown.length, "connection")}.` : shown.length ? count(shown.length, "connection") : "No such client is connected.");
    list.hidden = shown.length === 0;
  };
  const look = async () => {
    all = await ask(path("clients"), { signal });
    fill(place);
    draw();
  };
  filter.addEventListener("input", () => {
    history.replaceState(null, "", `#/clients${filter.value ? `?${new URLSearchParams({ filter: filter.value })}` : ""}`);
    draw();
  });
  watch(signal, EVERY, look, (why) => complain(place, why));
  return h("section", h("div.title", h("h1", "Clients")), h("div.bar", filter), place, found, list);
}

function row({ connection, address }) {
  const link = h("a.data", { href: `#/clients/${connection}` });
  const [made, groups, requests, errors, last] = [h("td.wide.data"), h("td.wide.data"), h("td.number"), h("td.number"), h("td.number")];
  return {
    element: h("tr", h("th.name", { scope: "row" }, link), made, h("td.wide.data", address), groups, requests, errors, last),
    update(one) {
      say(link, one.client_id || `connection ${connection}`);
      say(made, software(one));
      say(groups, one.groups.map((each) => each.group).join(", ") || "–");
      say(requests, number(one.requests));
      say(errors, number(one.errors));
      errors.classList.toggle("behind", one.errors > 0);
      say(last, ago(one.last_request_at, Date.now()));
    },
  };
}
