// How numbers, times and texts are written for people.

const NUMBER = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const number = (value) => NUMBER.format(value);

/** One of it, or many. */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  for (; value >= 1024 && at < units.length - 1; at += 1) value /= 1024;
  return `${SHORT.format(value)} ${units[at]}`;
}

/** So many in a second. */
export const rate = (value) => `${value >= 100 ? number(Math.round(value)) : SHORT.format(value)}/s`;

/** A time on this machine's clock; none is told where a message has none. */
export function time(ms) {
  if (!(ms >= 0)) return "no time";
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return Number.isNaN(local.getTime()) ? `${ms} ms` : local.toISOString().replace("T", " ").replace("Z", "");
}

/** The same as a field for a time wants it. */
export const timeField = (ms) => time(ms).replace(" ", "T");

export function duration(seconds) {
  const [s, min, h, d] = [1, 60, 3600, 86400].map((size) => Math.floor(seconds / size));
  const parts = [[d, "d"], [h % 24, "h"], [min % 60, "min"], [s % 60, "s"]];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2).filter(([value]) => value > 0);
  return shown.map(([value, unit]) => `${value} ${unit}`).join(" ");
}

export const ago = (ms, now) => (ms > 0 ? `${duration(Math.max(0, (now - ms) / 1000))} ago` : "never");

/**
 * JSON with its lines broken, or nothing if it is none. The text is set anew and not read and written: numbers keep all
 * their digits, names that are there twice stay.
 */
export function pretty(text) {
  try {
    const value = JSON.parse(text);
    if (value === null || typeof value !== "object") return null;
  } catch {
    return null;
  }
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  const set = (token) => {
    if (/^[{[]\s*[}\]]$/.test(token)) return token[0] + token.at(-1);
    if ("{[".includes(token)) {
      depth += 1;
      return token + line();
    }
    if ("}]".includes(token)) {
      depth -= 1;
      return line() + token;
    }
    if (token === ",") return token + line();
    return token === ":" ? ": " : token;
  };
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|\{\s*\}|\[\s*\]|[{}[\],:]|[^\s"{}[\],:]+/g) ?? [];
  return tokens.map(set).join("");
}

/** The beginning of a text on one line, with signs for what would not be seen. */
export function glimpse(text, most = 300) {
  const begin = text.length > most ? `${text.slice(0, most)}…` : text;
  return begin.replace(/\s+/g, " ").replace(/[\u0000-\u001f]/g, (char) => String.fromCharCode(0x2400 + char.charCodeAt(0)));
}

/** Bytes of a text, or of what a text in base64 stands for. */
export function size(text, encoding) {
  if (text === null) return 0;
  if (encoding !== "base64") return new TextEncoder().encode(text).length;
  return Math.floor((text.replace(/=+$/, "").length * 3) / 4);
}

/** The bytes of a text in base64. */
export const base64 = (text) => btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));

/** A word of a shell's command line. */
export const quote = (text) => (/^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`);
