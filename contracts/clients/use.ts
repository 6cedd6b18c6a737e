// Uses the generated types: submits, polls and reads a result of each model, on both protocols.
import { readFileSync } from "node:fs";
import type { components, paths } from "./api.js";

type Submit = paths["/model/v1/generation"]["post"]["requestBody"]["content"]["application/json"];
type Made = components["schemas"]["TaskMade"];
type Task = components["schemas"]["Task"];
type Status =
  paths["/model/v1/queue/kirin_v3_i2v/requests/{request_id}/status"]["get"]["responses"]["200"]["content"]["application/json"];
type Result = components["schemas"]["KirinV3I2vQueueResult"];

const [url, examples] = process.argv.slice(2);
const headers = { Authorization: "Bearer sk-clients", "Content-Type": "application/json" };

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const bodies: Record<string, { request: Submit; params: unknown }> = JSON.parse(readFileSync(examples, "utf8"));
for (const [model, { request, params }] of Object.entries(bodies)) {
  const made = await call<Made>("POST", "/model/v1/generation", request);
  const task = await call<Task>("GET", `/model/v1/generation/task/${made.id}`);
  if (task.status !== "completed") throw new Error(`${model} is ${task.status}`);
  const clip: string = task.output[0].content[0].url;
  const cost: string = task.usage.cost;
  const queued = await call<{ request_id: string }>("POST", `/model/v1/queue/${model}`, params);
  const status = await call<Status>("GET", `/model/v1/queue/${model}/requests/${queued.request_id}/status`);
  if (status.status !== "COMPLETED") throw new Error(`${model} is ${status.status}`);
  if ("error" in status) throw new Error(`${model}: ${status.error_type}: ${status.error}`);
  const result = await call<Result>("GET", `/model/v1/queue/${model}/requests/${queued.request_id}/response`);
  if (!result.outputs[0].url.endsWith(".mp4")) throw new Error(`${model} has no video on the queue`);
  console.log(`${model}: ${clip}, ${cost} USD, ${result.usage.cost} USD`);
}
