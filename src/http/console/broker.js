// The broker: what it is, how it is, and its settings.

import { ask, health, path, watch } from "./api.js";
import { complain } from "./dialog.js";
import { fill, h } from "./dom.js";
import { bytes, duration } from "./format.js";
import { settings } from "./settings.js";

const EVERY = 5000;

const SCOPES = [
  { at: path("broker", "configs"), text: "this broker", source: "DYNAMIC_BROKER_CONFIG" },
  { at: path("cluster", "configs"), text: "all brokers", source: "DYNAMIC_DEFAULT_BROKER_CONFIG" },
];

const WORDS = { ok: ["good", "well"], loading: ["busy", "loading its groups"], stopping: ["busy", "stopping"], offline: ["bad", "partitions are offline"] };

export function broker({ signal, title }) {
  title("Broker");
  const [place, facts, state] = [h("div"), h("dl.facts"), h("span", { role: "status" })];
  const fact = (name, text) => h("div", h("dt", name), h("dd.data", text));
  const look = async () => {
    const [about, well] = await Promise.all([ask(path("broker"), { signal }), health(signal)]);
    fill(place, well.offline && h("p.problem", "Offline, until the broker is started again: ", h("span.data", well.offline.join(", "))));
    const [kind, words] = WORDS[well.status] ?? ["bad", well.status];
    if (state.textContent !== words) fill(state, h(`span.badge.${kind}`, words));
    fill(
      facts,
      fact("Version", about.version),
      fact("Node id", about.broker_id),
      fact("Up for", duration(about.uptime_seconds)),
      fact("Port", about.port),
      fact("HTTP port", about.http_port),
      fact("Worker threads", about.io_threads),
      fact("Platform", about.platform),
      fact("Segment size", bytes(about.segment_size)),
      fact("Data directory", about.log_dir),
    );
  };
  watch(signal, EVERY, look, (why) => complain(place, why));
  return h("section", h("div.title", h("h1", "Broker"), state), place, facts, h("h2", "Settings"), settings({ signal, scopes: SCOPES }));
}
