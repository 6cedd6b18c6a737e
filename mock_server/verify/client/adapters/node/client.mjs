/**
 * The reference client for Node 20 and later, with fetch and nothing else: a good client to start from.
 *
 * It submits under an id of its own, so that a submit can be tried again; polls with patience, and believes callbacks
 * that are signed and fresh. Its policy is that of mock_server/verify/client/reference_clients/reference.py. In a test `now` and `sleep`
 * are virtual; elsewhere they are `() => Date.now() / 1000` and a promise of setTimeout.
 *
 * @typedef {{model: string, params: Record<string, unknown>, with_callbacks: boolean, download: boolean}} Intent
 * @typedef {'completed' | 'failed' | 'rejected' | 'timeout' | 'gave_up' | 'cancelled'} Said
 * @typedef {{said: Said, task_id?: string, urls?: string[], code?: string | null, message?: string | null,
 *   cost?: string | null, saved?: string[]}} Outcome
 * @typedef {{baseUrl: string, apiKey: string, callbackUrl: string, secret: string, now: () => number,
 *   sleep: (seconds: number) => Promise<void>, emit: (outcome: Outcome) => void}} Kit  Times are Unix seconds.
 * @typedef {{status: number, retryAfter: string | null, json: Json | null}} Answer  json is null of what is no object.
 * @typedef {Record<string, any>} Json
 */

import { createHash, createHmac, randomUUID, timingSafeEqual } from 'node:crypto';

const SUBMIT = '/model/v1/generation';
const MOST_TRIES = 5;
const TOLERANCE = 300;
export const POLL_GAP = 5;
const LONGEST_GAP = 20;
const PASSING = new Set([408, 425, 429]);
export const DENIED = new Set([401, 402, 403]); // the key, the balance or a permission is missing
const CALL_TIMEOUT = 30_000; // real milliseconds

/** The user does not want it any more. */
export class Cancelled extends Error {}

/** The next step would come after the deadline. */
export class TimeIsUp extends Error {}

export default class Client {
  scheme = 'Bearer';

  /** @param {Kit} kit */
  constructor(kit) {
    this.kit = kit;
    this.order = '';
    /** @type {Set<string>} The ids of all tasks that this client made: callbacks about them are ours. */
    this.orders = new Set();
    /** Whether a submit may have made the task, though nothing said so. */
    this.unsure = false;
    this.endsBy = 0;
    this.cancelled = false;
    /** @type {Json | null} The task as a callback told its end. */
    this.task = null;
  }

  /**
   * Carry out an intent within `deadline` seconds.
   * @param {Intent} intent
   * @param {number} deadline
   * @returns {Promise<Outcome>}
   */
  async run(intent, deadline) {
    this.order = text(intent.params.external_task_id) || randomUUID();
    this.unsure = false;
    this.endsBy = this.kit.now() + deadline;
    this.cancelled = false;
    this.task = null;
    const outcome = await this.carriedOut(intent).catch((error) => {
      if (error instanceof Cancelled) return this.calledOff();
      if (error instanceof TimeIsUp) return /** @type {Outcome} */ ({ said: 'timeout' });
      throw error;
    });
    this.kit.emit(outcome);
    return outcome;
  }

  /** What to do and to tell once the user has cancelled. @returns {Promise<Outcome>} */
  async calledOff() {
    return { said: 'cancelled' };
  }

  /** The user does not want it any more. */
  cancel() {
    this.cancelled = true;
  }

  /**
   * Take a callback; the status to answer it with.
   * @param {Record<string, string>} headers  Their names in lower case, as Node has them.
   * @param {Buffer} body  As it came: the signature is over these bytes.
   * @returns {number}
   */
  onCallback(headers, body) {
    if (!this.#isBelieved(headers, body)) return 401;
    const task = parsed(body);
    if (task === null) return 400;
    if (!this.orders.has(task.external_task_id)) return 404;
    const mine = task.external_task_id === this.order;
    if (mine && this.isFinal(task)) this.task ??= task; // what comes after the end changes nothing
    return 200;
  }

  /**
   * Whether a callback is signed with our secret, and fresh. During a rotation of secrets there are several signatures.
   * @param {Record<string, string>} headers
   * @param {Buffer} body
   */
  #isBelieved(headers, body) {
    const timestamp = headers['webhook-timestamp'] ?? '0';
    const hmac = createHmac('sha256', Buffer.from(this.kit.secret.replace(/^whsec_/, ''), 'base64'));
    hmac.update(`${headers['webhook-id']}.${timestamp}.`).update(body);
    const right = Buffer.from(`v1,${hmac.digest('base64')}`);
    const given = (headers['webhook-signature'] ?? '').split(' ').map((one) => Buffer.from(one));
    const fresh = Math.abs(this.kit.now() - Number(timestamp)) <= TOLERANCE;
    return fresh && given.some((one) => one.length === right.length && timingSafeEqual(one, right));
  }

  /** @param {Intent} intent @returns {Promise<Outcome>} */
  async carriedOut(intent) {
    const submitted = await this.tried(() => this.sent(intent));
    if (submitted === null) return { said: 'gave_up' };
    const isMade = submitted.status === 200 || (submitted.status === 409 && this.unsure);
    if (!isMade) return this.rejected(submitted); // a 409 without a lost answer: the id is somebody else's
    const outcome = await this.followed();
    if (!intent.download || outcome.said !== 'completed') return outcome;
    const saved = [];
    for (const url of outcome.urls ?? []) saved.push(await this.#digest(url));
    return { ...outcome, saved: saved.filter((one) => one !== null) };
  }

  /** Submit, and remember when nobody can say what came of it. @param {Intent} intent */
  async sent(intent) {
    this.orders.add(this.order);
    const answer = await this.submit(intent);
    if (answer === null || answer.status >= 500 || (answer.status < 300 && answer.json === null)) this.unsure = true;
    return answer;
  }

  /** @param {Intent} intent */
  submit(intent) {
    return this.post(SUBMIT, { model: intent.model, input: [{ params: this.params(intent) }] });
  }

  /** The parameters of a submit, under our own id. @param {Intent} intent */
  params(intent) {
    /** @type {Record<string, unknown>} */
    const params = { ...intent.params, external_task_id: this.order };
    if (intent.with_callbacks) params.callback_url = this.kit.callbackUrl;
    return params;
  }

  /** @param {string} path @param {unknown} body */
  post(path, body) {
    const headers = { 'content-type': 'application/json' };
    return this.call(path, { method: 'POST', headers, body: written(body) });
  }

  /** Where the task is asked for. */
  pollPath() {
    return `${SUBMIT}/task/${encodeURIComponent(this.order)}`;
  }

  /** A status that is not known is no end. @param {Json | null} task @returns {task is Json} */
  isFinal(task) {
    return task?.status === 'completed' || task?.status === 'failed';
  }

  /** What to tell of a task that has ended. @param {Json} task @returns {Outcome | Promise<Outcome>} */
  ended(task) {
    if (task.status === 'failed') return { said: 'failed', task_id: task.id, ...reason(task.error) };
    return { said: 'completed', task_id: task.id, urls: nested(task.output), cost: text(task.usage?.cost) };
  }

  /** What to tell of a body that was refused. @param {Answer} answer @returns {Outcome} */
  rejected({ json }) {
    const gateway = { code: json?.status?.error_code, error_message: json?.status?.message };
    return { said: 'rejected', ...reason(json?.error ?? gateway) };
  }

  /** Wait for the end of the task. @returns {Promise<Outcome>} */
  async followed() {
    for (let gap = POLL_GAP; this.kit.now() + gap < this.endsBy; gap = nextGap(gap)) {
      await this.sleep(gap);
      if (this.task !== null) return this.ended(this.task);
      const answer = await this.tried(() => this.call(this.pollPath(), {}));
      if (answer === null) return { said: 'gave_up' };
      if (DENIED.has(answer.status)) return { ...this.rejected(answer), said: 'gave_up' };
      if (answer.status < 300 && this.isFinal(answer.json)) return this.ended(answer.json);
    }
    return { said: 'timeout' };
  }

  /**
   * One call; null when its answer was lost. Redirects are not followed: the key is for this platform alone.
   * @param {string} path
   * @param {RequestInit} init
   * @returns {Promise<Answer | null>}
   */
  async call(path, init) {
    const headers = { ...init.headers, authorization: `${this.scheme} ${this.kit.apiKey}` };
    const signal = AbortSignal.timeout(CALL_TIMEOUT);
    try {
      const answer = await fetch(this.kit.baseUrl + path, { ...init, headers, redirect: 'manual', signal });
      const json = parsed(await answer.arrayBuffer());
      return { status: answer.status, retryAfter: answer.headers.get('retry-after'), json };
    } catch {
      return null; // it was reset, timed out, or broke off
    }
  }

  /**
   * A call, tried again while that makes sense; null when it never worked.
   * @param {() => Promise<Answer | null>} send
   */
  async tried(send) {
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      const answer = await send();
      if (answer !== null && isTheAnswer(answer)) return answer;
      const wait = this.#waitAfter(answer, attempt);
      if (this.kit.now() + wait > this.endsBy) return null;
      await this.sleep(wait);
    }
    return null;
  }

  /** How many seconds to wait after a failure. @param {Answer | null} answer @param {number} attempt */
  #waitAfter(answer, attempt) {
    const own = Math.min(2 ** (attempt + 1), 30);
    const asked = answer?.retryAfter;
    if (asked == null) return own;
    const seconds = /^\d+$/.test(asked) ? Number(asked) : Date.parse(asked) / 1000 - this.kit.now();
    return seconds > own ? seconds : own; // also where it is neither a number nor a date
  }

  /** @param {number} seconds */
  async sleep(seconds) {
    if (this.kit.now() + seconds >= this.endsBy) throw new TimeIsUp();
    await this.kit.sleep(seconds);
    if (this.cancelled) throw new Cancelled();
  }

  /**
   * Fetch a video, again if it breaks off; its SHA-256, or null if it never came whole.
   * @param {string} url
   */
  async #digest(url) {
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      try {
        const answer = await fetch(url, { redirect: 'manual' }); // without the key
        const sum = createHash('sha256');
        for await (const part of answer.body ?? []) sum.update(part); // rejects if it is shorter than Content-Length
        if (answer.ok) return sum.digest('hex');
      } catch {
        // it was reset, or broke off
      }
      await this.sleep(this.#waitAfter(null, attempt));
    }
    return null;
  }
}

/** Whether trying again would bring no other answer. @param {Answer} answer */
function isTheAnswer({ status, json }) {
  if (status >= 500 || PASSING.has(status)) return false;
  return status >= 400 || json !== null;
}

/** How long to wait before the poll after the next one. @param {number} gap */
export function nextGap(gap) {
  return Math.min(gap * 1.5, LONGEST_GAP);
}

/** All URLs of an output, in order. @param {Json[] | undefined} output @returns {string[]} */
export function nested(output) {
  return (output ?? []).flatMap((one) => one.content).map((/** @type {Json} */ item) => item.url);
}

/** The multi-image model says message, the others error_message. @param {Json | null | undefined} error */
export function reason(error) {
  return { code: text(error?.code), message: text(error?.error_message ?? error?.message) };
}

/** JSON, with a BigInt as the number that it is: ids may be larger than 2 ** 53. @param {unknown} value */
function written(value) {
  const mark = randomUUID();
  const json = JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? mark + one : one));
  return json.replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1');
}

/** @param {unknown} value */
export const text = (value) => (value == null ? null : String(value));

/** A JSON object, or null of anything else. @param {ArrayBuffer | Buffer} body @returns {Json | null} */
function parsed(body) {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
