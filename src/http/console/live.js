// Messages of a topic as they come. The list is bounded, and so is what waits while it is held.

import { messages, path, query as search, unshown } from "./api.js";
import { problem } from "./dialog.js";
import { field, fill, h, say, to } from "./dom.js";
import { count } from "./format.js";
import { rows, sheetOf } from "./message.js";
import { filters, partitionChoice } from "./messages.js";

/** Messages in the list, and such as wait. */
const MOST = 200;

/** The list of what came, the newest first, and what waits while it is held. */
function board(name) {
  let [waiting, isHeld, isOld, words, dropped, seen, drawn] = [[], false, false, "Connecting…", 0, 0, 0];
  const [status, counts, body] = [h("span", { role: "status" }), h("span"), h("tbody")];
  const empty = h("p.empty", "Nothing yet. What is produced from now on comes here.");
  const list = sheetOf("Messages as they come, the newest first", true, body);

  function tell(text = words) {
    words = text;
    const waits = isHeld && waiting.length > 0 ? ` ${count(waiting.length, "message waits", "messages wait")}.` : "";
    const lost = dropped > 0 ? ` ${count(dropped, "message")} came too fast to be shown.` : "";
    say(status, isHeld ? "Paused." : words);
    say(counts, ` ${count(seen, "message")} came.${waits}${lost}`);
  }

  function draw() {
    drawn = 0;
    if (!isHeld && isOld) {
      fill(body);
      isOld = false;
    }
    if (!isHeld && waiting.length > 0) {
      const fresh = waiting.splice(0).map((one) => rows(name, one, true).parts).reverse();
      body.prepend(...fresh.flat());
      while (body.childElementCount > 2 * MOST) body.lastElementChild.remove();
    }
    empty.hidden = body.hasChildNodes();
    list.hidden = !empty.hidden;
    tell();
  }

  // One drawing for all that came meanwhile; a page that is not seen draws nothing.
  const soon = () => (drawn ||= requestAnimationFrame(draw));

  function came(message) {
    seen += 1;
    waiting.push(message);
    if (waiting.length > MOST) {
      waiting.shift();
      dropped += 1;
    }
    soon();
  }

  function clear() {
    fill(body);
    [waiting, dropped, seen] = [[], 0, 0];
    draw();
  }

  /** Offsets of another topic are not those of this one: what came of it goes, unless somebody holds it to look at it. */
  function anew() {
    [waiting, dropped, seen, isOld] = [[], 0, 0, true];
    tell("Listening. The topic was deleted and made anew: what had come of the old one is not shown any more.");
    soon();
  }

  function turn() {
    isHeld = !isHeld;
    hold.textContent = isHeld ? "Resume" : "Pause";
    soon();
  }

  const hold = h("button.primary", { click: turn }, "Pause");
  const bar = h("div.pager", h("p.note", status, counts), h("div.actions", h("button", { click: clear }, "Clear"), hold));
  draw();
  return { bar, parts: [empty, list], tell, came, anew, end: () => cancelAnimationFrame(drawn) };
}

/** Listens until the view is left; what is wrong stands in `wrong`. */
function listen(name, values, signal, { tell, came, anew, end }, wrong) {
  const source = new EventSource(path("topics", name, "tail") + search(values));
  // A piece that was lost is told again from its beginning.
  let [seen, isLost] = [[], false];
  const fresh = (one) => {
    if (seen[one.partition] >= one.offset) return;
    seen[one.partition] = one.offset;
    came(one);
  };
  source.addEventListener("open", () => tell(isLost ? "Listening again." : "Listening."));
  source.addEventListener("message", (event) => fresh(JSON.parse(event.data)));
  source.addEventListener("skipped", (event) => {
    const { partition, next_offset: next, error } = JSON.parse(event.data);
    fresh(unshown(next, error, partition));
  });
  // Whoever deleted the topic while the connection was lost has made another one by its name.
  source.addEventListener("anew", () => {
    seen = [];
    anew();
  });
  source.addEventListener("error", async (event) => {
    // The broker's own word for the end of it has data; a connection that is lost has not.
    if (event.data !== undefined) {
      source.close();
      const { error, code } = JSON.parse(event.data);
      if (code === "UNKNOWN_TOPIC_OR_PARTITION") return tell("It has ended: the topic was deleted.");
      tell("It has ended.");
      fill(wrong, problem({ message: error, code }));
    } else if (source.readyState !== EventSource.CLOSED) {
      isLost = true;
      tell("The connection is lost and tried again; what comes meanwhile comes then.");
    } else {
      tell("It was refused.");
      // An event source does not say why; who reads with the same filter is told.
      const why = await messages(name, { ...values, limit: 1 }, signal).then(() => null, (reason) => reason);
      if (why && !signal.aborted) fill(wrong, problem(why));
    }
  });
  signal.addEventListener("abort", () => {
    source.close();
    end();
  });
}

export function live({ name, topic, query, signal }) {
  const partition = partitionChoice(topic, query.get("partition"));
  const filter = filters(query);
  const values = () => ({ partition: partition.value, ...filter.values() });
  const [wrong, shown] = [h("div"), board(name)];
  listen(name, { ...values(), partition: partition.value === "all" ? "" : partition.value }, signal, shown, wrong);
  const submit = () => {
    const there = to("topics", name, "live") + search(values());
    // The same again is listened to again, as after an end.
    if (location.hash === there) dispatchEvent(new Event("hashchange"));
    location.hash = there;
  };
  return [
    h("form.seek", { submit, "aria-label": "Which messages" }, h("div.fields", field("Partition", partition), h("button", { type: "submit" }, "Listen anew")), filter.element),
    shown.bar, wrong, shown.parts,
  ];
}
