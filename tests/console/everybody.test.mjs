// The console is for everybody: who sees it in the dark, on a phone, or not at all; who has no mouse; who has no network but this.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { aClient, openPage, picture, startBroker, startBrowser, tellClients, until, violations } from "./harness.mjs";

let [broker, browser] = [];

const TOWNS = ["Praha", "Wien", "Brno", "Linz", "Plzeň"];
const order = (at, start) => ({
  key: `customer-${100 + (at * 7) % 23}`,
  value: JSON.stringify({ order: 5000 + at, town: TOWNS[at % 5], items: [{ sku: `A-${at % 9}`, count: 1 + (at % 3) }], paid: at % 4 !== 0 }),
  headers: [{ key: "trace-id", value: `7f3a${at}` }],
  timestamp: start + at * 41_000,
});

/** A shop's topics: three days of orders, some of what people do by hand. */
async function fill() {
  const start = Date.now() - 6_000_000;
  await broker.send("/v1/topics", { name: "orders", partitions: 3, configs: { "retention.ms": "259200000" } });
  await broker.send("/v1/topics", { name: "payments", partitions: 1, configs: { "cleanup.policy": "compact" } });
  await broker.send("/v1/topics", { name: "warehouse.stock-levels", partitions: 6 });
  await broker.send("/v1/topics", { name: "audit_log.of-everything.that-anybody.ever.did.in-any.of-our.systems", partitions: 1 });
  const last = [{ key: "customer-104", value: null }, { value: "/wABAg==", value_encoding: "base64" }, { key: "customer-117", value: "plain text" }];
  const late = last.map((one, at) => ({ ...one, timestamp: start + 121 * 41_000 + at, partition: 1 }));
  await broker.send("/v1/topics/orders/messages", { messages: [...Array.from({ length: 120 }, (_, at) => order(at, start)), ...late] });
  await broker.send("/v1/topics/payments/messages", { messages: Array.from({ length: 40 }, (_, at) => order(at, start)) });
  const offsets = [["earliest", 0], ["latest", 1], ["latest", 2]].map(([to, partition]) => ({ topic: "orders", partition, to }));
  await broker.send("/v1/groups/billing/offsets", { offsets });
  await broker.send("/v1/groups/shipping/offsets", { offsets: offsets.slice(1) });
}

before(async () => {
  [broker, browser] = await Promise.all([startBroker(), startBrowser()]);
  await fill();
});
after(async () => {
  await browser?.close();
  await broker?.stop();
});

/** Each view, with what is waited for and what is done there first. */
const VIEWS = [
  ["topics", "#/topics", (page) => page.getByText("orders").first().waitFor()],
  ["messages", "#/topics/orders/messages?partition=1&limit=25", async (page) => {
    await page.locator(".toggle").nth(4).waitFor();
    await page.locator(".toggle").nth(3).click();
    await page.getByRole("group", { name: "Value" }).waitFor();
    const { width } = page.viewportSize();
    if (width > 600) await page.setViewportSize({ width, height: 1020 });
    else await page.evaluate(() => scrollTo(0, 420));
  }],
  ["filter", "#/topics/orders/messages?at=newest&json=%24.town%3DPraha", (page) => page.locator(".toggle").first().waitFor()],
  ["live", "#/topics/orders/live", async (page) => {
    await page.getByText("Listening.").waitFor();
    await broker.send("/v1/topics/orders/messages", { messages: [130, 131, 132, 133, 134].map((at) => ({ ...order(at), timestamp: undefined })) });
    await page.getByText("5 messages came.").waitFor();
    await page.locator(".toggle").nth(4).waitFor();
  }],
  ["produce", "#/topics/orders/produce?from=1:3", (page) => page.getByText("A copy of the message at").waitFor()],
  ["partitions", "#/topics/orders/partitions", (page) => page.getByRole("row").nth(2).waitFor()],
  ["settings", "#/topics/orders/settings", (page) => page.getByText("retention.ms").first().waitFor()],
  ["groups", "#/groups", (page) => page.getByText("billing").waitFor()],
  ["group", "#/groups/billing", (page) => page.locator(".behind").first().waitFor()],
  ["broker", "#/broker", (page) => page.getByText("healthy").waitFor()],
  ["clients", "#/clients", (page) => page.getByRole("link", { name: "billing-1" }).waitFor()],
  ["client", "#/clients/12", (page) => page.getByText("UNKNOWN_TOPIC_OR_PARTITION").waitFor()],
  ["nothing", "#/nothing", (page) => page.getByRole("heading", { name: "Nothing here" }).waitFor()],
  ["make", "#/topics", (page) => page.getByRole("button", { name: "New topic" }).click()],
  ["change", "#/topics/orders/settings", (page) => page.getByRole("button", { name: "Change retention.ms" }).click()],
  ["reset", "#/groups/billing", (page) => page.getByRole("button", { name: "Set offsets" }).click()],
  ["delete", "#/topics/orders", (page) => page.getByRole("button", { name: "Delete" }).click()],
  ["help", "#/topics", (page) => page.getByRole("button", { name: "Help" }).click()],
];

/** What differs is checked: in the dark the colours, on a phone all but those. */
const SCREENS = [
  ["light", { colorScheme: "light" }, {}],
  ["dark", { colorScheme: "dark" }, { runOnly: ["color-contrast"] }],
  ["phone", { viewport: { width: 360, height: 740 } }, { rules: { "color-contrast": { enabled: false } } }],
];

for (const [screen, options, checks] of SCREENS) {
  test(`every view can be used by everybody: ${screen}`, async () => {
    const tab = await openPage(browser, broker, options);
    const { page } = tab;
    const wrong = [];
    await tellClients(page, [aClient(), aClient({ connection: 13, client_id: "", software: "", version: "", errors: 0, groups: [], apis: [], last_errors: [] })]);
    for (const [name, hash, ready] of VIEWS) {
      await page.goto("about:blank");
      await page.setViewportSize(options.viewport ?? { width: 1200, height: 780 });
      await tab.go(hash);
      await ready(page);
      wrong.push(...(await violations(page, checks)).map((one) => `${name}: ${one}`));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) wrong.push(`${name}: it is ${wide} pixels too wide`);
      await picture(page, `${name}-${screen}`);
    }
    assert.deepEqual(wrong, []);
    tab.calm();
    await tab.context.close();
  });
}

test("on a phone the lists say as much as elsewhere", async () => {
  const tab = await openPage(browser, broker, { viewport: { width: 390, height: 844 } });
  const { page } = tab;
  await tellClients(page, [aClient()]);
  await tab.go("#/clients");
  for (const words of ["librdkafka 2.10.0", "127.0.0.1:51234", "billing"]) await page.getByRole("cell", { name: words }).waitFor();
  await tab.go("#/topics");
  const row = page.getByRole("row", { name: "warehouse.stock-levels" });
  await row.getByText("6", { exact: true }).waitFor();
  await row.getByText("/s").waitFor();
  // What is in one row stays there, on narrower ones too.
  await page.setViewportSize({ width: 360, height: 740 });
  await tab.go("#/topics/orders/messages");
  await page.locator(".toggle").first().waitFor();
  for (const all of [".tabs a", ".pager:first-child button"]) {
    const tops = await page.locator(all).evaluateAll((each) => each.map((one) => one.getBoundingClientRect().top));
    assert.ok(tops.length === 5 && tops.every((top) => top === tops[0]), `${all}: ${tops}`);
  }
  tab.calm();
  await tab.context.close();
});

test("where a window is narrow a value has most of it", async () => {
  const tab = await openPage(browser, broker, { viewport: { width: 700, height: 780 } });
  const { page } = tab;
  await tab.go("#/topics/orders/messages");
  for (const [width, share] of [[360, 0.9], [700, 0.9], [960, 0.9], [961, 0.33]]) {
    await page.setViewportSize({ width, height: 780 });
    const [value, table] = await Promise.all([".message .value", ".messages"].map((one) => page.locator(one).first().boundingBox()));
    assert.ok(value.width > share * table.width, `${value.width} of ${table.width} at ${width}`);
  }
  tab.calm();
  await tab.context.close();
});

test("what matters stands where it is seen, whatever the names", async () => {
  const tab = await openPage(browser, broker, { viewport: { width: 1280, height: 800 } });
  const { page } = tab;
  const box = (name) => page.getByRole("button", { name, exact: true }).boundingBox();
  await tab.go("#/topics/orders/produce");
  await page.getByRole("button", { name: "Produce", exact: true }).waitFor();
  const { y, height } = await box("Produce");
  assert.ok(y + height <= 800, `the button ends at ${y + height}`);
  await tab.go(`#/topics/${"audit_log.of-everything.that-anybody.ever.did.in-any.of-our.systems"}`);
  const heading = await page.locator("h1").boundingBox();
  const end = await box("Delete");
  assert.ok(end.y < heading.y + heading.height, "beside the name, not below it");
  tab.calm();
  await tab.context.close();
});

test("a filter and an order stand in the address", async () => {
  const tab = await openPage(browser, broker);
  const { page } = tab;
  await tab.go("#/topics");
  await page.getByRole("button", { name: "Messages" }).click();
  await page.getByLabel("Filter by name").fill("r");
  const names = () => page.locator("tbody th").allTextContents();
  await until(page, () => document.querySelector("tbody th")?.textContent === "orders");
  const before = await names();
  await page.waitForURL(/filter=r$|filter=r&/);
  await page.reload();
  await until(page, () => document.querySelector("tbody th")?.textContent === "orders");
  assert.deepEqual(await names(), before);
  await page.goto("about:blank");
  await tab.go("#/broker");
  await page.getByLabel("Filter by name").fill("node.id");
  // One that cannot be changed says what it means too.
  await page.getByRole("row", { name: /^node\.id/ }).getByText("Unique id of this node.").waitFor();
  await page.waitForURL(/filter=node\.id/);
  await page.reload();
  await page.getByText("1 setting", { exact: true }).waitFor();
  // What a broker sets by itself to what it would be anyway is not painted as somebody's.
  // Where what was given at the start was given.
  await page.getByLabel("Filter by name").fill("offsets.topic.num.partitions");
  const given = page.getByRole("row", { name: /^offsets\.topic\.num/ });
  await given.getByText("given at start").waitFor();
  await given.getByText("--set", { exact: true }).waitFor();
  await page.getByLabel("Filter by name").fill("min.insync.replicas");
  await page.getByRole("row", { name: /^min\.insync/ }).getByText("set for all brokers, to the default").waitFor();
  assert.equal(await page.locator("tr.changed").count(), 0);
  tab.calm();
  await tab.context.close();
});

test("a row that moves keeps the focus", async () => {
  for (const name of ["swap-1", "swap-2"]) await broker.send("/v1/topics", { name, partitions: 1 });
  await broker.send("/v1/topics/swap-1/messages", { messages: [{ value: "one" }] });
  const tab = await openPage(browser, broker);
  const { page } = tab;
  await tab.go("#/topics?filter=swap&sort=-message_count");
  await until(page, () => document.querySelector("tbody th")?.textContent === "swap-1");
  await page.getByRole("link", { name: "swap-2" }).focus();
  await broker.send("/v1/topics/swap-2/messages", { messages: [{ value: "one" }, { value: "two" }] });
  await until(page, () => document.querySelector("tbody th")?.textContent === "swap-2");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "swap-2");
  tab.calm();
  await tab.context.close();
});

test("all connections are told of, and that a lag is not known", async () => {
  const tab = await openPage(browser, broker);
  const { page } = tab;
  await page.route("**/v1/clients*", (route) => {
    const after = Number(new URL(route.request().url()).searchParams.get("after") ?? 0);
    const json = Array.from({ length: after === 0 ? 1000 : 5 }, (_, at) => aClient({ connection: after + at + 1 }));
    return route.fulfill({ json });
  });
  await tab.go("#/clients");
  await page.getByText("The first 500 of 1,005 connections").waitFor();
  await page.route("**/v1/groups", (route) => route.fulfill({ json: [{ group_id: "dim", state: "Empty", generation_id: 1, member_count: 0, lag: null }] }));
  await tab.go("#/groups");
  await until(page, () => document.querySelector("td[data-label=Lag]")?.textContent === "–");
  tab.calm();
  await tab.context.close();
});

test("all of it is small, and is not loaded twice", async () => {
  const tab = await openPage(browser, broker);
  // Of each file once: that it is asked for again is looked at below.
  const sizes = new Map();
  tab.page.on("response", async (answer) => {
    const path = new URL(answer.url()).pathname;
    if (path === "/" || path.startsWith("/console/")) sizes.set(path, Number(answer.headers()["content-length"] ?? 0));
  });
  await tab.go("");
  await until(tab.page, () => document.querySelectorAll("tbody tr").length > 3);
  const sum = [...sizes.values()].reduce((all, size) => all + size, 0);
  assert.ok(sizes.size > 20 && sum > 50_000 && sum < 100_000, `${sum} bytes in ${sizes.size} files`);
  const before = await tab.page.evaluate(() => performance.getEntriesByType("resource").length);
  await tab.page.reload();
  await until(tab.page, () => document.querySelectorAll("tbody tr").length > 3);
  const again = await tab.page.evaluate(() => {
    const files = performance.getEntriesByType("resource").filter((one) => one.name.includes("/console/"));
    return [files.length, files.reduce((all, one) => all + one.transferSize, 0)];
  });
  assert.ok(before > 20 && again[0] > 20 && again[1] < sum / 5, `the second time only tags are asked for: ${again}`);
  tab.calm();
  await tab.context.close();
});

test("keys do what the help says, and can be turned off", async () => {
  const tab = await openPage(browser, broker);
  const { page } = tab;
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
  await tab.go("#/topics");
  await page.keyboard.press("/");
  assert.equal(await focused(), "Filter by name");
  await page.keyboard.type("pay/?");
  await page.getByText("No topic fits that filter.").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Help" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("g");
  await page.getByRole("heading", { name: "Groups" }).waitFor();
  assert.equal(await focused(), "Groups", "the new view is told of");
  await page.keyboard.press("g");
  await page.keyboard.press("c");
  await page.getByRole("heading", { name: "Clients" }).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("term").filter({ hasText: /^gc$/ }).waitFor();
  await page.getByLabel("Keys without Ctrl").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("b");
  await page.keyboard.press("?");
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.ok(page.url().endsWith("#/clients"));
  await page.reload();
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  assert.ok(page.url().endsWith("#/clients"));
  tab.calm();
  await tab.context.close();
});

test("a topic can be made without a mouse, and the focus is where it was", async () => {
  const tab = await openPage(browser, broker);
  const { page } = tab;
  await tab.go("#/topics");
  const make = page.getByRole("button", { name: "New topic" });
  await make.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.ok(await make.evaluate((one) => one === document.activeElement));
  await page.keyboard.press("Enter");
  await page.keyboard.type("by-hand");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "by-hand" }).waitFor();
  tab.calm();
  await tab.context.close();
});

test("the theme is the system's until another is chosen, and that one stays", async () => {
  const tab = await openPage(browser, broker, { colorScheme: "dark" });
  const { page } = tab;
  const shade = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await tab.go("#/topics");
  const dark = await shade();
  const theme = page.getByRole("button", { name: /^Colours/ });
  await theme.click();
  const light = await shade();
  assert.notEqual(light, dark);
  await page.reload();
  assert.equal(await shade(), light);
  await theme.click();
  await theme.click();
  assert.equal(await theme.getAttribute("aria-label"), "Colours: as the system. Change");
  assert.equal(await shade(), dark);
  tab.calm();
  await tab.context.close();
});

test("where the broker cannot tell of its clients there is no view of them", async () => {
  const tab = await openPage(browser, broker);
  await tab.page.route("**/v1/openapi.json", (route) => route.fulfill({ json: { paths: {} } }));
  const told = tab.page.waitForResponse("**/v1/openapi.json");
  await tab.go("#/topics");
  await (await told).finished();
  assert.equal(await tab.page.getByRole("link", { name: "Clients" }).count(), 0);
  assert.deepEqual(tab.asked.filter((url) => url.endsWith("/v1/clients")), []);
  tab.calm();
  await tab.context.close();
});

test("a broker that is gone is said to be gone, once", async () => {
  const own = await startBroker();
  const tab = await openPage(browser, own);
  await tab.go("#/topics");
  await tab.page.getByText("No topics yet").waitFor();
  tab.expect(/ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|SOCKET_NOT_CONNECTED)/);
  await own.stop();
  await tab.page.getByRole("alert").getByText("What is shown may be old.").waitFor();
  await tab.page.locator(".problem").getByText("The broker does not answer.").waitFor();
  tab.calm();
  await tab.context.close();
});
