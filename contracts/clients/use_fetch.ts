// Uses the TypeScript client of openapi-generator: submits and polls each model, and reads a result of the queue.
import { readFileSync } from "node:fs";
import { Configuration, GenerationApi, QueueApi, SubmitTaskRequestFromJSON } from "./client/index.js";

const [url, examples] = process.argv.slice(2);
const configuration = new Configuration({ basePath: url, accessToken: "sk-clients" });
const generation = new GenerationApi(configuration);
const queue = new QueueApi(configuration);

const bodies: Record<string, { request: unknown; params: unknown }> = JSON.parse(readFileSync(examples, "utf8"));
for (const [model, { request }] of Object.entries(bodies)) {
  const made = await generation.submitTask({ submitTaskRequest: SubmitTaskRequestFromJSON(request) });
  const task = await generation.pollTask({ taskId: made.id });
  if (task.status !== "completed") throw new Error(`${model} is ${task.status}`);
  console.log(`${model}: ${task.output[0].content[0].url}, ${task.usage.cost} USD`);
  if (model === "kirin_v1_t2v") {
    const result = await queue.queueResponseKirinV1T2v({ requestId: made.id });
    if (result.status !== "COMPLETED") throw new Error(`${model} is ${result.status} on the queue`);
  }
}
