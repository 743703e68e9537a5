// flaresend-mock {{version}}: types of the helper for tests in Node. Print both files again after an update of the package:
//     flaresend-mock helper node > test/flaresend.mjs
//     flaresend-mock helper node-types > test/flaresend.d.mts
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

/** A value, a regular expression, or an object with operators, such as { contains: "order" } or { one_of: [1, 2] }. */
export type Matcher = string | number | boolean | null | RegExp | Date | unknown[] | { [operator: string]: unknown };

export type MessageField =
  | "id" | "direction" | "instance" | "chat" | "from" | "to" | "number" | "group" | "type" | "text" | "caption" | "target"
  | "reply_to" | "fileName" | "mimetype" | "media" | "url" | "template" | "status" | "timestamp" | "event"
  | "cause";
export type RequestField =
  | "id" | "call" | "method" | "path" | "raw_path" | "query" | "headers" | "number" | "body" | "body_size" | "status"
  | "response" | "instance" | "timestamp" | "fault";
export type DeliveryField =
  | "id" | "status" | "instance" | "chat" | "message" | "webhook_id" | "event" | "created" | "next_retry" | "redelivery_of"
  | "duplicate_of" | "body" | "attempts" | "fault";

export type MessageMatch = { [field in MessageField]?: Matcher };
export type RequestMatch = { [field in RequestField]?: Matcher };
export type DeliveryMatch = { [field in DeliveryField]?: Matcher };

/** Fields that an endpoint of the control plane takes. */
export type Fields = { [field: string]: unknown };

/** A message, sent or received. */
export interface Message {
  id: string;
  direction: "outbound" | "inbound";
  instance: string;
  chat: string;
  from: string;
  to: string;
  type: string;
  text: string | null;
  caption: string | null;
  target: string | null;
  reply_to: string | null;
  fileName: string | null;
  mimetype: string | null;
  media: string | null;
  url: string | null;
  template: any;
  status: string;
  timestamp: string;
  event: number;
  cause: { kind: string; id: string } | null;
}

/** A call of the API with its response. */
export interface Request {
  id: number;
  call: string;
  method: string;
  path: string;
  raw_path: string;
  query: string;
  headers: Record<string, string>;
  body: any;
  body_size: number | null;
  /** null if a fault cut the connection. */
  status: number | null;
  response: any;
  instance: string | null;
  timestamp: string;
  fault: string | null;
}

/** One attempt to deliver an event to a webhook. */
export interface Attempt {
  at: string;
  url: string;
  headers: Record<string, string>;
  /** null without a response. */
  status: number | null;
  response: string;
  error: string | null;
  /** Whether the receiver accepted the event. */
  accepted: boolean;
  milliseconds: number;
  reconnected: boolean;
}

/** An event for a webhook, with each attempt. */
export interface Delivery {
  id: string;
  status: string;
  instance: string;
  chat: string;
  message: string;
  webhook_id: string;
  event: number;
  created: string;
  next_retry: string | null;
  redelivery_of: string | null;
  duplicate_of: string | null;
  body: any;
  attempts: Attempt[];
  fault: string | null;
}

/** A scheduled message. */
export interface Scheduled {
  id: string;
  instance: string;
  recipients: string[];
  type: string;
  text: string | null;
  sendAt: string;
  status: string;
  reason: string | null;
  call: string | null;
}

/** What fell due while the clock was advanced. */
export interface Fired {
  at: string;
  kind: string;
  id: string;
  result: string;
  reason: string | null;
}

/** An expectation does not hold. The message ends with what happened instead. */
export class ExpectationFailed extends Error {}

/** The emulator refused a call. */
export class ControlPlaneError extends Error {
  /** The HTTP status, such as 404. */
  status: number;
  /** For programs, such as "world_not_found". */
  code?: string;
}

export interface Wait {
  /** Seconds of real time to wait. Default: 2, and 0 for `expectNoMessage`. */
  within?: number;
  /** What is before it, such as the message before it in a conversation, or the number of an event; null is the beginning. */
  since?: Message | Request | Delivery | number | null;
}

export interface Fault {
  id: string;
  /** Returns how many calls or deliveries the fault has affected. */
  hits(): Promise<number>;
  /** Removes the fault, and waits until no delivery is under way. */
  remove(): Promise<void>;
  /** Waits for deliveries under way, and removes the fault: `await using fault = await flaresend.fault("down")`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Fields of a webhook, such as secret, retries and ordered. */
export interface WebhookOptions extends Fields {
  secret?: string;
  retries?: number[];
  ordered?: boolean;
}

export interface AppOptions extends WebhookOptions {
  /** The path of the webhook in the application. Default: /webhook. */
  path?: string;
  /** The name by which the emulator reaches this machine. Default: FLARESEND_MOCK_APP_HOST, or 127.0.0.1. */
  host?: string;
}

export interface Received {
  event: any;
  /** The text of the message, if it has one. */
  text: string | undefined;
  headers: IncomingHttpHeaders;
}

/** A webhook that records events. */
export interface Inbox {
  url: string;
  /** The status that it responds. It records an event if that is 2xx. */
  status: number;
  /** The events so far, oldest first. */
  events: Received[];
  /** Returns the events as soon as there are `count`. Default: 1 within 2 seconds. */
  expect(count?: number, options?: { within?: number }): Promise<Received[]>;
}

/** Fields of `POST /_mock/worlds`, such as time_zone: "Africa/Nairobi". */
export interface WorldOptions extends Fields {
  fixture?: "default" | "demo";
  seed?: number;
  time_zone?: string;
  directory?: "open" | "closed";
}

/** Anything with these two functions: `{ beforeEach, afterEach }`, or Playwright's `test`. */
export interface Hooks {
  beforeEach(hook: any): unknown;
  afterEach(hook: any): unknown;
}

/** One emulator for all workers of a run, as `globalSetup` of Vitest, Jest or Playwright. */
export default function globalSetup(): Promise<() => unknown>;

/** Finds the emulator at FLARESEND_MOCK_URL, or starts one that ends with this process. */
export function start(): Promise<{ url: string; stop(): unknown }>;

/** Creates a world for each test, and deletes it afterwards. Without `hooks`, uses the global functions. */
export function perTest(hooks?: Hooks, options?: WorldOptions): Flaresend;

/** Creates a world, which `close` deletes. Its ids come from the name of the test. */
export function world(test?: string, options?: WorldOptions): Promise<Flaresend>;

/** One world of an emulator. */
export class Flaresend {
  /** The base URL of the API. */
  url: string;
  /** The API key of the world's instance. */
  apiKey: string;
  /** The headers of a call of the API. */
  headers: { Authorization: string; "Content-Type": string };
  /** The name of the world. */
  name: string;

  open(test?: string, options?: WorldOptions): Promise<this>;
  /** Stops what the test has started, restores variables, and deletes the world. */
  close(): Promise<void>;
  /** Sets the variables that the code under test reads, until the test ends. Default: FLARESEND_URL, FLARESEND_API_KEY. */
  env(url?: string, apiKey?: string): void;
  /** Makes any call of the control plane, such as control("POST", "/instances/default/disconnect"). */
  control(method: string, path: string, body?: unknown): Promise<any>;

  /**
   * A person writes to the instance. Returns the event of the webhook, after the webhook has responded.
   * @param message a text, or fields of `POST /_mock/inbound`, such as { media: { sample: "jpeg" }, caption: "Look!" }
   */
  receive(from: string, message: string | Fields, options?: { wait?: boolean; file?: string }): Promise<any>;
  /** Sends an event that is no message: a sample such as "call", or any object. */
  event(event: string | Fields, options?: { wait?: boolean }): Promise<any>;
  /** Waits until no delivery is under way. */
  settle(): Promise<void>;

  /** Returns messages, sent and received, oldest first. */
  messages(match?: MessageMatch): Promise<Message[]>;
  /** Returns calls of the API, oldest first. */
  requests(match?: RequestMatch): Promise<Request[]>;
  /** Returns events for webhooks, oldest first. */
  deliveries(match?: DeliveryMatch): Promise<Delivery[]>;
  /** Returns the pending scheduled messages. */
  scheduled(): Promise<Scheduled[]>;
  /** Returns the file of a message. */
  media(message: Message): Promise<Buffer>;
  /** Returns what happened, a line each. */
  transcript(query?: Record<string, string>): Promise<string>;

  /** Returns the first message that was sent and matches, as soon as there is one. */
  expectMessage(match?: MessageMatch, options?: Wait): Promise<Message>;
  /** Makes sure that no message that was sent matches, after the deliveries under way and `within` seconds. */
  expectNoMessage(match?: MessageMatch, options?: Wait): Promise<void>;
  /** Returns the first delivery that matches, as soon as there is one: delivered, unless you give a `status`. */
  expectDelivery(match?: DeliveryMatch, options?: Wait): Promise<Delivery>;
  /** Makes sure that calls of the API match, in this number or order: by default at least one. Returns their number. */
  verify(
    match?: RequestMatch,
    options?: {
      exactly?: number;
      atLeast?: number;
      atMost?: number;
      never?: true;
      inOrder?: RequestMatch[];
      since?: Wait["since"];
    },
  ): Promise<number>;

  /** Arms a fault: a preset such as "flaky", or fields of `POST /_mock/faults`. */
  fault(fault: string | Fields): Promise<Fault>;
  /** Arms a fault until the callback and the deliveries under way end, and returns what the callback does. */
  fault<T>(fault: string | Fields, callback: (fault: Fault) => T | Promise<T>): Promise<T>;

  /** The clock of the world. Times are Dates, or ISO 8601: local without an offset. */
  clock: {
    now(): Promise<Date>;
    /** Freezes the clock, now or at a time. */
    freeze(at?: Date | string): Promise<void>;
    /** Sets the clock. Runs nothing that falls due. */
    set(to: Date | string): Promise<void>;
    /** Lets the clock run again. */
    run(): Promise<void>;
    /** Advances the clock, runs what falls due on the way, and returns it. */
    advance(by: { days?: number; hours?: number; minutes?: number; seconds?: number; to?: Date | string }): Promise<Fired[]>;
    /** Advances to the next time at which something falls due. */
    advanceToNext(): Promise<Fired[]>;
  };

  /** Delivers events to a URL. */
  webhook(url: string, options?: WebhookOptions): Promise<any>;
  /** Serves a request listener, such as an Express application, on a free port, and delivers events to it. What it throws
   *  is a response of 500, and fails the test. */
  webhookApp(
    app: (request: IncomingMessage, response: ServerResponse) => unknown,
    options?: AppOptions,
  ): Promise<string>;
  /** Delivers events to a receiver that records them, for tests without an application. */
  inbox(options?: AppOptions): Promise<Inbox>;

  /** Sets a person of the directory: name, on_whatsapp, aliases, addable, rules. */
  person(number: string, fields?: Fields): Promise<any>;
  /** Creates a group of the instance and these people, and returns its JID. */
  group(subject: string, participants: string[]): Promise<string>;
}
