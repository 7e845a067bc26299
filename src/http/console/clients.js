// Who is connected.

import { ask, path, query } from "./api.js";
import { h, to } from "./dom.js";
import { ago, number } from "./format.js";
import { behind } from "./groups.js";
import { list } from "./list.js";

/** What a client says that it is made with. */
export const software = (one) => [one.software, one.version].filter(Boolean).join(" ") || "–";

/** Connections that the broker tells at once, unless it is asked for fewer. */
const PIECE = 1000;

/** All of them. */
export async function connections({ signal }) {
  const all = [];
  for (let piece; !piece || piece.length >= PIECE; all.push(...piece)) {
    piece = await ask(path("clients") + query({ after: all.at(-1)?.connection }), { signal });
  }
  return all;
}

const COLUMNS = [
  ["Client", "", (one) => h("a.data", { href: to("clients", one.connection) }, one.client_id || `connection ${one.connection}`), "client_id"],
  ["Software", ".data", (one) => one.made, "made"],
  ["Address", ".data", (one) => one.address, "address"],
  ["Groups", ".data", (one) => one.within || "–", "within"],
  ["Requests", ".number", (one) => number(one.requests), "requests"],
  ["Errors", ".number", (one) => behind(one.errors), "errors"],
  ["Last request", ".number", (one) => ago(one.last_request_at, Date.now()), "last_request_at"],
];

export function clients(context) {
  context.title("Clients");
  const told = (one) => ({ ...one, made: software(one), within: one.groups.map((each) => each.group).join(", ") });
  const { parts } = list(context, {
    title: "Clients", one: "connection", sort: "connection", columns: COLUMNS, hint: "Filter by name, address or group",
    keyOf: (one) => one.connection,
    words: (one) => [one.client_id, one.address, one.made, one.within].join("\n"),
    ask: async () => (await connections(context)).map(told),
    none: () => "No client is connected.",
  });
  return h("section", h("div.title", h("h1", "Clients")), parts);
}
