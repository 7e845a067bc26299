// A view of many: a table that can be filtered and sorted, and is brought up to date while it is looked at. The filter and the
// order stand in the address.

import { query as search, watch } from "./api.js";
import { fill, h, keyed, say, table, tick, to } from "./dom.js";
import { count } from "./format.js";

/** Rows that are shown; a filter finds the others. */
const MOST = 500;

/** Puts a text or an element into a place, unless it says so already. */
function put(place, what) {
  const old = place.firstElementChild;
  if (!(what instanceof Node)) say(place, what);
  else if (old?.href && old.textContent === what.textContent) old.href = what.href;
  else if (!old?.isEqualNode(what)) fill(place, what);
}

/** Makes rows for `keyed`. A column is [head, classes, show(one), name]; on a small screen its head stands before its value. */
const rowOf = (columns) => () => {
  const cells = columns.map(([text, classes], at) => h(at ? `td${classes}` : "th", { scope: !at && "row", "data-label": at > 0 && typeof text === "string" && text }));
  return {
    element: h("tr", cells),
    update: (one) => columns.forEach(([, , show], at) => put(cells[at], show(one))),
  };
};

const headOf = (classes) => (classes === ".number" ? "th.number" : "th");

/** A table of such rows. `show(all)` brings it in line with all that there are, or says `none`. */
export function sheet(title, none, keyOf, columns) {
  const [body, empty] = [h("tbody"), h("p.empty", none)];
  const shown = table(title, columns.map(([text, classes]) => h(headOf(classes), text)), body);
  [empty.hidden, shown.hidden] = [true, true];
  const show = (all) => {
    keyed(body, all, keyOf, rowOf(columns));
    [empty.hidden, shown.hidden] = [all.length > 0, all.length === 0];
  };
  return { show, parts: [empty, shown] };
}

/**
 * `what`: the `title` of the table, the `address` of the view, `one` of it in a word, `columns`, `keyOf` and `words` of one (what
 * the filter looks at), `ask` for all of them, `sort` that is usual, `none` says that there are none, `box` is a further choice:
 * { name, label, fits(one) }, of what is shown without it, or only with it.
 */
export function list({ query, signal }, what) {
  const { title, address = to(title.toLowerCase()), one: word, columns, keyOf, words = keyOf, ask, none, box, hint = "Filter by name" } = what;
  const body = h("tbody");
  const [place, found] = [h("div"), h("p.note", { role: "status" })];
  const filter = h("input", { type: "search", placeholder: hint, "aria-label": hint, "data-filter": "", value: query.get("filter") ?? "", input: remember });
  const choice = box && tick(box.label, { checked: query.get(box.name) === "1", change: remember });
  let [all, sort, written] = [[], query.get("sort") ?? what.sort];
  const heads = columns.map(([text, classes, , name]) =>
    h(headOf(classes), { "data-name": name }, name ? h("button.sort", { click: () => order(name, classes) }, text) : text));
  const shown = table(title, heads, body);
  const row = rowOf(columns);

  function order(name, classes) {
    const [down, up] = [`-${name}`, name];
    if (sort === up || sort === down) sort = sort === up ? down : up;
    else sort = classes.includes("number") ? down : up;
    remember();
  }

  function draw() {
    const name = sort.replace("-", "");
    const way = sort === name ? 1 : -1;
    heads.forEach((head) => head.setAttribute("aria-sort", head.dataset.name !== name ? "none" : way > 0 ? "ascending" : "descending"));
    const text = filter.value.toLowerCase();
    const value = (one) => one[name] ?? "";
    const rows = all
      .filter((one) => words(one).toLowerCase().includes(text) && (!box || box.fits(one, choice.box.checked)))
      .sort((a, b) => (value(a) < value(b) ? -way : value(a) > value(b) ? way : 0));
    const seen = rows.slice(0, MOST);
    keyed(body, seen, keyOf, row);
    for (const [at, one] of seen.entries()) body.children[at].className = what.mark?.(one) ?? "";
    const many = count(rows.length, word);
    say(found, rows.length > MOST ? `The first ${MOST} of ${many}: filter to find others.` : rows.length ? many : text ? `No ${word} fits that filter.` : none(all));
    shown.hidden = rows.length === 0;
  }

  // Browsers let an address be written only so often: not at each key.
  function remember() {
    const kept = { filter: filter.value, sort: sort === what.sort ? "" : sort, [box?.name]: choice?.box.checked ? "1" : "" };
    draw();
    clearTimeout(written);
    written = setTimeout(() => history.replaceState(null, "", address + search(kept)), 300);
  }

  const look = async () => {
    all = await ask();
    draw();
  };
  signal.addEventListener("abort", () => clearTimeout(written));
  watch(signal, place, look, what.every);
  return { look, parts: [h("div.bar", filter, choice?.element), place, found, shown] };
}
