// Messages of a topic as they come. The list is bounded, and so is what waits while it is held.

import { messages, path, query as search } from "./api.js";
import { problem } from "./dialog.js";
import { field, fill, h, say, to } from "./dom.js";
import { count } from "./format.js";
import { heads, rows } from "./message.js";
import { filters, partitionChoice } from "./messages.js";

/** Messages in the list, and such as wait. */
const MOST = 200;

export function live(context) {
  const { name, topic, query, signal } = context;
  const partition = partitionChoice(topic, query.get("partition"));
  const filter = filters(query);
  const state = { held: false, waiting: [], dropped: 0, seen: 0, drawn: 0, words: "Connecting…", isLost: false };
  const [status, counts, wrong, body] = [h("span", { role: "status" }), h("span"), h("div"), h("tbody")];
  const empty = h("p.empty", "Nothing yet. What is produced from now on comes here.");
  const hold = h("button.primary", { click: () => toggle() }, "Pause");
  const clear = h("button", { click: () => empties() }, "Clear");
  const list = h("table.messages", { hidden: true }, h("caption.unseen", "Messages as they come, the newest first"), h("thead", h("tr", heads(true))), body);

  function tell() {
    const waits = state.held && state.waiting.length > 0 ? ` ${count(state.waiting.length, "message waits", "messages wait")}.` : "";
    const lost = state.dropped > 0 ? ` ${count(state.dropped, "message")} came too fast to be shown.` : "";
    say(status, state.held ? "Paused." : state.words);
    say(counts, ` ${count(state.seen, "message")} came.${waits}${lost}`);
  }

  function draw() {
    state.drawn = 0;
    if (!state.held && state.waiting.length > 0) {
      const fresh = state.waiting.splice(0).map((one) => rows(name, one, true).parts).reverse();
      body.prepend(...fresh.flat());
      while (body.childElementCount > 2 * MOST) body.lastElementChild.remove();
      [empty.hidden, list.hidden] = [true, false];
    }
    tell();
  }

  // One drawing for all that came meanwhile; a page that is not seen draws nothing.
  const soon = () => (state.drawn ||= requestAnimationFrame(draw));

  function came(event) {
    state.seen += 1;
    state.waiting.push(JSON.parse(event.data));
    if (state.waiting.length > MOST) {
      state.waiting.shift();
      state.dropped += 1;
    }
    soon();
  }

  function toggle() {
    state.held = !state.held;
    hold.textContent = state.held ? "Resume" : "Pause";
    soon();
  }

  function empties() {
    fill(body);
    Object.assign(state, { waiting: [], dropped: 0, seen: 0 });
    [empty.hidden, list.hidden] = [false, true];
    tell();
  }

  const values = { ...filter.values(), partition: partition.value === "all" ? "" : partition.value };
  const source = new EventSource(path("topics", name, "tail") + search(values));
  const words = (text) => {
    state.words = text;
    tell();
  };
  source.addEventListener("open", () => words(state.isLost ? "Listening again. What came while the connection was lost is missing here." : "Listening."));
  source.addEventListener("message", came);
  source.addEventListener("error", async (event) => {
    // The broker's own word for the end of it has data; a connection that is lost has not.
    if (event.data !== undefined) {
      source.close();
      words("It has ended.");
      const { error, code } = JSON.parse(event.data);
      fill(wrong, problem({ message: error, code }));
    } else if (source.readyState !== EventSource.CLOSED) {
      state.isLost = true;
      words("The connection is lost and tried again; what comes meanwhile is missed.");
    } else {
      words("It was refused.");
      // An event source does not say why; who reads with the same filter is told.
      const why = await messages(name, { ...values, limit: 1 }, signal).then(() => null, (reason) => reason);
      if (why && !signal.aborted) fill(wrong, problem(why));
    }
  });
  signal.addEventListener("abort", () => {
    source.close();
    cancelAnimationFrame(state.drawn);
  });

  const submit = () => (location.hash = to("topics", name, "live") + search({ partition: partition.value, ...filter.values() }));
  tell();
  return [
    h("form.seek", { submit, "aria-label": "Which messages" }, h("div.fields", field("Partition", partition), h("button", { type: "submit" }, "Show")), filter.element),
    h("div.pager", h("p.note", status, counts), h("div.actions", clear, hold)),
    wrong, empty, list,
  ];
}
