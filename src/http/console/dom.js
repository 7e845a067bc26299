// Elements made of texts, never markup made of texts: names, keys and values say whatever they like, and stay texts.

/**
 * An element: h("a.link", { href: "#/" }, "text", child, [more]). Objects are attributes; functions in them listen to
 * events; null and false are nothing.
 */
export function h(name, ...parts) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  if (tag === "button") element.type = tag;
  if (tag === "th") element.scope = "col";
  if (tag === "form") element.addEventListener("submit", (event) => event.preventDefault());
  parts.forEach((part) => add(element, part));
  const role = tag === "th" ? (element.scope === "row" ? "rowheader" : "columnheader") : ROLES[tag];
  if (role) element.setAttribute("role", role);
  return element;
}

/** A table whose rows are laid out anew on a small screen is one to the ear still. */
const ROLES = { table: "table", thead: "rowgroup", tbody: "rowgroup", tr: "row", td: "cell" };

function add(element, part) {
  if ((part ?? false) === false) return;
  if (Array.isArray(part)) part.forEach((one) => add(element, one));
  else if (part instanceof Node) element.append(part);
  else if (typeof part === "object") set(element, part);
  else element.append(String(part));
}

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "open"]);

/** Sets attributes, properties and listeners. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else if ((value ?? false) === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

/** Puts these, and nothing else, into an element. */
export function fill(element, ...parts) {
  element.replaceChildren();
  parts.forEach((part) => add(element, part));
  return element;
}

/** Says something else where something else is to be said: what is the same is not touched, nor read aloud again. */
export function say(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

const KEPT = new WeakMap();

/**
 * Brings the children of `parent` in line with `items`: those whose key was there stay, with focus and all.
 * `make(item)` gives `{ element, update(item) }`.
 */
export function keyed(parent, items, keyOf, make) {
  const before = KEPT.get(parent) ?? new Map();
  const now = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const entry = before.get(key) ?? make(item);
    entry.update?.(item);
    now.set(key, entry);
  }
  for (const [key, entry] of before) if (!now.has(key)) entry.element.remove();
  let place = parent.firstElementChild;
  const focused = parent.contains(document.activeElement) && document.activeElement;
  for (const { element } of now.values()) {
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  // Whoever is moved loses it.
  if (focused && parent.contains(focused)) focused.focus({ preventScroll: true });
  KEPT.set(parent, now);
}

let ids = 0;

/** A name that no other element has. */
export const id = () => `e${(ids += 1)}`;

/** A control with its label, and a hint below it. */
export function field(label, control, hint) {
  control.id ||= id();
  const note = hint && h("small", { id: `${control.id}-hint` }, hint);
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div.field", h("label", { for: control.id }, label), control, note);
}

/** A box to tick with its label. */
export function tick(label, attributes) {
  const box = h("input", { type: "checkbox", id: id(), ...attributes });
  return { box, element: h("div.tick", box, h("label", { for: box.id }, label)) };
}

/** Choices: texts, or pairs of a value and a text. */
export function choices(attributes, options, chosen) {
  const option = (one) => {
    const [value, text = value] = [one].flat();
    return h("option", { value }, text);
  };
  const select = h("select", attributes, options.map(option));
  if (chosen !== undefined) select.value = chosen;
  return select;
}

/** A table in a place of its own that can be scrolled where it is too wide. */
export const table = (caption, heads, body) =>
  h("div.scroll", { tabindex: "0", role: "region", "aria-label": caption }, h("table", h("caption.unseen", caption), h("thead", h("tr", heads)), body));

/** An address of this page, of these parts. */
export const to = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

/** The address of one message. */
export const toMessage = (topic, partition, offset) => `${to("topics", topic, "messages")}?partition=${partition}&at=offset:${offset}&open=${partition}:${offset}`;

/** A list of facts by their names. */
export const facts = (all) => h("dl.facts", Object.entries(all).map(([name, part]) => h("div", h("dt", name), h("dd.data", part))));

/** The way back to a list. */
export const crumbs = (name) =>
  h("nav.crumbs", { "aria-label": "Where this is" }, h("a", { href: to(name.toLowerCase()) }, name), h("span", { "aria-hidden": "true" }, "/"));
