// flaresend-mock {{version}}: helper for tests in Node 18 and later. Print it again after an update of the package:
//     flaresend-mock helper node > test/flaresend.mjs
//     flaresend-mock helper node-types > test/flaresend.d.mts    (types and documentation)
import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { basename, delimiter } from "node:path";

const START_TIMEOUT = 60_000; // milliseconds of the first test, which starts the emulator
const later = setTimeout; // not that of fake timers
const sleep = (ms, keep = "ref") => new Promise((done) => later(done, ms)[keep]?.());
const eventOf = (since) => since?.event ?? since?.id ?? since ?? 0;
const regex = ({ flags, source }) => ({ regex: flags.replace(/[^ims]/g, "").replace(/.+/, "(?$&)") + source });
const encode = (body) => JSON.stringify(body, (_, value) => (value instanceof RegExp ? regex(value) : value));
export class ExpectationFailed extends Error {}
export class ControlPlaneError extends Error {}
function trim(error) {
  const frames = error.stack.split("\n").filter((line) => /^ +at (?!.*(flaresend\.[cm]?[jt]s|\(node:))/.test(line));
  error.stack = [`${error.name}: ${error.message}`, ...frames].join("\n"); // runners show the line of the test
  return error;
}
const failure = (Kind, text, fields) => trim(Object.assign(new Kind(text), { name: Kind.name, ...fields }));
function refuse(rest, known, problem = "is not an option: there are") {
  for (const name in rest) throw failure(TypeError, `'${name}' ${problem} ${known}`);
}
const given = (name, value) => value ?? (value === null || refuse({ [name]: 0 }, "and matches all", "is undefined"));
let emulator;
export function start() {
  const url = process.env.FLARESEND_MOCK_URL?.trim().replace(/\/+$/, "").replace(/^(?!https?:|$)/, "http://");
  return (emulator ??= url ? Promise.resolve({ url, stop() {} }) : launch());
}

// One emulator for all workers of a run, as `globalSetup` of Vitest, Jest and Playwright.
export default async function globalSetup() {
  const { url, stop } = await start();
  process.env.FLARESEND_MOCK_URL = url;
  return stop;
}

// Starts an emulator, which ends with this process: its standard input does.
function launch() {
  const options = ["--port", "0", "--stop-with-stdin", "--log-format", "text", "--log-level", "error"];
  const PATH = [process.env.PATH, ".venv/bin", ".venv/Scripts"].join(delimiter);
  const child = spawn("flaresend-mock", options, { env: { ...process.env, PATH }, windowsHide: true });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const advice = "`pip install flaresend-mock`, or set FLARESEND_MOCK_URL to the URL of one that runs";
  let said = "";
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`Cannot start flaresend-mock: ${error.message}; ${advice}`)));
    ended.then((status) => reject(new Error(`flaresend-mock ended with status ${status}: ${said}`)));
    const read = (text) => {
      const url = / at (http\S+)/.exec((said += text))?.[1];
      if (!url) return;
      for (const one of [child, child.stdin, child.stdout, child.stderr]) one.unref();
      resolve({ url, stop: () => (child.stdin.end(), ended) });
    };
    for (const output of [child.stdout, child.stderr]) output.on("data", read);
  });
}

// Makes a call of the control plane, by node:http and node:https as tests replace `fetch`.
async function exchange(url, credentials, method, path, body) {
  const { FLARESEND_MOCK_CONTROL_TOKEN: token } = process.env;
  const headers = { "Content-Type": "application/json", ...credentials, ...(token && { "X-Control-Token": token }) };
  let status, found;
  try {
    const response = await new Promise((done, fail) => {
      const { request } = url.startsWith("https:") ? https : http;
      request(`${url}/_mock${path}`, { method, headers, agent: false }, done).on("error", fail).end(encode(body));
    });
    [status, found] = [response.statusCode, Buffer.concat(await response.toArray())];
  } catch (error) {
    throw failure(Error, `Cannot reach an emulator at ${url}: ${error.message || error.code}`);
  }
  if (status < 300) return found;
  const other = { message: `The server at ${url} is no emulator: it responds ${status}` };
  const { code, message } = String(found).startsWith('{"error"') ? JSON.parse(found).error : other;
  throw failure(ControlPlaneError, message, { status, code });
}

export const world = (test, options) => new Flaresend().open(test, options);
export function perTest(hooks = globalThis, options) {
  if (!hooks.beforeEach) throw failure(TypeError, "No hooks are global: use perTest({ beforeEach, afterEach })");
  const flaresend = new Flaresend();
  hooks.beforeEach(async function () {
    const [first, second] = arguments; // a parameter is a callback for Jest and Mocha, and a fixture for Playwright
    const test = first?.task ?? second ?? this?.currentTest ?? first;
    this?.timeout?.(START_TIMEOUT); // Mocha's
    await flaresend.open(test?.title ?? test?.name ?? globalThis.expect?.getState?.().currentTestName, options);
  }, START_TIMEOUT);
  hooks.afterEach(() => flaresend.close());
  return flaresend;
}

export class Flaresend {
  url = "";
  apiKey = "";
  headers = {};
  name = "";
  #strays = 0;
  #closing = [];
  #pending = new Set(); // calls without a response
  #thrown = []; // by the application

  async open(test = "test", options) {
    if (this.name) throw new Error("The world of another test is open: tests that run at the same time use world(…)");
    const seed = createHash("sha256").update(test).digest().readUInt32BE(); // the same ids in each run
    const name = `${`test-${test}`.replace(/[^a-z0-9]+/gi, "-").slice(0, 50)}-${randomUUID().slice(0, 8)}`;
    Object.assign(this, { name, apiKey: "", headers: {} }).url = (await start()).url;
    this.#strays = (await this.#call("GET", "/events?world=default&limit=1")).events[0]?.id ?? 0;
    const { api_key } = await this.#call("POST", "/worlds", { name, seed, public_url: this.url, ...options });
    this.headers = { Authorization: `Bearer ${api_key}`, "Content-Type": "application/json" };
    return Object.assign(this, { apiKey: api_key });
  }
  async close() {
    const { name } = this;
    if (!name) return;
    const settled = this.#closing.length && this.#call("POST", "/deliveries/settle").catch(() => {});
    await Promise.race([settled, sleep(1000, "unref")]);
    const [error] = [...this.#thrown.splice(0), ...this.#pending];
    this.#pending.clear();
    this.name = "";
    if (!this.apiKey) return; // it could not be opened
    for (const end of this.#closing.splice(0).reverse()) await end();
    await this.#call("DELETE", `/worlds/${name}`);
    if (error) throw trim(error);
  }
  env(url = "FLARESEND_URL", apiKey = "FLARESEND_API_KEY") {
    for (const [name, value] of Object.entries({ [url]: this.url, [apiKey]: this.apiKey })) {
      const before = process.env[name];
      this.#closing.push(() => (before === undefined ? delete process.env[name] : (process.env[name] = before)));
      process.env[name] = value;
    }
  }
  async control(method, path, body) {
    if (!this.name) throw failure(Error, "No world is open: call open(), as perTest does before each test");
    const late = new Error(`The test ended before ${path}: is an await missing, or does the application hang?`);
    JSON.stringify([body?.match ?? {}, body?.in_order ?? []], given); // refuses a matcher with a value that is missing
    this.#pending.add(late);
    const [{ value, reason }] = await Promise.allSettled([this.#call(method, path, body)]);
    if (!this.#pending.delete(late)) throw late;
    const [error = reason] = this.#thrown.splice(0);
    if (error) throw error;
    return value;
  }
  #call = async (method, path, body) => JSON.parse(await exchange(this.url, this.headers, method, path, body));
  messages = async (match = {}) => (await this.control("POST", "/messages/search", { match })).messages;
  requests = async (match = {}) => (await this.control("POST", "/requests/search", { match })).requests;
  deliveries = async (match = {}) => (await this.control("POST", "/deliveries/search", { match })).deliveries;
  scheduled = async () => (await this.control("GET", "/scheduled")).scheduled;
  media = (message) => exchange(this.url, this.headers, "GET", `/media/${message.media}`);
  person = (number, fields = {}) => this.control("PUT", `/people/${number}`, fields);
  group = async (subject, participants) => (await this.control("POST", "/groups", { subject, participants })).id;
  clock = {
    now: async () => new Date((await this.control("GET", "/clock")).now),
    freeze: (at) => this.control("PATCH", "/clock", { frozen: true, now: at }),
    set: (to) => this.control("PATCH", "/clock", { now: to }),
    run: () => this.control("PATCH", "/clock", { frozen: false }),
    advance: async ({ days = 0, hours = 0, minutes = 0, seconds = 0, to, ...rest }) => {
      refuse(rest, "days, hours, minutes, seconds and to");
      const span = { seconds: ((days * 24 + hours) * 60 + minutes) * 60 + seconds };
      return (await this.control("POST", "/clock/advance", to ? { to } : span)).fired;
    },
    advanceToNext: async () => (await this.control("POST", "/clock/advance", { to_next: true })).fired,
  };
  async receive(from, message, { wait = true, file, ...rest } = {}) {
    refuse(rest, "wait and file");
    const media = file && { media: { base64: readFileSync(file, "base64"), fileName: basename(file) } };
    const fields = typeof message === "string" ? { text: message } : message;
    const { event } = await this.control("POST", "/inbound", { from, ...media, ...fields });
    if (wait) await this.settle();
    return event;
  }
  event = (event, options) => this.receive(undefined, { event }, options);
  async settle() {
    const { settled } = await this.control("POST", "/deliveries/settle");
    if (!settled) await this.#fail("some deliveries are still under way");
  }
  expectMessage = (match, wait) => this.#expect("messages", { direction: "outbound" }, match, wait);
  expectDelivery = (match, wait) => this.#expect("deliveries", { status: "delivered" }, match, wait);
  async #expect(kind, usual, match = {}, { within = 2, since, ...rest } = {}) {
    refuse(rest, "within and since");
    const body = { match: { ...usual, ...match }, timeout: within, since: eventOf(since) };
    const problem = `no ${kind} like ${encode(match)} within ${within} s`;
    return (await this.#check(`/${kind}/wait`, body, problem, { kind, match: encode(body.match) }))[kind][0];
  }
  async expectNoMessage(match = {}, { within = 0, since, ...rest } = {}) {
    refuse(rest, "within and since");
    await this.settle();
    await sleep(within * 1000);
    const body = { match: { direction: "outbound", ...match }, never: true, since: eventOf(since) };
    await this.#check("/messages/verify", body, `a message like ${encode(match)} was sent`);
  }
  async verify(match, { atLeast, atMost, inOrder, since, ...counts } = {}) {
    const body = { match, at_least: atLeast, at_most: atMost, in_order: inOrder, ...counts, since: eventOf(since) };
    return (await this.#check("/requests/verify", body)).count;
  }
  #check = (path, body, problem, query) =>
    this.control("POST", path, body).catch((error) => {
      if (!["timeout", "not_verified", "evicted"].includes(error.code)) throw error;
      return this.#fail(problem ?? error.message, query);
    });
  async #fail(problem, query) {
    throw failure(ExpectationFailed, `${problem}\n${await this.transcript(query)}`);
  }
  #shown = (asked) => `/transcript?${new URLSearchParams({ strays_since: this.#strays, ...asked })}`;
  transcript = async (asked) => String(await exchange(this.url, this.headers, "GET", this.#shown(asked)));
  async fault(fields, callback) {
    const { id } = await this.control("POST", "/faults", typeof fields === "string" ? { preset: fields } : fields);
    const hits = async () => (await this.control("GET", `/faults/${id}`)).hits;
    let removal; // once: a test may remove it before the block ends
    const remove = () => (removal ??= this.control("DELETE", `/faults/${id}`).then(() => this.settle()));
    const fault = { id, hits, remove, [Symbol.asyncDispose]: () => this.settle().finally(remove) };
    return callback ? (async () => [await callback(fault), await this.settle()][0])().finally(remove) : fault;
  }
  webhook = (url, options) => this.control("PUT", "/instances/default/webhook", { url, ...options });
  async webhookApp(app, { path = "/webhook", host = process.env.FLARESEND_MOCK_APP_HOST, ...options } = {}) {
    if (typeof app !== "function") throw failure(TypeError, "webhookApp takes a function; webhook takes a URL");
    const { name } = this;
    const server = http.createServer((request, response) => {
      (async () => app(request, response))().catch((thrown) => {
        const error = thrown?.stack ? thrown : new Error(`The application threw ${thrown}`);
        (response.headersSent ? response : response.writeHead(500)).end();
        if (this.name !== name || !this.#thrown.push(error)) throw error;
      });
    });
    await new Promise((done, fail) => server.on("error", fail).listen(0, host ? "0.0.0.0" : "127.0.0.1", done));
    this.#closing.push(() => (server.close(), server.closeAllConnections?.()));
    const url = `http://${host || "127.0.0.1"}:${server.address().port}${path}`;
    await this.webhook(url, options);
    return url;
  }
  async inbox(options) {
    const inbox = { url: "", status: 200, events: [] };
    inbox.url = await this.webhookApp(async (request, response) => {
      const event = JSON.parse(Buffer.concat(await request.toArray()));
      const { extendedTextMessage, conversation: text = extendedTextMessage?.text } = event.data?.message ?? {};
      if (inbox.status < 300) inbox.events.push({ event, text, headers: request.headers });
      response.writeHead(inbox.status).end("{}");
    }, options);
    inbox.expect = async (count = 1, { within = 2 } = {}) => {
      for (let left = within * 100; inbox.events.length < count && left > 0; left--) await sleep(10);
      if (inbox.events.length < count) await this.#fail(`${inbox.events.length} of ${count} events within ${within} s`);
      return inbox.events;
    };
    return inbox;
  }
}
