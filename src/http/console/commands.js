// What is shown here as commands for a shell: to read a message with kcat or curl, to send it again.

import { ask, path, query } from "./api.js";
import { copy, failure, open } from "./dialog.js";
import { fill, h } from "./dom.js";
import { quote } from "./format.js";

async function commands(topic, message) {
  const { port } = await ask(path("broker"));
  const { partition, offset, key, value, key_encoding, value_encoding, headers = [] } = message;
  const where = path("topics", topic, "messages");
  const at = `${location.origin}${where}${query({ partition, offset, limit: 1 })}`;
  const format = quote("%t [%p] at %o, %T ms: key %k, value %s, headers %h\\n");
  const json = quote("Content-Type: application/json");
  const again = JSON.stringify({ messages: [{ key, value, key_encoding, value_encoding, headers: headers.filter((one) => !one.key_encoding), partition }] });
  return [
    ["Read it with kcat", `kcat -b ${location.hostname}:${port} -C -t ${quote(topic)} -p ${partition} -o ${offset} -c 1 -f ${format}`],
    ["Read it with curl", `curl -s ${quote(at)}`],
    ["Send it again with curl", `curl -s ${quote(location.origin + where)} -H ${json} -d ${quote(again)}`],
  ];
}

/** Shows them, each to be copied. */
export async function showCommands(topic, message) {
  const place = h("div", h("p.note", "…"));
  open("As a command", place);
  try {
    const all = await commands(topic, message);
    fill(place, all.map(([what, text]) => {
      const button = h("button", { "aria-label": `Copy: ${what}`, click: () => copy(text) }, "Copy");
      return h("div.command", h("div.title", h("h3", what), button), h("pre", { tabindex: "0" }, text));
    }));
  } catch (why) {
    fill(place, failure(why));
  }
}
