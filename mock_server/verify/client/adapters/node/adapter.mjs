/**
 * The adapter for clients in Node 20 and later: it lets `kirin-mock verify client` drive one, over JSON lines.
 *
 *     kirin-mock verify client -- node mock_server/verify/client/adapters/node/adapter.mjs [CLIENT.mjs]
 *
 * CLIENT.mjs, else client.mjs beside this file, exports a class, as its default or as `Client`. One is made for a run,
 * with {baseUrl, apiKey, callbackUrl, secret, now, sleep, emit}. It has `run(intent, deadline)` and, if it can do that,
 * the methods `onCallback(headers, body)`, whose result is the status to answer with, and `cancel()`. All may be async.
 * Intents and outcomes have the names that docs/adapters.md gives them; integers that no number can hold are BigInts.
 * The intents of one case are carried out by one client, one after another; with `static intents = 'one'` only the first.
 * The client takes its time from `now()`, pauses with `sleep(seconds)`, one at a time, and logs to standard error. If
 * one of its methods throws, the program ends with 1.
 *
 * @typedef {Record<string, any>} Message
 */

import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

globalThis.console = new console.Console(process.stderr); // standard output is for messages alone

/** Virtual time: as it was last told; or real time, run faster. */
class Time {
  #real = false;
  #scale = 1;
  #told = 0;
  #toldAt = 0;
  /** @type {(() => void) | null} What ends the sleep that is under way. */
  #wake = null;

  /** @param {Message} hello */
  begin(hello) {
    this.#real = hello.time === 'real';
    this.#scale = hello.scale;
  }

  /** @param {number} now */
  tell(now) {
    this.#told = now;
    this.#toldAt = performance.now();
  }

  /** Virtual Unix seconds. */
  now = () => this.#told + (this.#real ? ((performance.now() - this.#toldAt) / 1000) * this.#scale : 0);

  /**
   * Let virtual seconds pass.
   * @param {number} seconds
   * @returns {Promise<void>}
   */
  sleep = async (seconds) => {
    const length = Math.max(seconds, 0);
    if (this.#real) {
      const milliseconds = Math.ceil((length * 1000) / this.#scale) + 1; // timers may be early by one
      return new Promise((wake) => void setTimeout(wake, milliseconds));
    }
    if (this.#wake !== null) throw new Error('sleep was called during another sleep');
    return new Promise((wake) => {
      this.#wake = wake;
      say({ type: 'sleep', seconds: length });
    });
  };

  /** The sleep is over. */
  resume() {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

const time = new Time();
/** @type {Message} */
let kit = {};
/** @type {any} The client of the last run: callbacks go to it even after that has ended. */
let client = null;
/** @type {number | null} The run that is under way. */
let current = null;

/** Said at once: on POSIX a write to a pipe ends when it is done. @param {Message} message */
function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** @type {Record<string, (message: Message) => void | Promise<void>>} */
const heard = {
  hello(message) {
    time.begin(message);
    kit = {
      baseUrl: message.base_url,
      apiKey: message.api_key,
      callbackUrl: message.callback_url,
      secret: message.secret,
      now: time.now,
      sleep: time.sleep,
      emit: (/** @type {Message} */ outcome) => say({ type: 'emit', ...outcome }),
    };
    const can = Client.prototype;
    const intents = Client.intents ?? 'in_turn';
    say({ type: 'ready', protocol: 1, callbacks: 'onCallback' in can, cancel: 'cancel' in can, intents });
  },

  async run({ id, intent, deadline, again }) {
    current = id;
    if (!again) client = new Client(kit); // else the same one carries out another intent
    const outcome = await client.run(intent, deadline);
    current = null;
    say({ type: 'outcome', id, ...outcome });
  },

  resume() {
    time.resume();
  },

  async callback({ id, headers, body_base64 }) {
    const lowered = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const status = client === null ? 404 : await client.onCallback(lowered, Buffer.from(body_base64, 'base64'));
    if (!Number.isInteger(status)) throw new TypeError(`onCallback returned ${status}, which is no HTTP status`);
    say({ type: 'callback_result', id, status });
  },

  async cancel({ id }) {
    if (id === current) await client.cancel?.();
  },
};

/** @type {(error: unknown) => never} The last line of standard error is what the report shows. */
function crash(error) {
  if (error instanceof Error) console.error(error.stack);
  console.error(String(error));
  process.exit(1);
}
process.on('uncaughtException', crash); // and what nobody awaited

const MARK = randomUUID();
const TOKEN = /"(?:[^"\\]+|\\.)*"|-?\d[\d.eE+-]*/g;

/** JSON, with integers as BigInts where a number would change them. @param {string} line @returns {Message} */
function parsed(line) {
  const changes = (/** @type {string} */ token) => /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
  const marked = line.replace(TOKEN, (token) => (changes(token) ? `"${MARK}${token}"` : token));
  const isMarked = (/** @type {unknown} */ value) => typeof value === 'string' && value.startsWith(MARK);
  return JSON.parse(marked, (_, value) => (isMarked(value) ? BigInt(value.slice(MARK.length)) : value));
}

/** @param {string} line */
async function take(line) {
  const message = parsed(line);
  if (typeof message.now === 'number') time.tell(message.now);
  await heard[message.type]?.(message);
}

const path = process.argv[2];
const module = await import(path ? pathToFileURL(resolve(path)).href : './client.mjs').catch(crash);
const Client = module.default ?? module.Client;
if (typeof Client?.prototype?.run !== 'function') crash(`${path} exports no class that has run`);

// By hand, as readline takes U+2028 for the end of a line too. Nothing is awaited: a message may come at any time.
let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (part) => {
  const lines = (rest + part).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) take(line).catch(crash);
});
process.stdin.on('end', () => process.exit(0));
process.stdout.on('error', () => process.exit(0)); // nobody listens any more
