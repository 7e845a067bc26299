// The broker: what it is, how it is, and its settings.

import { ask, health, path, watch } from "./api.js";
import { facts, fill, h } from "./dom.js";
import { bytes, duration } from "./format.js";
import { settings } from "./settings.js";

const SCOPES = [
  { at: path("broker", "configs"), text: "this broker", source: "DYNAMIC_BROKER_CONFIG" },
  { at: path("cluster", "configs"), text: "all brokers", source: "DYNAMIC_DEFAULT_BROKER_CONFIG" },
];

const WORDS = { ok: ["good", "healthy"], loading: ["busy", "loading its groups"], stopping: ["busy", "stopping"], offline: ["bad", "partitions are offline"] };

export function broker(context) {
  const { signal, title } = context;
  title("Broker");
  const [place, offline, about, state] = [h("div"), h("div"), h("div"), h("span", { role: "status" })];
  const look = async () => {
    const [told, well] = await Promise.all([ask(path("broker"), { signal }), health(signal)]);
    fill(offline, well.offline && h("p.problem", "Offline, until the broker is started again: ", h("span.data", well.offline.join(", "))));
    const [kind, words] = WORDS[well.status] ?? ["bad", well.status];
    if (state.textContent !== words) fill(state, h(`span.badge.${kind}`, words));
    fill(about, facts({
      Version: told.version,
      "Node id": told.broker_id,
      "Up for": duration(told.uptime_seconds),
      Port: told.port,
      "HTTP port": told.http_port,
      "Worker threads": told.io_threads,
      Platform: told.platform,
      "Segment size": bytes(told.segment_size),
      "Data directory": told.log_dir,
    }));
  };
  watch(signal, place, look, 5000);
  return h("section", h("div.title", h("h1", "Broker"), state), place, offline, about, h("h2", "Settings"), settings({ ...context, address: "#/broker", scopes: SCOPES }));
}
