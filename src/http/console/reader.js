// Finds the messages of a page: on from an offset, or back from one, through what does not fit a filter. It asks for a
// bounded number of pieces; where that was not enough it says how far it came.

import { messages } from "./api.js";

/** Messages that are asked for at once. */
const PIECE = 1000;
/** Pieces of one look. */
const PIECES = 20;
/** Offsets that one step back looks at. */
const WIDEST = 50_000;
/** Partitions that are looked at for one list. */
export const MOST_PARTITIONS = 64;
/** And of those at a time. */
const AT_ONCE = 4;
/** How far clocks may differ: as far as brokers usually take messages from the future. */
const HOUR = 3_600_000;

/** Characters of one look, of all partitions: a page that takes in much more is too large for its browser. */
const ROOM = 64 << 20;

/** What is looked for: { topic, limit, filter, signal, room }. A range is a partition with its first offset and end. */

/** One piece from an offset on; there is so much less room for others. */
async function piece(wanted, { partition }, offset, most) {
  const part = await messages(wanted.topic, { partition, offset, limit: Math.min(PIECE, most), ...wanted.filter }, wanted.signal);
  wanted.room -= part.size;
  return part;
}

/** The first messages from an offset on. */
async function forward(wanted, range, from) {
  const { limit } = wanted;
  const found = [];
  let [at, end] = [from, range.end_offset];
  for (let pieces = 0; pieces < PIECES && found.length < limit && wanted.room > 0; pieces += 1) {
    const part = await piece(wanted, range, at, limit - found.length);
    found.push(...part.messages);
    end = part.end ?? end;
    if (part.next <= at) break;
    at = part.next;
    if (at >= end) break;
  }
  return page(found, range, from, at, end);
}

/** The last messages before an offset. */
async function backward(wanted, range, before) {
  const { limit } = wanted;
  let [found, to, width, pieces, end] = [[], before, limit, 0, range.end_offset];
  let next = to;
  const isOn = () => pieces < PIECES && wanted.room > 0;
  while (found.length < limit && to > range.start_offset && isOn()) {
    const from = Math.max(range.start_offset, to - width);
    const all = [];
    let at = from;
    for (; at < to && isOn(); pieces += 1) {
      const part = await piece(wanted, range, at, to - at);
      // A batch that cannot be shown may end behind it.
      all.push(...part.messages.filter((one) => one.offset < to || (one.unshown && to === next)));
      end = part.end ?? end;
      at = part.next > at ? part.next : to;
    }
    if (at < to) {
      // Not all of this step was looked at: it counts only where it was the first.
      if (to === next) [found, to, next] = [all, from, at];
      break;
    }
    found = all.concat(found);
    to = from;
    width = Math.min(WIDEST, width * 4);
  }
  const shown = found.slice(-limit);
  const first = found.length > limit ? shown[0].offset : to;
  return page(shown, range, first, Math.min(next, end), end);
}

/** From the first message that is not older than a time. */
async function since(wanted, range, timestamp) {
  const { messages: [one], next } = await messages(wanted.topic, { partition: range.partition, timestamp, limit: 1 }, wanted.signal);
  return forward(wanted, range, one ? one.offset : next);
}

/** A partition that an address does not know begins where it begins; one that has lost that offset since, at the nearest. */
function look(wanted, range, kind, at) {
  const { start_offset: start, end_offset: end } = range;
  const near = (usual) => Math.min(Math.max(at ?? usual, start), end);
  if (kind === "oldest") return forward(wanted, range, start);
  if (kind === "offset") return forward(wanted, range, near(start));
  if (kind === "before") return backward(wanted, range, near(end));
  if (kind === "time") return since(wanted, range, at);
  return backward(wanted, range, end);
}

/** `first` to `next` was looked at. */
function page(found, range, first, next, end) {
  const { partition, start_offset: start } = range;
  return { messages: found.map((one) => ({ ...one, partition })), first, next, start, end };
}

/**
 * Pages of several partitions together, by time: of each partition the last of what was found, or the first, in its own order. So
 * its part of the page ends somewhere, and the next page goes on there. A message whose time is out of order keeps nothing back.
 */
export async function together(asked, ranges, kind, at, isBack) {
  const wanted = { ...asked, room: ROOM };
  const waiting = [...ranges.slice(0, MOST_PARTITIONS).entries()];
  const [pages, found] = [[], []];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) pages[next[0]] = await look(wanted, next[1], kind, at.length === 1 ? at[0] : at[next[0]]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const way = isBack ? 1 : -1;
  const now = Date.now() + HOUR;
  const left = pages.map(({ messages }) => {
    const all = isBack ? messages : messages.toReversed();
    // What has no time, or one that cannot be, is as old as its neighbour.
    const isTime = ({ timestamp: at }) => at >= 0 && at <= now;
    let rank = way * (all.find(isTime)?.timestamp ?? 0);
    return all.map((one) => ({ one, rank: (rank = isTime(one) ? Math.max(rank, way * one.timestamp) : rank) }));
  });
  const rank = (rest) => rest.at(-1)?.rank ?? -Infinity;
  while (found.length < wanted.limit && left.some((rest) => rest.length > 0)) {
    found.push(left.reduce((best, rest) => (rank(rest) > rank(best) ? rest : best)).pop().one);
  }
  const cut = (page, rest) => {
    if (rest.length === 0) return page;
    const { offset } = rest.at(-1).one;
    return isBack ? { ...page, first: offset + 1 } : { ...page, next: offset };
  };
  return { isCut: wanted.room <= 0, messages: isBack ? found.reverse() : found, pages: pages.map((page, nth) => cut(page, left[nth])) };
}
