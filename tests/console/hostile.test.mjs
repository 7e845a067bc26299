// Names, keys and values that would be more than texts stay texts, on every view; and the page cannot be made to load anything.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { aClient, openPage, startBroker, startBrowser, tellClients } from "./harness.mjs";

const MARKUP = '<img src="http://evil.example/x" onerror="alert(1)"><script>alert(2)</script><style>*{display:none}</style>';
const GROUP = `a/b?#%2f ${MARKUP}`;

let [broker, browser, tab, page] = [];

before(async () => {
  [broker, browser] = await Promise.all([startBroker(), startBrowser()]);
  tab = await openPage(browser, broker);
  page = tab.page;
  await broker.send("/v1/topics", { name: "t", partitions: 1 });
  const headers = [{ key: MARKUP, value: MARKUP }];
  const texts = [MARKUP, JSON.stringify({ [MARKUP]: MARKUP }), "\u202egnp.exe\u0000\u0007", "javascript:alert(3)", "__proto__"];
  await broker.send("/v1/topics/t/messages", { messages: texts.map((one) => ({ key: one, value: one, headers })) });
  await broker.send(`/v1/groups/${encodeURIComponent(GROUP)}/offsets`, { offsets: [{ topic: "t", partition: 0, to: "earliest" }] });
});
after(async () => {
  await browser?.close();
  await broker?.stop();
});

/** Nothing of it has become a part of the page. */
async function isClean() {
  assert.equal(await page.locator("main img, main script, main style, dialog img, dialog script, #toasts img").count(), 0);
  tab.calm();
}

test("hostile messages are texts in lists, in full, and when they come", async () => {
  await tab.go("#/topics/t/messages");
  await page.locator(".toggle").nth(4).waitFor();
  for (const toggle of await page.locator(".toggle").all()) await toggle.click();
  assert.equal(await page.getByRole("group", { name: "Value" }).last().textContent(), MARKUP);
  assert.equal(await page.locator(".headers td").last().textContent(), MARKUP);
  await page.getByRole("button", { name: "As a command" }).last().click();
  await page.getByRole("dialog").locator("pre").nth(2).waitFor();
  await isClean();
  await tab.go("#/topics/t/live");
  await page.getByText("Listening.").waitFor();
  await broker.send("/v1/topics/t/messages", { messages: [{ key: MARKUP, value: MARKUP }] });
  await page.locator(".toggle").waitFor();
  assert.equal(await page.locator(".message .value").textContent(), MARKUP);
  await isClean();
});

test("hostile messages can be edited and sent anew as they are", async () => {
  await tab.go("#/topics/t/produce?from=0:0");
  await page.getByRole("button", { name: "Produce", exact: true }).click();
  await page.getByText("Written to partition 0 at offset 6.").waitFor();
  const [one] = await (await fetch(`${broker.at}/v1/topics/t/messages?offset=6`)).json();
  assert.deepEqual([one.key, one.value, one.headers], [MARKUP, MARKUP, [{ key: MARKUP, value: MARKUP }]]);
  await isClean();
});

test("ends of lines are kept when a message is sent anew", async () => {
  const [value, header] = ["one\r\ntwo\rthree\n\u0000 \u00e9", "a\r\nb"];
  const { base_offset: at } = await broker.send("/v1/topics/t/messages", { messages: [{ key: "\r", value, headers: [{ key: "h", value: header }] }] });
  await tab.go(`#/topics/t/produce?from=0:${at}`);
  await page.getByText(`A copy of the message at 0:${at}`).waitFor();
  await page.getByRole("button", { name: "Produce", exact: true }).click();
  await page.getByText(`Written to partition 0 at offset ${at + 1}.`).waitFor();
  const [one] = await (await fetch(`${broker.at}/v1/topics/t/messages?offset=${at + 1}`)).json();
  assert.deepEqual([one.key, one.value, one.headers], ["\r", value, [{ key: "h", value: header }]]);
  await isClean();
});

test("hostile groups have views of their own", async () => {
  await tab.go("#/groups");
  await page.getByRole("link", { name: GROUP }).click();
  await page.getByRole("heading", { name: GROUP }).waitFor();
  await page.getByRole("button", { name: "Set offsets" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Set offsets" }).click();
  await page.getByText("1 offset set.").waitFor();
  await isClean();
});

test("hostile clients are texts too", async () => {
  const groups = [{ group: GROUP, member: MARKUP, generation: 3, rebalances: 2 }];
  await tellClients(page, [aClient({ client_id: MARKUP, software: MARKUP, version: MARKUP, groups })]);
  await tab.go("#/topics");
  await page.reload();
  await page.getByRole("link", { name: "Clients" }).click();
  await page.getByRole("link", { name: MARKUP }).click();
  await page.getByRole("heading", { name: MARKUP }).waitFor();
  await page.getByText("UNKNOWN_TOPIC_OR_PARTITION").waitFor();
  await page.getByRole("link", { name: GROUP }).waitFor();
  await isClean();
  await page.unroute("**/v1/clients*");
  await page.unroute("**/v1/openapi.json");
});

test("addresses that are nonsense say so", async () => {
  for (const hash of [`#/${encodeURIComponent(MARKUP)}`, "#/topics/%zz", "#/nothing/at/all"]) {
    await tab.go(hash);
    await page.getByRole("heading", { name: "Nothing here" }).waitFor();
  }
  tab.expect(/40[04] \(.*\/v1\/topics\//);
  await tab.go(`#/topics/${encodeURIComponent(MARKUP)}/messages`);
  await page.getByRole("alert").getByText("Topic not found").waitFor();
  const end = page.getByRole("button", { name: "Delete" });
  assert.equal(await end.count(), 0, "what is not there cannot be deleted");
  // One that goes while it is looked at.
  await broker.send("/v1/topics", { name: "short", partitions: 1 });
  await tab.go("#/topics/short/partitions");
  await end.waitFor();
  await broker.send("/v1/topics/short", undefined, "DELETE");
  await page.getByRole("alert").getByText("Topic not found").waitFor();
  assert.equal(await end.count(), 0);
  tab.expect(/404 \(.*\/v1\/groups\//);
  await tab.go("#/groups/nobody");
  await page.getByRole("alert").getByText("GROUP_ID_NOT_FOUND").waitFor();
  assert.equal(await page.getByRole("heading").count(), 1, "nothing of it is shown");
  await isClean();
});

test("the policy stops what a page would load or run", async () => {
  const told = await page.evaluate(async () => {
    const refused = [];
    document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
    const may = (what) => {
      try {
        what();
        return true;
      } catch {
        return false;
      }
    };
    const image = document.createElement("img");
    const gone = new Promise((done) => image.addEventListener("error", done));
    image.src = "http://evil.example/x.png";
    const isMarkup = may(() => (document.createElement("div").innerHTML = "<b>x</b>"));
    const isScript = may(() => (document.createElement("script").textContent = "1"));
    const inline = document.createElement("button");
    document.body.append(inline);
    may(() => inline.setAttribute("onclick", "window.wasRun = true"));
    inline.click();
    inline.remove();
    const fetched = await fetch("http://evil.example/").then(() => true, () => false);
    await gone;
    return { refused: [...new Set(refused)].toSorted(), isMarkup, isScript, fetched, wasRun: window.wasRun === true };
  });
  const refused = ["connect-src", "img-src", "require-trusted-types-for"];
  assert.deepEqual(refused.filter((one) => !told.refused.includes(one)), []);
  assert.deepEqual({ ...told, refused }, { refused, isMarkup: false, isScript: false, fetched: false, wasRun: false });
});

test("a page of another origin can neither frame it nor ask in its name", async () => {
  const other = await browser.newContext();
  const foreign = await other.newPage();
  await foreign.route("http://elsewhere.localhost/**", (route) => route.fulfill({ contentType: "text/html", body: "<h1>elsewhere</h1>" }));
  await foreign.goto("http://elsewhere.localhost/");
  const outcome = await foreign.evaluate(async (at) => {
    const frame = document.createElement("iframe");
    const loaded = new Promise((done) => frame.addEventListener("load", done));
    frame.src = `${at}/`;
    document.body.append(frame);
    await loaded;
    const isShown = (() => {
      try {
        return frame.contentDocument !== null;
      } catch {
        return false;
      }
    })();
    const asked = await fetch(`${at}/v1/topics`).then(() => "read", () => "refused");
    const changed = await fetch(`${at}/v1/topics/t`, { method: "DELETE", mode: "no-cors" }).then(() => "sent", () => "refused");
    return { isShown, asked, changed };
  }, broker.at);
  assert.deepEqual([outcome.isShown, outcome.asked], [false, "refused"]);
  assert.equal((await fetch(`${broker.at}/v1/topics/t`)).status, 200, "it is still there");
  await other.close();
});
