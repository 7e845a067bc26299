// The broker's REST endpoints, as the page asks them. What they refuse becomes a Problem with their own sentence.

/** Why something was refused: the broker's sentence, its code and status. */
export class Problem extends Error {
  constructor(text, code, status) {
    super(text);
    this.code = code;
    this.status = status;
  }
}

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
    throw new Problem("The broker does not answer.", "UNREACHABLE", 0);
  }
}

async function problem(answer) {
  const text = await answer.text();
  try {
    const { error, code } = JSON.parse(text);
    return new Problem(error, code, answer.status);
  } catch {
    return new Problem(`The answer has status ${answer.status}.`, "UNREADABLE", answer.status);
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

const number = (answer, name) => {
  const text = answer.headers.get(name);
  return text === null ? null : Number(text);
};

/** Messages of one partition, where to go on, and where it ends. One that cannot be shown stands there with the reason. */
export async function messages(topic, values, signal) {
  const answer = await send(path("topics", topic, "messages") + query(values), { signal });
  const [next, end] = [number(answer, "X-Next-Offset"), number(answer, "X-End-Offset")];
  if (answer.ok) return { messages: await answer.json(), next, end };
  const why = await problem(answer);
  if (why.code !== "TOO_LARGE_TO_SHOW" || next === null) throw why;
  return { messages: [{ offset: next - 1, timestamp: -1, key: null, value: null, unshown: why.message }], next, end };
}

/** Asks again and again while the page is seen, and never for more than a tenth of the time. */
export function watch(signal, every, look, failed) {
  let timer;
  const again = (took) => {
    if (!signal.aborted) timer = setTimeout(go, Math.max(every, 10 * took));
  };
  const go = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    const from = performance.now();
    try {
      await look();
    } catch (why) {
      if (signal.aborted || why.name === "AbortError") return;
      failed(why);
    }
    again(performance.now() - from);
  };
  const seen = () => document.hidden || go();
  document.addEventListener("visibilitychange", seen, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  return go();
}
