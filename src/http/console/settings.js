// Settings of a topic or a broker: what holds, where it comes from, and changes, which the broker checks.

import { ask } from "./api.js";
import { ask as question, complain, toast } from "./dialog.js";
import { choices, field, fill, h, say, table, th, tick } from "./dom.js";
import { count } from "./format.js";

const SOURCES = {
  DYNAMIC_TOPIC_CONFIG: "set for this topic",
  DYNAMIC_GROUP_CONFIG: "set for this group",
  DYNAMIC_BROKER_CONFIG: "set for this broker",
  DYNAMIC_DEFAULT_BROKER_CONFIG: "set for all brokers",
  STATIC_BROKER_CONFIG: "set at the start",
  DEFAULT_CONFIG: "default",
};

/**
 * A table of settings. The first of `scopes` is shown; a change can be made in any of them: { at, text, source } is where
 * its settings are, whose they are, and what the source of those is called.
 */
export function settings({ signal, scopes }) {
  const body = h("tbody");
  const [place, found] = [h("div"), h("p.note", { role: "status" })];
  const filter = h("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter by name", "data-filter": "" });
  const changed = tick("Only what is not default", {});
  let all = [];
  const draw = () => {
    const text = filter.value.toLowerCase();
    const fits = (one) => one.name.includes(text) && !(changed.box.checked && one.source === "DEFAULT_CONFIG");
    const shown = all.filter(fits);
    fill(body, shown.map((one) => row(one, scopes, load)));
    say(found, `${count(shown.length, "setting")} of ${all.length}.`);
  };
  const load = async () => {
    try {
      all = await ask(scopes[0].at, { signal });
      const first = (one) => (one.source === "DEFAULT_CONFIG" ? 1 : 0);
      all.sort((a, b) => first(a) - first(b) || (a.name < b.name ? -1 : 1));
      fill(place);
      draw();
    } catch (why) {
      if (!signal.aborted) complain(place, why);
    }
  };
  filter.addEventListener("input", draw);
  changed.box.addEventListener("change", draw);
  load();
  return [h("div.bar", filter, changed.element), place, found, h("div.settings", table("Settings", ["Name", "Value", "From", th("", h("span.unseen", "Change"))], body))];
}

const value = (one) => (one.sensitive ? h("span.nothing", "hidden") : one.value === null || one.value === "" ? h("span.nothing", one.value === null ? "none" : "empty") : h("span.data", one.value));

function row(one, scopes, load) {
  const isChanged = one.source !== "DEFAULT_CONFIG";
  const edit = h("button.quiet", { type: "button", "aria-label": `Change ${one.name}`, click: () => change(one, scopes, load) }, "Change");
  return h(
    isChanged ? "tr.changed" : "tr",
    h("th.data", { scope: "row" }, one.name),
    h("td.setting", value(one)),
    h("td", h(isChanged ? "span.tag.strong" : "span", SOURCES[one.source] ?? one.source)),
    h("td.number", !one.read_only && edit),
  );
}

function control(one) {
  if (one.type !== "BOOLEAN") return h("input", { type: "text", value: one.value ?? "", spellcheck: "false", autocomplete: "off", autofocus: true });
  return choices({ autofocus: true }, ["true", "false"], one.value ?? "true");
}

function change(one, scopes, load) {
  const input = control(one);
  const whose = choices({}, scopes.map((scope, at) => [String(at), scope.text]), "0");
  const scope = () => scopes[Number(whose.value)];
  const send = async (to, words) => {
    await ask(scope().at, { method: "PATCH", body: { [one.name]: to } });
    toast(`${one.name} ${words} for ${scope().text}.`);
    await load();
  };
  const others = one.synonyms.filter((other) => other.source !== one.source || other.name !== one.name);
  const own = scopes.map((each) => each.source);
  const isOwn = one.synonyms.some((other) => own.includes(other.source)) || own.includes(one.source);
  question({
    title: one.name,
    body: [
      h("p", one.documentation),
      h("p.note", `${one.type ? one.type.toLowerCase() : "unknown type"} · ${SOURCES[one.source] ?? one.source}`),
      field("Value", input),
      scopes.length > 1 && field("For", whose),
      others.length > 0 && h("details", h("summary", "Where else it is set"), h("dl.facts", others.map((other) => h("div", h("dt", SOURCES[other.source] ?? other.source), h("dd.data", `${other.name} = ${other.value ?? "none"}`))))),
    ],
    action: "Set",
    run: () => send(input.value, `is ${input.value}`),
    more: isOwn ? [{ action: "Unset", run: () => send(null, "is not set any more") }] : [],
  });
}
