// A strict user of the helper. Each line below an @ts-expect-error is a mistake that the compiler must report.
import { afterEach, beforeEach, test } from "node:test";
import globalSetup, { ExpectationFailed, perTest, world, type Delivery, type Message, type Request } from "./flaresend.mjs";

const flaresend = perTest({ beforeEach, afterEach }, { time_zone: "Africa/Nairobi", directory: "closed" });
const stop: () => unknown = await globalSetup();

test("what compiles", async () => {
  const message: Message = await flaresend.expectMessage({ to: "254712345678", text: /hi/ }, { within: 1, since: 7 });
  const text: string | null = message.text;
  const delivery: Delivery = await flaresend.expectDelivery({ chat: { contains: "254" } }, { since: null });
  const statuses: (number | null)[] = delivery.attempts.map((one) => one.status);
  const calls: Request[] = await flaresend.requests({ path: "/send-message", body: { type: "text" } });
  const count: number = await flaresend.verify({ status: 503 }, { atLeast: 1, inOrder: [{ status: 503 }], since: calls[0] });
  const hits: number = await flaresend.fault({ respond: { status: 503 } }, (fault) => fault.hits());
  await using fault = await flaresend.fault("down");
  const at: Date = await flaresend.clock.now();
  await flaresend.clock.advance({ hours: 2 });
  const inbox = await flaresend.inbox({ secret: "whsec_x", host: "host.docker.internal" });
  const received: string | undefined = (await inbox.expect(1))[0].text;
  await flaresend.webhookApp((request, response) => response.end(request.url), { path: "/hook" });
  const file: Buffer = await flaresend.media(message);
  const other = await world("other");
  const headers: Record<string, string> = other.headers;
  console.log(text, statuses, count, hits, fault.id, at, received, file, headers, stop, new ExpectationFailed("x").stack);
});

test("what does not", async () => {
  // @ts-expect-error: a misspelled field
  await flaresend.expectMessage({ txt: "hi" });
  // @ts-expect-error: no field of a message
  await flaresend.messages({ path: "/send-message" });
  // @ts-expect-error: no option
  await flaresend.verify({}, { exact: 1 });
  // @ts-expect-error: a number of seconds has a name
  await flaresend.clock.advance(3);
  // @ts-expect-error: it may have no text
  (await flaresend.expectMessage()).text.length;
  // @ts-expect-error: there is no such method
  await flaresend.expectNothing();
});
