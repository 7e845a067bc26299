// Settings of a topic or a broker: what holds, where it comes from, and changes, which the broker checks.

import { ask } from "./api.js";
import { ask as question, toast } from "./dialog.js";
import { choices, facts, field, h, tick } from "./dom.js";
import { list } from "./list.js";

const SOURCES = {
  DYNAMIC_TOPIC_CONFIG: "set for this topic",
  DYNAMIC_GROUP_CONFIG: "set for this group",
  DYNAMIC_BROKER_CONFIG: "set for this broker",
  DYNAMIC_DEFAULT_BROKER_CONFIG: "set for all brokers",
  STATIC_BROKER_CONFIG: "given at start",
  DEFAULT_CONFIG: "default",
};

const named = (source) => SOURCES[source] ?? source;

/** The same with the place where it was given: a line of a file, a variable, a flag. */
const whence = ({ source, origin }) => [named(source), origin].filter(Boolean).join(": ");

const value = (one) => (one.sensitive ? h("span.nothing", "hidden") : one.value ? h("span.data", one.value) : h("span.nothing", one.value === null ? "none" : "empty"));

/** Whether it has another value than it would have anyway. */
const isChanged = (one) => one.source !== "DEFAULT_CONFIG" && (one.sensitive || one.synonyms.find((other) => other.source === "DEFAULT_CONFIG")?.value !== one.value);

const source = (one) => h(
  "span",
  h(isChanged(one) ? "span.tag.strong" : "span", named(one.source), one.source !== "DEFAULT_CONFIG" && !isChanged(one) && ", to the default"),
  one.origin && h("small", one.origin),
);

/**
 * A table of settings, for the view at an `address`. The first of `scopes` is shown; a change can be made in any of them:
 * { at, text, source } is where its settings are, whose they are, and what the source of those is called.
 */
export function settings(context) {
  const { scopes, signal, address } = context;
  let known = new Map();
  const edit = ({ name }) => h("button.quiet", { "aria-label": `Change ${name}`, click: () => change(known.get(name), scopes, all.look) }, "Change");
  const all = list(context, {
    address, title: "Settings", one: "setting", sort: "rank", every: 10_000, mark: (one) => (isChanged(one) ? "changed" : ""),
    columns: [
      ["Name", "", (one) => h("span", h("span.data", one.name), h("small", one.documentation)), "name"],
      ["Value", ".setting", value, "value"],
      ["From", "", source, "source"],
      [h("span.unseen", "Change"), ".number", (one) => (one.read_only && one.type ? "" : edit(one))],
    ],
    keyOf: (one) => one.name,
    box: { name: "changed", label: "Only what is not default", fits: (one, isSet) => !isSet || isChanged(one) },
    none: () => "Nothing is set.",
    async ask() {
      const all = await ask(scopes[0].at, { signal });
      const told = all.map((one) => ({ ...one, origin: one.synonyms[0]?.origin }));
      known = new Map(told.map((one) => [one.name, one]));
      return told.map((one) => ({ ...one, rank: (isChanged(one) ? "0" : "1") + one.name }));
    },
  });
  return h("div.settings", all.parts);
}

/** What asks for a value: an element, and how it is read. */
function control({ type, value, values }) {
  const isIt = (text) => text.toLowerCase() === (value ?? "").toLowerCase();
  if (type === "LIST" && values.length) {
    const items = (value ?? "").split(",");
    const ticks = values.map((text) => tick(text, { checked: items.includes(text) }));
    const read = () => values.filter((_, at) => ticks[at].box.checked).join(",");
    return { element: h("fieldset", h("legend", "Value"), ticks.map((one) => one.element)), read };
  }
  const options = type === "BOOLEAN" ? ["true", "false"] : values;
  const input = options.length
    ? choices({ autofocus: true }, options, options.find(isIt))
    : h("input", { value: value ?? "", autocomplete: "off", autofocus: true });
  return { element: field("Value", input), read: () => input.value };
}

function change(one, scopes, load) {
  const { element, read } = control(one);
  const whose = choices({}, scopes.map((scope, at) => [at, scope.text]));
  const scope = () => scopes[whose.value];
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
      h("p.note", `${one.type ? one.type.toLowerCase() : "unknown type"} · ${whence(one)}`),
      element,
      scopes.length > 1 && field("For", whose),
      others.length > 0 && h("details", h("summary", "Where else it is set"), facts(Object.fromEntries(others.map((other) => [`${other.name}, ${whence(other)}`, other.value ?? "none"])))),
    ],
    action: "Set",
    run: () => send(read(), `is ${read()}`),
    more: isOwn ? [{ action: "Unset", run: () => send(null, "is not set any more") }] : [],
  });
}
