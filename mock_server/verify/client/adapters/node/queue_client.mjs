/**
 * The reference client of the queue protocol for Node 20 and later: its policy is that of client.mjs, its paths and bodies
 * are others.
 *
 * COMPLETED says only that a task is over: it went well if there is no `error`. What it made stands in `outputs`, flat, or
 * in the older form in `output`, nested. It follows `status_url` and `response_url` as far as their path goes; the host is
 * the one that the user named, so that the key goes to no other.
 *
 * @typedef {import('./client.mjs').Intent} Intent
 * @typedef {import('./client.mjs').Outcome} Outcome
 * @typedef {import('./client.mjs').Answer} Answer
 * @typedef {import('./client.mjs').Json} Json
 * @typedef {'status' | 'response' | 'cancel'} What
 */

import Client, { DENIED, nested, nextGap, POLL_GAP, reason, text } from './client.mjs';

/** The words for a task that has ended, in lower case. */
const ENDS = new Set(['completed', 'failed', 'cancelled', 'canceled']);
const MOST_CANCELS = 3;

export default class QueueClient extends Client {
  scheme = 'Key';
  queue = '';
  /** @type {Json} The URLs that the answer to the submit gave, if it came. */
  urls = {};

  /** @param {Intent} intent */
  async submit(intent) {
    this.queue = `/model/v1/queue/${intent.model}`;
    const answer = await this.post(this.queue, this.params(intent));
    this.urls = answer?.status === 200 ? (answer.json ?? {}) : {};
    return answer;
  }

  /** The path of what is asked of the request: as it was given, or built from our own id. @param {What} what */
  pathOf(what) {
    const given = this.urls[`${what}_url`];
    if (typeof given === 'string' && URL.canParse(given)) return new URL(given).pathname;
    return `${this.queue}/requests/${encodeURIComponent(this.order)}/${what}`;
  }

  pollPath() {
    return this.pathOf('status');
  }

  /** @param {Json | null} task @returns {task is Json} */
  isFinal(task) {
    return ENDS.has(String(task?.status).toLowerCase());
  }

  /** @param {Json} task @returns {Outcome | Promise<Outcome>} */
  ended(task) {
    if (!wentWell(task)) return failure(task);
    return 'request_id' in task ? this.result() : success(task); // a callback has the result in it
  }

  /** Fetch the result; while there is none, ask again. @returns {Promise<Outcome>} */
  async result() {
    for (let gap = POLL_GAP; ; gap = nextGap(gap)) {
      const answer = await this.tried(() => this.call(this.pathOf('response'), {}));
      if (answer !== null && DENIED.has(answer.status)) return { ...this.rejected(answer), said: 'gave_up' };
      if (answer === null || answer.json === null || answer.status > 202) return { said: 'gave_up' };
      if (answer.status !== 202) return wentWell(answer.json) ? success(answer.json) : failure(answer.json);
      if (this.kit.now() + gap >= this.endsBy) return { said: 'timeout' };
      await this.sleep(gap);
    }
  }

  /** Most refusals have a sentence alone. @param {Answer} answer @returns {Outcome} */
  rejected({ json }) {
    const error = typeof json?.error === 'object' ? json.error : {};
    return { said: 'rejected', ...reason({ message: json?.detail, ...error }) };
  }

  /** Cancel on the platform as well; that it will be, had ended, or never was are all answers. @returns {Promise<Outcome>} */
  async calledOff() {
    for (let attempt = 0; attempt < MOST_CANCELS; attempt++) {
      const answer = await this.call(this.pathOf('cancel'), { method: 'PUT' });
      if (answer !== null && answer.status < 500) break;
      await this.kit.sleep(2 ** (attempt + 1));
    }
    return { said: 'cancelled' };
  }
}

/** Whether a task that has ended has a result. @param {Json} task */
function wentWell(task) {
  return String(task.status ?? 'completed').toLowerCase() === 'completed' && !task.error;
}

/** @param {Json} made @returns {Outcome} */
function success(made) {
  const urls = made.outputs ? made.outputs.map((/** @type {Json} */ item) => item.url) : nested(made.output);
  return { said: 'completed', task_id: idOf(made), urls, cost: text(made.usage?.cost) };
}

/** The model's own code where it is given, else the type. @param {Json} task @returns {Outcome} */
function failure(task) {
  const { error, error_type: type, provider_error: provider } = task;
  const told = error !== null && typeof error === 'object' ? error : { code: provider?.code ?? type, message: error };
  return { said: 'failed', task_id: idOf(task), ...reason(told) };
}

/** @param {Json} task */
const idOf = (task) => task.request_id ?? task.id;
