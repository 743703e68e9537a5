// What the pages do not show of the helper, against an emulator that test_node_helper.py starts.
import assert from "node:assert/strict";
import http from "node:http";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ControlPlaneError, ExpectationFailed, Flaresend, perTest, world } from "./flaresend.mjs";

const ANN = "254712345678";

async function failed(Kind, promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Kind, error.stack);
    assert.match(error.stack, /helper\.test\.mjs/);
    assert.doesNotMatch(error.stack, /flaresend\.mjs/);
    return error;
  }
  assert.fail("it did not fail");
}

describe("in a world of its own", () => {
  const flaresend = perTest({ beforeEach, afterEach }, { time_zone: "Africa/Nairobi" });

  function send(text, recipients = [ANN]) {
    const body = JSON.stringify({ recipients, type: "text", text });
    return fetch(`${flaresend.url}/send-message`, { method: "POST", headers: flaresend.headers, body });
  }

  test("the world has the name of the test", async () => {
    assert.match(flaresend.name, /^test-the-world-has-the-name-of-the-test-[0-9a-f]{8}$/);
    const { time_zone } = await flaresend.control("GET", "/clock");
    assert.equal(time_zone, "Africa/Nairobi");
  });

  test("variables are set until the test ends", async () => {
    process.env.BOT_URL = "before";
    const other = await world("other");
    other.env("BOT_URL", "BOT_KEY");
    assert.deepEqual([process.env.BOT_URL, process.env.BOT_KEY], [other.url, other.apiKey]);
    await other.close();
    assert.deepEqual([process.env.BOT_URL, process.env.BOT_KEY], ["before", undefined]);
  });

  test("an inbox records what it accepts", async () => {
    const inbox = await flaresend.inbox({ secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
    inbox.status = 503;
    await flaresend.receive(ANN, "not taken");
    assert.equal(inbox.events.length, 0);
    inbox.status = 200;
    await flaresend.clock.freeze();
    await flaresend.clock.advanceToNext();
    await flaresend.event("call");

    const [first, second] = await inbox.expect(2);
    assert.equal(first.text, "not taken");
    assert.ok(first.headers["webhook-signature"]);
    assert.equal(second.event.event, "call");
    const error = await failed(ExpectationFailed, inbox.expect(3, { within: 0.02 }));
    assert.match(error.message, /^2 of 3 events within 0.02 s\ntranscript/);
    const [{ attempts }] = await flaresend.deliveries({ status: "delivered" });
    assert.deepEqual(attempts.map((one) => one.status), [503, 200]);
    await flaresend.expectDelivery({ chat: { contains: ANN } });
  });

  test("a message waits for the webhook unless told otherwise", async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    let responded = false;
    await flaresend.webhookApp(async (request, response) => {
      request.resume();
      await held;
      responded = true;
      response.end();
    }, { path: "/hooks/flaresend" });

    const event = await flaresend.receive(ANN, "hi", { wait: false });
    assert.equal(event.data.message.conversation, "hi");
    assert.equal(responded, false);
    release();
    await flaresend.receive(ANN, "hello");
    assert.equal(responded, true);
    const [{ attempts: [{ url }] }] = await flaresend.deliveries();
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/hooks\/flaresend$/);
  });

  test("what an application throws is a response of 500, and fails the test", async () => {
    const apps = [() => assert.fail("at once"), async () => assert.fail("later"), () => { throw null; }];
    for (const [index, app] of apps.entries()) {
      await flaresend.webhookApp(app);
      await assert.rejects(flaresend.receive(`25471100011${index}`, "hi"), /at once|later|The application threw null/);
      await flaresend.expectNoMessage({ to: ANN });
    }
    const deliveries = await flaresend.deliveries();
    assert.deepEqual(deliveries.map(({ attempts }) => attempts[0].status), [500, 500, 500]);
    await assert.rejects(flaresend.webhookApp({ listen() {} }), /webhookApp takes a function/);
  });

  test("options are checked", async () => {
    await failed(TypeError, flaresend.expectMessage({}, { timeout: 1 }));
    await failed(TypeError, flaresend.expectNoMessage({}, { timeout: 1 }));
    await failed(TypeError, flaresend.clock.advance({ hour: 1 }));
    const error = await failed(TypeError, flaresend.receive(ANN, "hi", { await: false }));
    assert.equal(error.message, "'await' is not an option: there are wait and file");
  });

  test("a matcher with an undefined value is refused", async () => {
    const refused = { name: "TypeError", message: "'to' is undefined and matches all" };
    const match = { to: undefined };
    await assert.rejects(flaresend.messages(match), refused);
    await assert.rejects(flaresend.requests({ body: match }), refused);
    await assert.rejects(flaresend.deliveries(match), refused);
    await assert.rejects(flaresend.expectMessage(match), refused);
    await assert.rejects(flaresend.expectNoMessage(match), refused);
    await assert.rejects(flaresend.verify(match), refused);
    await assert.rejects(flaresend.verify(undefined, { inOrder: [match] }), refused);
    await assert.rejects(flaresend.fault({ preset: "down", match }), refused);
  });

  test("the name of this machine is that for a container", async () => {
    process.env.FLARESEND_MOCK_APP_HOST = "localhost";
    try {
      const inbox = await flaresend.inbox();
      assert.match(inbox.url, /^http:\/\/localhost:/);
      await flaresend.receive(ANN, "hi");
      assert.equal((await inbox.expect())[0].text, "hi");
    } finally {
      delete process.env.FLARESEND_MOCK_APP_HOST;
    }
  });

  test("files come and go", async () => {
    await flaresend.receive(ANN, { caption: "Me" }, { file: new URL(import.meta.url).pathname });
    await flaresend.receive(ANN, { media: { sample: "jpeg" } });

    const [own, sample] = await flaresend.messages({ direction: "inbound" });
    assert.deepEqual([own.fileName, own.caption], ["helper.test.mjs", "Me"]);
    assert.match(String(await flaresend.media(own)), /files come and go/);
    assert.equal((await flaresend.media(sample))[0], 0xff);
  });

  test("expectations say what happened instead", async () => {
    const nothing = await failed(ExpectationFailed, flaresend.expectMessage({ to: ANN }, { within: 0 }));
    assert.equal(nothing.name, "ExpectationFailed");
    assert.match(nothing.message, /^no messages like {"to":"254712345678"} within 0 s\n/);

    await send("Your order 17 is ready");
    const [first] = await flaresend.messages();
    await flaresend.expectMessage({ text: /order \d+ IS READY$/i });
    await flaresend.expectNoMessage({ text: /order/ }, { since: first, within: 0.01 });
    const unwanted = await failed(ExpectationFailed, flaresend.expectNoMessage({ text: /order/ }));
    assert.match(unwanted.message, /^a message like {"text":{"regex":"order"}} was sent\n(.*\n)*.*order 17 is ready/);
    const counted = await failed(ExpectationFailed, flaresend.verify({ path: "/send-message" }, { atLeast: 2, atMost: 3 }));
    assert.match(counted.message, /^expected at least 2 and at most 3, found 1\n(.*\n)*.*POST \/send-message 200/);
    const [call] = await flaresend.requests();
    await flaresend.verify({}, { never: true, since: call });
    assert.match(await flaresend.transcript(), /order 17/);
  });

  test("a call with a wrong key is shown", async () => {
    flaresend.headers.Authorization = "Bearer mistyped";
    assert.equal((await send("lost")).status, 401);
    flaresend.headers.Authorization = `Bearer ${flaresend.apiKey}`;

    const error = await failed(ExpectationFailed, flaresend.expectMessage({}, { within: 0 }));
    assert.match(error.message, /POST \/send-message 401/);
  });

  test("refusals name the mistake", async () => {
    const error = await failed(ControlPlaneError, flaresend.messages({ txt: "hi" }));
    assert.match(error.message, /text/);
    assert.deepEqual([error.name, error.status], ["ControlPlaneError", 400]);
  });

  test("faults end with their callback or by hand", async () => {
    const hits = await flaresend.fault("down", async (fault) => {
      assert.equal((await send("hi")).status, 503);
      return fault.hits();
    });
    assert.equal(hits, 1);
    await assert.rejects(flaresend.fault("down", () => Promise.reject(new Error("mine"))), /mine/);
    assert.equal((await send("hi")).status, 200);

    const fault = await flaresend.fault({ preset: "rate-limited", match: { body: { text: /^b/ } } });
    assert.deepEqual([(await send("a")).status, (await send("b")).status], [200, 429]);
    await fault.remove();
    assert.equal((await send("b")).status, 200);
    await fault[Symbol.asyncDispose]();
    await flaresend.fault("down", (down) => down.remove());
  });

  test("a fault lasts until the deliveries of its callback have ended", async () => {
    let status;
    await flaresend.webhookApp(async (request, response) => {
      for (let call = 0; call < 20; call++) await flaresend.control("GET", "/faults"); // it would be removed meanwhile
      ({ status } = await send("hi"));
      response.end();
    });
    const receive = () => flaresend.receive(ANN, "hi", { wait: false });

    const event = await flaresend.fault({ match: { path: "/send-message" }, respond: { status: 503 } }, receive);
    assert.deepEqual([event.event, status], ["message_received", 503]);

    status = undefined;
    const fault = await flaresend.fault({ match: { path: "/send-message" }, respond: { status: 429 } });
    await receive();
    await fault[Symbol.asyncDispose]();
    assert.equal(status, 429);
    assert.equal((await send("hi")).status, 200);
  });

  test("the clock is frozen, set, advanced and run", async () => {
    await flaresend.clock.freeze(new Date("2025-11-14T10:00:00Z"));
    assert.equal((await flaresend.clock.now()).toISOString(), "2025-11-14T10:00:00.000Z");
    await flaresend.clock.set("2025-11-14 14:00");
    await flaresend.clock.advance({ hours: 1, minutes: 1, seconds: 1 });
    assert.equal((await flaresend.clock.now()).toISOString(), "2025-11-14T12:01:01.000Z");
    const body = JSON.stringify({ recipients: [ANN], type: "text", text: "Now", sendAt: "2025-11-15 09:00:00" });
    await fetch(`${flaresend.url}/schedule-message`, { method: "POST", headers: flaresend.headers, body });
    assert.deepEqual((await flaresend.scheduled()).map((one) => one.sendAt), ["2025-11-15T06:00:00Z"]);
    const fired = await flaresend.clock.advance({ to: "2025-11-16T00:00:00Z" });
    assert.deepEqual(fired.map((one) => one.result), ["sent"]);
    assert.deepEqual(await flaresend.clock.advanceToNext(), []);
    await flaresend.clock.run();
    assert.equal((await flaresend.control("GET", "/clock")).frozen, false);
  });

  test("people and groups", async () => {
    await flaresend.person("254711000111", { name: "Amina", on_whatsapp: false });
    const group = await flaresend.group("Tasting", [ANN]);
    assert.match(group, /@g\.us$/);
    assert.match(await (await send("hi", ["254711000111"])).text(), /254711000111/);
  });
});

test("worlds exist at the same time, each with its own key, and are gone afterwards", async () => {
  const worlds = await Promise.all([world("one"), world("two"), world()]);
  assert.equal(new Set(worlds.map((one) => one.apiKey)).size, 3);
  await assert.rejects(worlds[0].open("again"), /at the same time use world/);
  await Promise.all(worlds.map((one) => one.close()));
  await worlds[0].close();
  await assert.rejects(worlds[0].messages(), /No world is open/);
});

test("the same name gives the same ids", async () => {
  const ids = [];
  for (const name of ["a", "a", "b"]) {
    const one = await world(name);
    ids.push((await one.receive(ANN, "hi")).data.id);
    await one.close();
  }
  assert.ok(ids[0]);
  assert.deepEqual([ids[0] === ids[1], ids[0] === ids[2]], [true, false]);
});

test("fetch and timers may be replaced", async () => {
  const { fetch, setTimeout } = globalThis;
  Object.assign(globalThis, { fetch: () => assert.fail(), setTimeout: () => assert.fail() });
  try {
    const one = await world();
    const inbox = await one.inbox();
    await one.receive(ANN, "hi", { wait: false });
    assert.equal((await inbox.expect())[0].text, "hi");
    await one.expectNoMessage({}, { within: 0.01 });
    await one.close();
  } finally {
    Object.assign(globalThis, { fetch, setTimeout });
  }
});

test("another server is not taken for an emulator", async () => {
  const other = http.createServer((_, response) => response.writeHead(404).end("<html>")).listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const one = await world();
  const { url } = one;
  one.url = `http://127.0.0.1:${other.address().port}`;
  await assert.rejects(one.messages(), /is no emulator: it responds 404/);
  other.close();
  one.url = "http://127.0.0.1:9";
  await assert.rejects(one.messages(), /Cannot reach an emulator at http:\/\/127\.0\.0\.1:9: connect ECONNREFUSED/);
  one.url = url;
  await one.close();
});

test("an application that throws after its response fails the end of the test", async () => {
  const one = await world();
  let responded, fail;
  const done = new Promise((resolve) => (responded = resolve));
  const failing = new Promise((resolve) => (fail = resolve)); // after the call, which would be told otherwise
  await one.webhookApp((_, response) => {
    response.end(responded);
    return failing.then(() => assert.fail("too late"));
  });
  await one.receive(ANN, "hi", { wait: false });
  await done;
  fail();
  await assert.rejects(one.close(), /too late/);
  await one.close();
});

test("a test that forgets to await is told so, and the next one has a world", async () => {
  const one = new Flaresend();
  await one.open();
  const forgotten = failed(Error, one.expectMessage({ to: ANN }, { within: 30 }));
  const error = await failed(Error, one.close());
  assert.equal(error.message, "The test ended before /messages/wait: is an await missing, or does the application hang?");
  assert.equal(await forgotten, error);
  await one.open();
  await one.close();
});

test("an application that does not respond does not hold the next test up", async () => {
  const one = new Flaresend();
  await one.open();
  let called;
  const call = new Promise((resolve) => (called = resolve));
  await one.webhookApp(() => called());
  const waiting = assert.rejects(one.receive(ANN, "hi"), /The test ended before/);
  await call;
  await assert.rejects(one.close(), /The test ended before \/deliveries\/settle/);
  await waiting;
  await one.open();
  await one.expectNoMessage();
  await one.close();
});

test("two tests do not open one world at the same time", async () => {
  const one = new Flaresend();
  const [first, second] = await Promise.allSettled([one.open("first"), one.open("second")]);
  assert.equal(first.status, "fulfilled");
  assert.match(second.reason.message, /at the same time use world/);
  await one.close();
});

test("hooks that are not global are asked for", () => {
  assert.throws(() => perTest(), /No hooks are global: use perTest\({ beforeEach, afterEach }\)/);
});
