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

/** What is looked for: { topic, limit, filter, signal }. A range is a partition with its first offset and end. */

/** The first messages from an offset on. */
export async function forward(wanted, range, from) {
  const { topic, limit, filter, signal } = wanted;
  const found = [];
  let [at, end] = [from, range.end_offset];
  for (let pieces = 0; pieces < PIECES && found.length < limit; pieces += 1) {
    const values = { partition: range.partition, offset: at, limit: Math.min(PIECE, limit - found.length), ...filter };
    const part = await messages(topic, values, signal);
    found.push(...part.messages);
    end = part.end ?? end;
    if (part.next <= at) break;
    at = part.next;
    if (at >= end) break;
  }
  return page(found, range, from, at, end);
}

/** The last messages before an offset. */
export async function backward(wanted, range, before) {
  const { limit } = wanted;
  let [found, to, width, pieces, end] = [[], Math.max(before, range.start_offset), limit, 0, range.end_offset];
  let next = to;
  while (found.length < limit && to > range.start_offset && pieces < PIECES) {
    const from = Math.max(range.start_offset, to - width);
    const all = [];
    let at = from;
    for (; at < to && pieces < PIECES; pieces += 1) {
      const values = { partition: range.partition, offset: at, limit: Math.min(PIECE, to - at), ...wanted.filter };
      const part = await messages(wanted.topic, values, wanted.signal);
      all.push(...part.messages.filter((one) => one.offset < to));
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
export async function since(wanted, range, time) {
  const { topic, filter, signal } = wanted;
  const values = { partition: range.partition, timestamp: time, limit: 1 };
  const { messages: [one], next } = await messages(topic, values, signal);
  return forward(wanted, range, one ? one.offset : next);
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
export async function together(wanted, ranges, look, isBack) {
  const waiting = [...ranges.slice(0, MOST_PARTITIONS).entries()];
  const [pages, found] = [[], []];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) pages[next[0]] = await look(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const way = isBack ? 1 : -1;
  const left = pages.map(({ messages }) => {
    let rank = -Infinity;
    return (isBack ? messages : messages.toReversed()).map((one) => ({ one, rank: (rank = Math.max(rank, way * one.timestamp)) }));
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
  return { messages: isBack ? found.reverse() : found, pages: pages.map((page, nth) => cut(page, left[nth])) };
}
