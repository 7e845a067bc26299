// A broker of its own, and a browser that looks at its console and minds what a page must never do: log an error that nobody
// expects, or ask another host.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const modules = createRequire(process.env.CONSOLE_MODULES);
const { chromium } = modules("playwright-core");
const AXE = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

/** The pictures that documents show. */
const SHOWN = ["topics-light", "messages-light", "messages-dark", "messages-phone", "produce-light", "live-light", "group-light", "clients-phone", "change-dark"];

/** How long anything may take that is waited for. */
const GUARD = 20_000;

export const run = promisify(execFile);

/** Starts a broker on ports that are free; `at` is where its console is, `kafka` where it speaks Kafka. */
export async function startBroker() {
  const dir = mkdtempSync(join(tmpdir(), "console-"));
  const settings = ["barnabas.http.listener=127.0.0.1:0", "offsets.topic.num.partitions=1", "group.initial.rebalance.delay.ms=0"];
  const flags = ["--host", "127.0.0.1", "--port", "0", "--data-dir", join(dir, "data"), ...settings.flatMap((one) => ["--set", one])];
  const child = spawn(process.env.BARNABAS_BIN, flags, { stdio: ["ignore", "pipe", "pipe"] });
  let [log, line] = ["", ""];
  child.stderr.on("data", (bytes) => (log += bytes));
  await new Promise((done, fail) => {
    child.stdout.on("data", (bytes) => {
      line += bytes;
      if (line.includes("\n")) done();
    });
    child.on("exit", () => fail(new Error(`the broker ended: ${log}`)));
  });
  const [, kafka] = line.match(/PLAINTEXT:\/\/([^, \n]+)/);
  const [, at] = line.match(/(http:\/\/[^, \n]+)/);
  const stop = async () => {
    if (child.exitCode === null) {
      const ended = new Promise((done) => child.on("exit", done));
      child.kill();
      await ended;
    }
    rmSync(dir, { recursive: true, force: true });
  };
  const send = async (path, body, method = "POST") => {
    const answer = await fetch(at + path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    assert.ok(answer.ok, `${path}: ${await answer.clone().text()}`);
    return answer.json();
  };
  return { at, kafka, stop, send, log: () => log };
}

export const startBrowser = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });

/** A page of the console. `expect(pattern)` lets the page log such an error; `calm()` says that nothing else was wrong. */
export async function openPage(browser, broker, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 780 }, permissions: ["clipboard-read", "clipboard-write"], ...options });
  context.setDefaultTimeout(GUARD);
  const page = await context.newPage();
  const [expected, wrong, asked] = [[], [], []];
  page.on("console", (message) => {
    const text = `${message.text()} ${message.location().url}`;
    const isBad = ["error", "warning"].includes(message.type());
    if (isBad && !expected.some((pattern) => pattern.test(text))) wrong.push(text);
  });
  page.on("pageerror", (why) => wrong.push(String(why)));
  page.on("dialog", (dialog) => {
    wrong.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => asked.push(request.url()));
  const calm = () => {
    assert.deepEqual(wrong, []);
    assert.deepEqual(asked.filter((url) => !url.startsWith(`${broker.at}/`)), [], "it asks nobody else");
  };
  const go = async (hash) => {
    await page.goto(`${broker.at}/${hash}`);
    await page.locator("h1").waitFor();
  };
  return { page, context, calm, go, asked, expect: (pattern) => expected.push(pattern) };
}

/** Has a page believe that its broker tells of these clients. */
export async function tellClients(page, clients) {
  await page.route("**/v1/openapi.json", (route) => route.fulfill({ json: { paths: { "/v1/clients": {} } } }));
  await page.route("**/v1/clients*", (route) => route.fulfill({ json: clients }));
}

/** One of them. */
export const aClient = (more) => ({
  connection: 12, address: "127.0.0.1:51234", listener: "PLAINTEXT", connected_at: Date.now() - 4_000_000, last_request_at: Date.now() - 3000,
  client_id: "billing-1", software: "librdkafka", version: "2.10.0", requests: 12345, errors: 2,
  apis: [
    { api: "Fetch", key: 1, version: 11, requests: 12001, errors: 0 },
    { api: "Heartbeat", key: 12, version: 3, requests: 330, errors: 0 },
    { api: "Produce", key: 0, version: 9, requests: 14, errors: 2 },
  ],
  last_errors: [{ at: Date.now() - 60_000, api: "Produce", code: 3, error: "UNKNOWN_TOPIC_OR_PARTITION" }],
  groups: [{ group: "billing", member: "billing-1-6f0e8c1c-9d4b-4f5e-8b0d-6a2c0c1f7a55", generation: 3, rebalances: 2 }],
  ...more,
});

/** What a check of accessibility finds wrong, in a few words: all of it, or what these options say. */
export async function violations(page, options) {
  await page.evaluate(AXE);
  const found = await page.evaluate((more) => globalThis.axe.run(document, { resultTypes: ["violations"], ...more }), options);
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
}

/** A picture, to be looked at; where the documents' are to be made anew, one for them. */
export async function picture(page, name) {
  const shown = process.env.CONSOLE_SHOTS && SHOWN.includes(name) && process.env.CONSOLE_SHOTS;
  const path = join(shown || join(process.env.CONSOLE_MODULES, "shots"), `${name}.png`);
  const bytes = await page.screenshot({ path, animations: "disabled" });
  assert.ok(!shown || bytes.length < 150_000, `${name}: ${bytes.length} bytes`);
}

/** Waits until a page's function says so. */
export const until = (page, what, given) => page.waitForFunction(what, given, { polling: 50 });
