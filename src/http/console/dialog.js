// What stands in front of the page for a while: questions, and word of what was done.

import { field, fill, h, id } from "./dom.js";

/** How long a word of what was done stays. */
const STAYS = 8000;

/** Says what was done, with a link to it. */
export function toast(text, link) {
  const note = h("p", text, link && [" ", h("a", { href: link.href }, link.text)]);
  const place = document.getElementById("toasts");
  // What stands in front of the page covers what does not stand in it.
  (document.querySelector("dialog[open]") ?? document.body).append(place);
  if (place.childElementCount > 2) place.firstElementChild.remove();
  place.append(note);
  setTimeout(() => note.remove(), STAYS);
}

/** What went wrong, in a place that is read aloud. */
export const problem = (why) =>
  h("p.problem", { role: "alert" }, why.message, why.code && [" ", h("code", why.code)]);

/** The same, with a way to try again. */
export const failure = (why, again) => h("div.failure", problem(why), again && h("button", { click: again }, "Try again"));

/** Says what is wrong with something that is looked at again and again; once, not each time. */
export function complain(place, why) {
  if (place.querySelector(".problem")?.firstChild.textContent !== why.message) fill(place, problem(why));
}

/** Opens a dialog; it is gone when it closes, and the focus is back where it was. */
export function open(title, ...parts) {
  const name = id();
  const close = h("button.quiet", { "aria-label": "Close", click: () => box.close() }, "✕");
  const box = h("dialog", { "aria-labelledby": name }, h("header.title", h("h2", { id: name }, title), close), parts);
  box.addEventListener("close", () => {
    document.body.append(document.getElementById("toasts"));
    box.remove();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * Asks for something and has it done. `run` does it; what it throws is shown, and the dialog stays.
 * `confirm` is a text that must be typed first.
 */
export function ask({ title, body, action, danger, confirm, run, more = [] }) {
  const wrong = h("div");
  const submit = h(danger ? "button.danger" : "button.primary", { type: "submit" }, action);
  const cancel = h("button", { click: () => box.close() }, "Cancel");
  const typed = confirm !== undefined && h("input", { autocomplete: "off", autofocus: true, input: () => (submit.disabled = typed.value !== confirm) });
  submit.disabled = Boolean(typed);
  const question = typed && field(["Type ", h("code.data", confirm), " to confirm"], typed);
  const doing = (work) => async () => {
    submit.disabled = true;
    fill(wrong);
    try {
      await work();
      box.close();
    } catch (why) {
      fill(wrong, problem(why));
      submit.disabled = false;
    }
  };
  const others = more.map((one) => h("button", { click: doing(one.run) }, one.action));
  const form = h("form", { submit: () => doing(run)() }, body, question, wrong, h("div.actions", others, cancel, submit));
  const box = open(title, form);
}

/** Copies a text; where the browser does not let a page do that, it is there to be taken. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    const area = h("textarea", { readonly: true, rows: "8", "aria-label": "The text", autofocus: true }, text);
    open("Copy this", area);
    area.select();
  }
}
