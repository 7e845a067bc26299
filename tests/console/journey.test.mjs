// What a new user does with the console, from an empty broker to a topic that is gone again: each test goes on where the last one was.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openPage, run, startBroker, startBrowser, until } from "./harness.mjs";

let [broker, browser, tab, page] = [];

before(async () => {
  [broker, browser] = await Promise.all([startBroker(), startBrowser()]);
  tab = await openPage(browser, broker);
  page = tab.page;
});
after(async () => {
  await browser?.close();
  await broker?.stop();
});

const button = (name) => page.getByRole("button", { name, exact: true });
const dialog = () => page.getByRole("dialog");
const text = (words) => page.getByText(words);

test("a new broker says how to begin, and a topic is made", async () => {
  await tab.go("");
  await text("No topics yet").waitFor();
  assert.ok(broker.log().includes(`at=${broker.at}/`), broker.log());
  await button("New topic").click();
  await dialog().getByLabel("Name").fill("or/ders");
  tab.expect(/400 \(Bad Request\).*\/v1\/topics$/);
  await dialog().getByRole("button", { name: "Create" }).click();
  await dialog().getByRole("alert").getByText("INVALID_TOPIC_EXCEPTION").waitFor();
  await dialog().getByLabel("Name").fill("orders");
  await dialog().getByLabel("Partitions").fill("2");
  await dialog().getByText("More settings").click();
  await dialog().getByLabel("Settings", { exact: true }).fill("retention.ms = 7200000\nmax.message.bytes=2000000");
  await dialog().getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "orders" }).waitFor();
  await text("2 partitions · 0 messages · 0 B").waitFor();
  assert.equal(new URL(page.url()).hash, "#/topics/orders");
  tab.calm();
});

test("what is produced is there to be read", async () => {
  await page.getByRole("link", { name: "Produce" }).click();
  await page.getByRole("button", { name: "Produce", exact: true }).click();
  await page.getByRole("alert").getByText("The value is empty.").waitFor();
  assert.ok(await page.getByLabel("No key (null)").isChecked());
  await page.getByLabel("Key", { exact: true }).fill("k-1");
  assert.ok(!(await page.getByLabel("No key (null)").isChecked()), "who writes a key has one");
  // More digits than a number of JavaScript has, and a name that is there twice.
  await page.getByLabel("Value", { exact: true }).fill('{"id":12345678901234567890,"a":[],"a":[1,{"b":null}]}');
  await text("This is JSON.").waitFor();
  await button("Add a header").click();
  await page.getByLabel("Header's name").fill("trace");
  await page.getByLabel("Header's value", { exact: true }).fill("t-1");
  await page.getByLabel("Partition").selectOption("1");
  await button("Produce").click();
  await text("Written to partition 1 at offset 0.").waitFor();
  await text("2 partitions · 1 message ·").waitFor();
  await page.getByRole("link", { name: "Show it" }).click();
  const value = page.getByRole("group", { name: "Value" });
  await value.waitFor();
  assert.equal(await value.textContent(), '{\n  "id": 12345678901234567890,\n  "a": [],\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ]\n}');
  await button("As it was sent").click();
  assert.equal(await value.textContent(), '{"id":12345678901234567890,"a":[],"a":[1,{"b":null}]}');
  assert.equal(await page.getByRole("group", { name: "Key" }).textContent(), "k-1");
  assert.equal(await page.locator(".headers tbody").textContent(), "tracet-1");
  await button("Copy value").click();
  await text("Copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), '{"id":12345678901234567890,"a":[],"a":[1,{"b":null}]}');
  tab.calm();
});

test("a message is a command of kcat and of curl", async () => {
  await button("As a command").click();
  const commands = dialog().locator("pre");
  await commands.nth(2).waitFor();
  const [kcat, curl, again] = await commands.allTextContents();
  const said = await run("bash", ["-c", kcat]);
  assert.match(said.stdout, /^orders \[1\] at 0, \d+ ms: key k-1, value \{"id":12345678901234567890,.*, headers trace=t-1\n$/);
  const [read] = JSON.parse((await run("bash", ["-c", curl])).stdout);
  assert.deepEqual([read.offset, read.key, read.headers], [0, "k-1", [{ key: "trace", value: "t-1" }]]);
  const sent = JSON.parse((await run("bash", ["-c", again])).stdout);
  assert.deepEqual([sent.partition, sent.base_offset], [1, 1]);
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
  tab.calm();
});

test("a message is edited and sent anew", async () => {
  await page.getByRole("link", { name: "Edit and resend" }).click();
  const value = page.getByLabel("Value", { exact: true });
  await value.waitFor();
  assert.equal(await page.getByLabel("Key", { exact: true }).inputValue(), "k-1");
  assert.equal(await page.getByLabel("Header's value", { exact: true }).inputValue(), "t-1");
  await value.fill("anew");
  await button("Produce").click();
  await text("Written to partition 1 at offset 2.").waitFor();
  const { offset, key, value: told, headers } = (await (await fetch(`${broker.at}/v1/topics/orders/messages?partition=1&offset=2`)).json())[0];
  assert.deepEqual({ offset, key, told, headers }, { offset: 2, key: "k-1", told: "anew", headers: [{ key: "trace", value: "t-1" }] });
  await page.getByLabel("Value is", { exact: true }).selectOption("base64");
  await page.getByLabel("Header's value is").selectOption("null");
  await value.fill("no base64");
  tab.expect(/400 \(Bad Request\).*\/messages$/);
  await button("Produce").click();
  await page.getByRole("alert").getByText("A text that is to be base64 is not").waitFor();
  await value.fill("/wA=");
  await button("Produce").click();
  await text("Written to partition 1 at offset 3.").waitFor();
  const [bytes] = await (await fetch(`${broker.at}/v1/topics/orders/messages?partition=1&offset=3`)).json();
  assert.deepEqual([bytes.value, bytes.value_encoding, bytes.headers], ["/wA=", "base64", [{ key: "trace", value: null }]]);
  await page.getByLabel("Tombstone (null)").check();
  await page.getByLabel("Time", { exact: true }).fill("2021-02-03T04:05:06.007");
  await button("Produce").click();
  await text("Written to partition 1 at offset 4.").waitFor();
  await page.getByRole("link", { name: "Show it" }).click();
  await text("There is no value: a tombstone").waitFor();
  await page.locator(".detail").getByText("2021-02-03 04:05:06.007").waitFor();
  tab.calm();
});

test("pages go both ways, with and without a filter, and have addresses", async () => {
  const start = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
  const messages = Array.from({ length: 240 }, (_, at) => ({ key: `k${at}`, value: JSON.stringify({ at, kind: at % 40 === 0 ? "rare" : "usual" }), partition: 0, timestamp: start + at * 1000 }));
  await broker.send("/v1/topics/orders/messages", { messages });
  const offsets = async () => (await page.locator(".toggle").allTextContents()).map((each) => Number(each.replace(/\D/g, "")));
  const shows = (first, last) => until(page, ([from, to]) => {
    const all = [...document.querySelectorAll(".toggle")].map((each) => each.textContent.replace(/\D/g, ""));
    return all[0] === from && all.at(-1) === to;
  }, [String(first), String(last)]);
  await tab.go("#/topics/orders/messages?partition=0&limit=50");
  await shows(239, 190);
  await button("Older").first().press("Enter");
  await shows(189, 140);
  assert.equal((await offsets()).length, 50);
  await until(page, () => document.activeElement.textContent === "Older");
  await page.reload();
  await shows(189, 140);
  await page.goBack();
  await shows(239, 190);
  await page.goForward();
  await button("Newer").first().click();
  await shows(239, 190);
  await button("Oldest").first().click();
  await shows(0, 49);
  await button("Newer").first().click();
  await shows(50, 99);
  await button("Older").first().click();
  await shows(0, 49);
  await text("Filter").first().click();
  await page.getByLabel("JSON path").fill("$.kind=rare");
  await page.getByLabel("Messages", { exact: true }).selectOption("10");
  await page.getByLabel("From").selectOption("newest");
  await button("Show").click();
  await shows(200, 0);
  assert.deepEqual(await offsets(), [200, 160, 120, 80, 40, 0]);
  await page.getByLabel("JSON path").fill("$.at=17");
  await button("Show").click();
  await shows(17, 17);
  await page.getByLabel("JSON path").fill("$..at");
  tab.expect(/400 \(Bad Request\).*\/messages\?/);
  await button("Show").click();
  await page.getByRole("alert").getByText("BAD_REQUEST").waitFor();
  await page.getByLabel("JSON path").fill("");
  await page.getByLabel("From").selectOption("time");
  const local = await page.evaluate((ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 23), start + 100_000);
  await button("Show").click();
  assert.ok(!page.url().includes("time"), "no time is none to look for");
  await page.getByLabel("Time", { exact: true }).fill(local);
  await button("Show").click();
  await shows(100, 109);
  await page.getByLabel("From").selectOption("offset");
  await page.getByLabel("Offset", { exact: true }).fill("120");
  await button("Show").click();
  await shows(120, 129);
  // A row opens itself, and the address says so.
  await page.locator(".message .key").nth(2).click();
  await page.getByRole("group", { name: "Value" }).waitFor();
  await page.reload();
  await page.getByRole("group", { name: "Value" }).getByText('"at": 122').waitFor();
  await page.getByLabel("Partition").selectOption("all");
  await page.getByLabel("From").selectOption("newest");
  await button("Show").click();
  await text("10 messages of all partitions, by time.").waitFor();
  await until(page, () => document.querySelector(".message td").textContent === "1");
  tab.calm();
});

test("all partitions are paged together, and none that is not there is shown", async () => {
  await broker.send("/v1/topics", { name: "both", partitions: 3 });
  const start = Date.now() - 1_000_000;
  // Two partitions with messages by turns; each third of those of the second is older than the one before it.
  const messages = Array.from({ length: 60 }, (_, at) => ({ key: `k${at}`, value: `m${at}`, partition: at % 2, timestamp: start + (at % 6 === 5 ? at - 4 : at) * 1000 }));
  await tab.go("#/topics/both/messages");
  await text("There are no messages.").waitFor();
  assert.equal(await text("choose a partition").count(), 0);
  await broker.send("/v1/topics/both/messages", { messages });
  const values = () => page.locator(".message .value").allTextContents();
  const read = async (way, from) => {
    await tab.go(`#/topics/both/messages?at=${from}&limit=10&value=m`);
    const all = [];
    for (;;) {
      await until(page, () => document.querySelector(".page[aria-busy=false] .message"));
      const found = await values();
      all.push(found);
      if (await button(way).first().isDisabled()) return all;
      const before = page.url();
      await button(way).first().click();
      await until(page, ([url, first]) => location.href !== url && document.querySelector(".page[aria-busy=false] .message .value")?.textContent !== first, [before, found[0]]);
    }
  };
  const all = messages.map((one) => one.value);
  for (const [way, from] of [["Older", "newest"], ["Newer", "oldest"]]) {
    const pages = await read(way, from);
    assert.deepEqual(pages.map((one) => one.length), [10, 10, 10, 10, 10, 10], way);
    assert.deepEqual(pages.flat().toSorted(), all.toSorted(), `${way}: each of them once`);
  }
  const last = await values();
  await button("Older").first().click();
  await until(page, (first) => document.querySelector(".page[aria-busy=false] .message .value")?.textContent !== first, last[0]);
  assert.equal((await values()).filter((one) => last.includes(one)).length, 0);
  await tab.go("#/topics/both/messages?partition=99");
  await page.getByRole("alert").getByText("There is no partition 99.").waitFor();
  tab.calm();
});

/** Until a page of messages is there, its first one other than this. */
const turned = (first) => until(page, (old) => {
  const value = document.querySelector(".page[aria-busy=false] .message .value")?.textContent;
  return value && value !== old;
}, first);

test("all partitions together are in the order of time, whatever time one has", async () => {
  const configs = { "message.timestamp.after.max.ms": "9223372036854775807" };
  await broker.send("/v1/topics", { name: "timed", partitions: 2, configs });
  const start = Date.now() - 1_000_000;
  // One comes from the future, and one has no time: their neighbours stay where they are.
  const time = (at) => (at === 25 ? Date.UTC(2061, 0) : start + at * 1000);
  await broker.send("/v1/topics/timed/messages", { messages: Array.from({ length: 60 }, (_, at) => ({ value: `m${at}`, partition: at % 2, timestamp: time(at) })) });
  await page.route("**/timed/messages*", async (route) => {
    const response = await route.fetch();
    const json = (await response.json()).map((one) => (one.value === "m34" ? { ...one, timestamp: -1 } : one));
    await route.fulfill({ response, json });
  });
  const by = (way) => (one, other) => way * (Number(one.slice(1)) - Number(other.slice(1)));
  const all = Array.from({ length: 60 }, (_, at) => `m${at}`);
  for (const [way, button, from] of [[-1, "Older", "newest"], [1, "Newer", "oldest"]]) {
    const wanted = all.toSorted(by(way));
    await tab.go(`#/topics/timed/messages?at=${from}&limit=10`);
    let first = "";
    for (let at = 0; at < 60; at += 10) {
      await turned(first);
      const found = await page.locator(".message .value").allTextContents();
      const isWrong = found.some((one) => ["m25", "m34"].includes(one));
      assert.deepEqual(isWrong ? found.toSorted(by(way)) : found, wanted.slice(at, at + 10), button);
      first = found[0];
      if (at < 50) await page.getByRole("button", { name: button }).first().click();
    }
  }
  await page.unroute("**/timed/messages*");
  tab.calm();
});

test("an offset of all partitions is one of each, as far as it has one", async () => {
  await broker.send("/v1/topics", { name: "uneven", partitions: 3 });
  const lengths = [20, 3, 0];
  const messages = lengths.flatMap((length, partition) => Array.from({ length }, (_, at) => ({ value: `${partition}:${at}`, partition })));
  await broker.send("/v1/topics/uneven/messages", { messages });
  const values = async () => (await page.locator(".message .value").allTextContents()).toSorted();
  const wanted = (...ranges) => ranges.flatMap(([partition, from, to]) => Array.from({ length: to - from }, (_, at) => `${partition}:${from + at}`)).toSorted();
  for (const [at, ranges] of [["offset:5", [[0, 5, 20]]], ["offset:18", [[0, 18, 20]]], ["offset:18,1,7", [[0, 18, 20], [1, 1, 3]]], ["offset:19", [[0, 19, 20]]], ["offset:19,3", [[0, 19, 20]]], ["before:2,99,99", [[0, 0, 2], [1, 0, 3]]], ["before:1,1", [[0, 0, 1], [1, 0, 1]]]]) {
    await page.goto("about:blank");
    await tab.go(`#/topics/uneven/messages?at=${at}`);
    await turned("");
    assert.deepEqual(await values(), wanted(...ranges), at);
  }
  tab.calm();
});

test("pages go on as the address has it, not as the form has it meanwhile", async () => {
  await tab.go("#/topics/both/messages?partition=all&limit=10");
  await turned("");
  const first = await page.locator(".message .value").first().textContent();
  await page.getByLabel("Partition").selectOption("2");
  await page.getByLabel("Messages", { exact: true }).selectOption("50");
  await button("Older").first().click();
  await turned(first);
  assert.match(page.url(), /partition=all&limit=10&at=before%3A\d+%2C\d+%2C0&order=down$/);
  assert.equal(await page.locator(".message").count(), 10);
  assert.equal(await page.getByLabel("Partition").inputValue(), "all");
  await page.getByLabel("Partition").selectOption("1");
  await button("Refresh").first().press("Enter");
  await until(page, () => document.querySelector(".page[aria-busy=false]") && document.activeElement.textContent === "Refresh");
  await text("10 messages of all partitions").waitFor();
  // The address has the row that was opened last, until that one is closed.
  const row = (nth) => page.locator(".toggle").nth(nth);
  await row(0).click();
  assert.match(page.url(), /&open=/);
  await row(1).click();
  const url = page.url();
  await row(0).click();
  assert.equal(page.url(), url);
  await row(1).click();
  assert.ok(!page.url().includes("open="));
  // Who goes to the last page by keys is not lost.
  await tab.go("#/topics/both/messages?partition=0&at=before:12&limit=10");
  await turned("");
  await button("Older").first().press("Enter");
  await until(page, () => document.activeElement.matches(".page[aria-busy=false] .note"));
  await page.goto("about:blank");
  await tab.go("#/topics/both/messages?partition=0&at=before:1&limit=10");
  await page.getByRole("group", { name: "Value" }).waitFor();
  assert.ok(!page.url().includes("open="), "one alone is open by itself");
  tab.calm();
});

test("messages that are too large for one page together are not all read", async () => {
  await broker.send("/v1/topics", { name: "large", partitions: 8 });
  await broker.send("/v1/topics/large/messages", { messages: Array.from({ length: 8 }, (_, partition) => ({ value: "v", partition })) });
  let asked = 0;
  await page.route("**/large/messages*", async (route) => {
    asked += 1;
    const response = await route.fetch();
    await route.fulfill({ response, json: [{ offset: 0, timestamp: asked, key: null, value: "v".repeat(17 << 20) }] });
  });
  await tab.go("#/topics/large/messages");
  // A hundred megabytes take a busy machine a while.
  await text("not all partitions were looked at").waitFor({ timeout: 120_000 });
  assert.ok(asked < 8, `${asked} were asked for`);
  await page.unroute("**/large/messages*");
  tab.calm();
});

test("messages come as they are produced, and wait while it is paused", async () => {
  await tab.go("#/topics/orders/live");
  await text("Listening.").waitFor();
  const came = (value) => page.locator(".value").getByText(value, { exact: true });
  await broker.send("/v1/topics/orders/messages", { messages: [{ value: "first" }] });
  await came("first").waitFor();
  await button("Pause").click();
  await broker.send("/v1/topics/orders/messages", { messages: [{ value: "second" }, { value: "third" }] });
  await text("2 messages wait.").waitFor();
  assert.equal(await came("second").count(), 0);
  await button("Resume").click();
  await came("third").waitFor();
  const many = Array.from({ length: 700 }, (_, at) => ({ value: `many-${at}`, partition: 0 }));
  await broker.send("/v1/topics/orders/messages", { messages: many });
  await came("many-699").waitFor();
  assert.ok((await page.locator("tr.message").count()) <= 200, "the list has an end");
  await text("Filter").first().click();
  await page.getByLabel("Key contains").fill("only");
  await button("Listen anew").click();
  await text("Listening.").waitFor();
  await broker.send("/v1/topics/orders/messages", { messages: [{ key: "not this", value: "left out" }, { key: "only this", value: "let in" }] });
  await came("let in").waitFor();
  assert.equal(await came("left out").count(), 0);
  tab.expect(/400 \(Bad Request\).*\/(tail|messages)\?/);
  await page.getByLabel("JSON path").fill("nonsense");
  await button("Listen anew").click();
  await page.getByRole("alert").getByText("BAD_REQUEST").waitFor();
  tab.calm();
});

/** Which topic has a name now, and where it ends: the first that a tail tells. */
async function standing(name) {
  const reader = (await fetch(new URL(`/v1/topics/${name}/tail`, broker.at))).body.getReader();
  const [, topic, places] = /^id: ([^:]+):(.*)\n/.exec(new TextDecoder().decode((await reader.read()).value));
  await reader.cancel();
  return [topic, places];
}

test("a live view goes on where its connection was lost, and shows nothing twice", async () => {
  await broker.send("/v1/topics", { name: "lost", partitions: 1 });
  await broker.send("/v1/topics/lost/messages", { messages: ["shown", "missed"].map((value) => ({ value })) });
  const [topic, places] = await standing("lost");
  assert.equal(places, "2");
  let opened = 0;
  await page.route("**/tail*", (route) => {
    opened += 1;
    if (opened > 1) return route.continue();
    // It breaks off before the piece is told to its end.
    const shown = JSON.stringify({ partition: 0, offset: 0, timestamp: 1, key: null, value: "shown" });
    return route.fulfill({ contentType: "text/event-stream", body: `retry: 100\nid: ${topic}:0\n\ndata: ${shown}\n\n` });
  });
  await tab.go("#/topics/lost/live");
  await text("Listening again.").waitFor();
  await broker.send("/v1/topics/lost/messages", { messages: [{ value: "after" }] });
  for (const value of ["shown", "missed", "after"]) await page.locator(".value").getByText(value, { exact: true }).waitFor();
  assert.equal(await page.locator(".value").getByText("shown", { exact: true }).count(), 1);
  await page.unroute("**/tail*");
  tab.calm();
});

test("a live view begins anew with a topic that was made anew while its connection was lost, and says so", async () => {
  const make = async (values) => {
    await broker.send("/v1/topics", { name: "renewed", partitions: 2 });
    if (values.length > 0) await broker.send("/v1/topics/renewed/messages", { messages: values.map((value) => ({ value, partition: 0 })) });
  };
  const values = () => page.locator(".message .value").allTextContents();
  // A connection that tells three messages of the topic as it is, and is lost; `meanwhile` happens before there is another.
  const lose = async (meanwhile) => {
    const [topic] = await standing("renewed");
    const event = (offset) => `data: ${JSON.stringify({ partition: 0, offset, timestamp: 1, key: null, value: `old-${offset}` })}\n\n`;
    const body = `retry: 100\nid: ${topic}:0,0\n\n${[0, 1, 2].map(event).join("")}id: ${topic}:3,0\n\n`;
    let opened = 0;
    await page.route("**/renewed/tail*", async (route) => {
      opened += 1;
      if (opened === 1) return route.fulfill({ contentType: "text/event-stream", body });
      await meanwhile;
      return route.continue();
    });
    await page.goto("about:blank");
    await tab.go("#/topics/renewed/live");
    await text("3 messages came.").waitFor();
  };
  await make([]);
  let [go, meanwhile] = [];
  const gate = () => (meanwhile = new Promise((done) => (go = done)));
  await lose(gate());
  assert.deepEqual(await values(), ["old-2", "old-1", "old-0"]);
  await broker.send("/v1/topics/renewed", undefined, "DELETE");
  await make(["new-0", "new-1"]);
  go();
  await text("The topic was deleted and made anew").waitFor();
  await text("2 messages came.").waitFor();
  assert.deepEqual(await values(), ["new-1", "new-0"]);
  await page.unroute("**/renewed/tail*");
  // Whoever holds the list looks at it as long as it is held.
  await lose(gate());
  await button("Pause").click();
  await broker.send("/v1/topics/renewed", undefined, "DELETE");
  await make(["newest-0"]);
  go();
  await text("1 message waits.").waitFor();
  assert.deepEqual(await values(), ["old-2", "old-1", "old-0"]);
  await button("Resume").click();
  await until(page, () => document.querySelector(".message .value").textContent === "newest-0");
  assert.deepEqual(await values(), ["newest-0"]);
  await text("The topic was deleted and made anew").waitFor();
  await page.unroute("**/renewed/tail*");
  // What came of the old one goes, though nothing comes of the new one.
  await lose(gate());
  await broker.send("/v1/topics/renewed", undefined, "DELETE");
  await make([]);
  go();
  await text("The topic was deleted and made anew").waitFor();
  await text("Nothing yet.").waitFor();
  assert.deepEqual(await values(), []);
  await page.unroute("**/renewed/tail*");
  // One that is gone ends the view; when it is there again, it is listened to again.
  tab.expect(/404 \(Not Found\).*\/topics\/renewed$/);
  await broker.send("/v1/topics/renewed", undefined, "DELETE");
  await text("It has ended: the topic was deleted.").waitFor();
  await make([]);
  await button("Listen anew").click();
  await text("Listening.").waitFor();
  await broker.send("/v1/topics/renewed/messages", { messages: [{ value: "again", partition: 1 }] });
  await until(page, () => document.querySelector(".message .value")?.textContent === "again");
  assert.deepEqual(await values(), ["again"]);
  tab.calm();
});

test("a group shows who is in it and how far it is behind, and gets other offsets; its client is there too", async () => {
  await broker.send("/v1/topics", { name: "read-me", partitions: 2 });
  await broker.send("/v1/topics/read-me/messages", { messages: Array.from({ length: 5 }, (_, at) => ({ value: `m${at}`, partition: 0 })) });
  const kcat = ["-q", "-b", broker.kafka, "-X", "auto.offset.reset=earliest", "-G", "readers"];
  await run("kcat", [...kcat, "-c", "2", "read-me"]);
  await tab.go("#/groups");
  await until(page, () => document.querySelector(".behind")?.textContent === "3");
  await page.getByRole("link", { name: "readers" }).click();
  await page.getByRole("heading", { name: "readers" }).waitFor();
  const cells = () => page.getByRole("region", { name: "Offsets" }).locator("tbody tr").locator("th, td").allTextContents();
  await until(page, () => document.querySelector(".behind")?.textContent === "3");
  assert.deepEqual(await cells(), ["read-me", "0", "2", "5", "3"]);
  await text("Nobody is a member now.").waitFor();
  await button("Set offsets").click();
  assert.ok(!(await dialog().getByLabel("read-me, partition 1 (no offset yet)").isChecked()));
  await dialog().getByLabel("To").selectOption("offset");
  await dialog().getByLabel("Offset", { exact: true }).fill("99");
  tab.expect(/400 \(Bad Request\).*\/offsets$/);
  await dialog().getByRole("button", { name: "Set offsets" }).click();
  await dialog().getByRole("alert").getByText("offset 99 is out of range").waitFor();
  await dialog().getByLabel("To").selectOption("earliest");
  await dialog().getByRole("button", { name: "Set offsets" }).click();
  await text("1 offset set.").waitFor();
  // The page is read anew behind that.
  await until(page, () => document.querySelector(".behind")?.textContent === "5");
  assert.deepEqual(await cells(), ["read-me", "0", "0", "5", "5"]);
  // What cannot be read now is not a topic that is gone.
  await page.route("**/v1/topics/read-me", (route) => route.fulfill({ status: 503, json: { error: "Too many requests wait", code: "UNAVAILABLE" } }), { times: 1 });
  tab.expect(/503 .*\/v1\/topics\/read-me$/);
  await button("Set offsets").click();
  await dialog().getByRole("alert").getByText("Too many requests wait").waitFor();
  await dialog().getByRole("button", { name: "Try again" }).click();
  await dialog().getByLabel("read-me, partition 0").waitFor();
  await dialog().getByLabel("To").selectOption("time");
  await dialog().getByLabel("Time", { exact: true }).fill("2061-01-01T00:00:00.000");
  await dialog().getByRole("button", { name: "Set offsets" }).click();
  await dialog().waitFor({ state: "detached" });
  assert.deepEqual(await cells(), ["read-me", "0", "5", "5", "0"], "behind all that there is");
  const member = run("kcat", [...kcat, "read-me"]);
  await text("Offsets can be set when it has no members.").waitFor();
  assert.ok(await button("Set offsets").isDisabled());
  const people = page.getByRole("region", { name: "Members" });
  assert.equal(await people.locator("tbody th").textContent(), "rdkafkaleader");
  await people.getByText("read-me: 0–1").waitFor();
  await people.getByText("127.0.0.1", { exact: true }).waitFor();
  await people.getByRole("link", { name: "rdkafka" }).click();
  await page.getByRole("heading", { name: "rdkafka" }).waitFor();
  await text("There was none.").waitFor();
  await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "Clients" }).click();
  await page.getByLabel("Filter by name, address or group").fill("readers");
  await text("1 connection").waitFor();
  await page.getByRole("link", { name: "rdkafka" }).click();
  await page.getByRole("heading", { name: "rdkafka" }).waitFor();
  await page.getByRole("region", { name: "Requests" }).getByText("JoinGroup").waitFor();
  await page.getByRole("region", { name: "Groups" }).getByRole("link", { name: "readers" }).waitFor();
  member.child.kill();
  await member.catch(() => {});
  tab.calm();
});

test("settings are changed, and what the broker says against it is shown", async () => {
  await tab.go("#/topics/orders/settings");
  const row = page.getByRole("row", { name: /^retention\.ms/ });
  await row.waitFor();
  assert.match(await row.textContent(), /7200000set for this topic/);
  await page.keyboard.press("/");
  await page.keyboard.type("retention.ms");
  await text(/^3 settings$/).waitFor();
  const change = button("Change retention.ms");
  await change.click();
  const value = dialog().getByLabel("Value");
  await value.fill("soon");
  tab.expect(/400 \(Bad Request\).*\/configs$/);
  await dialog().getByRole("button", { name: "Set", exact: true }).click();
  await dialog().getByRole("alert").getByText("INVALID_CONFIG").waitFor();
  await value.fill("3600000");
  await dialog().getByRole("button", { name: "Set", exact: true }).click();
  await row.getByText("3600000").waitFor();
  await change.click();
  await dialog().getByRole("button", { name: "Unset" }).click();
  await row.getByText("604800000").waitFor();
  assert.match(await row.textContent(), /default/);
  // Where only some values are allowed, those are there to be chosen.
  await page.getByLabel("Filter by name").fill("cleanup.policy");
  await button("Change cleanup.policy").click();
  await dialog().getByLabel("compact").check();
  await dialog().getByRole("button", { name: "Set", exact: true }).click();
  await page.getByRole("row", { name: /^cleanup/ }).getByText("compact,delete").or(page.getByText("delete,compact")).waitFor();
  await page.getByLabel("Filter by name").fill("message.timestamp.type");
  await button("Change message.timestamp.type").click();
  await value.selectOption("LogAppendTime");
  await dialog().getByRole("button", { name: "Set", exact: true }).click();
  await page.getByRole("row", { name: /^message/ }).getByText("LogAppendTime", { exact: true }).waitFor();
  await tab.go("#/broker");
  await text("healthy").waitFor();
  await page.getByLabel("Filter by name").fill("log.retention.ms");
  await button("Change log.retention.ms").click();
  await value.fill("86400000");
  await dialog().getByLabel("For").selectOption("all brokers");
  await dialog().getByRole("button", { name: "Set", exact: true }).click();
  await page.getByRole("row", { name: "log.retention.ms" }).getByText("set for all brokers").waitFor();
  await tab.go("#/topics/orders/settings");
  await row.getByText("set for all brokers").waitFor();
  tab.calm();
});

test("who would delete the groups' offsets is told so", async () => {
  await broker.send("/v1/topics", { name: "constructor", partitions: 1 });
  await tab.go("#/topics/constructor");
  await button("Delete").click();
  await dialog().getByText("Its messages are gone then").waitFor();
  assert.equal(await dialog().locator(".problem").count(), 0);
  await page.keyboard.press("Escape");
  await tab.go("#/topics/__consumer_offsets");
  await button("Delete").click();
  await dialog().getByText("All consumer groups lose their offsets").waitFor();
  await page.keyboard.press("Escape");
  tab.calm();
});

test("a topic is deleted by who types its name", async () => {
  await tab.go("#/topics/orders");
  await button("Delete").click();
  const end = dialog().getByRole("button", { name: "Delete the topic" });
  await dialog().getByRole("textbox").fill("order");
  assert.ok(await end.isDisabled());
  await dialog().getByRole("textbox").fill("orders");
  await end.click();
  await text("Topic orders is gone.").waitFor();
  await page.getByRole("link", { name: "read-me" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "orders" }).count(), 0);
  tab.expect(/404 \(Not Found\).*\/v1\/topics\/orders$/);
  await tab.go("#/topics/orders");
  await page.getByRole("alert").getByText("Topic not found").waitFor();
  tab.calm();
});
