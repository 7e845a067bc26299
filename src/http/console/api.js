// The broker's REST endpoints, as the page asks them. What they refuse becomes an error with their own sentence.

import { complain } from "./dialog.js";
import { fill } from "./dom.js";

/** Why something was refused: the broker's sentence, and its code. */
const refusal = (text, code) => Object.assign(new Error(text), { code });

let tell = () => {};

/** Has it told whether the broker answers at all. */
export function onReach(told) {
  tell = told;
}

/** A path of these parts, whatever is in them. */
export const path = (...parts) => `/v1/${parts.map(encodeURIComponent).join("/")}`;

/** What stands behind "?", without what is empty. */
export function query(values) {
  const pairs = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(pairs).toString();
  return text ? `?${text}` : "";
}

async function send(at, { method = "GET", body, signal } = {}) {
  const headers = method === "GET" ? {} : { "Content-Type": "application/json" };
  const text = body === undefined ? undefined : JSON.stringify(body);
  try {
    const answer = await fetch(at, { method, headers, body: text, signal, cache: "no-store" });
    tell(true);
    return answer;
  } catch (why) {
    if (why.name === "AbortError") throw why;
    tell(false);
    throw refusal("The broker does not answer.", "UNREACHABLE");
  }
}

async function problem(answer) {
  const text = await answer.text();
  try {
    const { error, code } = JSON.parse(text);
    return refusal(error, code);
  } catch {
    return refusal(`The answer has status ${answer.status}.`, "UNREADABLE");
  }
}

/** Asks, or has something done; gives the JSON that comes back. */
export async function ask(at, options) {
  const answer = await send(at, options);
  if (!answer.ok) throw await problem(answer);
  return answer.json();
}

/** The health of the broker; that it is not well is an answer too. */
export async function health(signal) {
  const answer = await send("/healthz", { signal });
  return answer.json();
}

/** What cannot be shown, with the reason, at its last offset. */
export const unshown = (next, why, partition) => ({ partition, offset: next - 1, timestamp: -1, key: null, value: null, unshown: why });

/** Messages of one partition, where to go on, and where it ends. */
export async function messages(topic, values, signal) {
  const answer = await send(path("topics", topic, "messages") + query(values), { signal });
  const [next, end] = ["X-Next-Offset", "X-End-Offset"].map((name) => (answer.headers.has(name) ? Number(answer.headers.get(name)) : null));
  if (answer.ok) {
    const text = await answer.text();
    return { messages: JSON.parse(text), next, end, size: text.length };
  }
  const why = await problem(answer);
  if (why.code !== "TOO_LARGE_TO_SHOW" || next === null) throw why;
  return { messages: [unshown(next, why.message)], next, end, size: 0 };
}

/** How often it is looked at what may change. */
const EVERY = 2000;

/** Looks again and again while the page is seen, and never for more than a tenth of the time. What goes wrong stands in `place`. */
export function watch(signal, place, look, every = EVERY) {
  let timer;
  const go = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    const from = performance.now();
    try {
      await look();
      fill(place);
    } catch (why) {
      if (signal.aborted || why.name === "AbortError") return;
      complain(place, why);
    }
    if (!signal.aborted) timer = setTimeout(go, Math.max(every, 10 * (performance.now() - from)));
  };
  const seen = () => document.hidden || go();
  document.addEventListener("visibilitychange", seen, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  return go();
}
