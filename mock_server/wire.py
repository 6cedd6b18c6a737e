"""The facts that all models share: what the documents leave open, decided, with evidence."""

from __future__ import annotations

from mock_server.rules import Evidence

FACTS: tuple[tuple[str, str, Evidence], ...] = (
    ("A task is submitted with `POST /model/v1/generation`.", "wire#1", "observed"),
    ("A task is polled with `GET /model/v1/generation/task/{task_id}`.", "wire#1", "observed"),
    ("Every call carries `Authorization: Bearer KEY`.", "all#authentication", "documented"),
    ('A body may be wrapped: `{"model", "input": [{"params"}]}`, exactly one element.', "wire#1", "observed"),
    ("The wrapper may carry `moderation`, `dash_scope` and `metadata`; `metadata` comes back.", "wire#1", "observed"),
    ("A submit answers 200 with `id`, `model`, `status`, `progress`, `created_at`, `metadata`.", "wire#1", "observed"),
    ("`created_at` is in whole Unix seconds.", "wire#1", "observed"),
    ("A submit's answer always says `in_progress` and progress 0, whatever the profile.", "wire#1", "assumed"),
    ("`output` and `usage` are there only when completed, `error` only when failed.", "all#response", "documented"),
    ("`external_task_id` is echoed in every answer.", "wire#1", "assumed"),
    ("`external_task_id` works as a task id.", "all#external_task_id", "documented"),
    ("A second task with the same `external_task_id` under one key is 409, 40901.", "wire#1", "assumed"),
    ("One API key is one user; tasks of another key are 404.", "wire#1", "assumed"),
    ("A refused body of a known model is a task failure with HTTP 400.", "wire#4", "assumed"),
    (
        "A wrong shape of a known model is a task failure with that model's code for any other mistake.",
        "wire#4",
        "assumed",
    ),
    ("Everything else is a gateway error.", "wire#4", "observed"),
    (
        "Of several mistakes the code is that of the first kind: image missing, image format, aspect ratio, prompt, "
        "duration, the rest; the message lists all.",
        "wire#4",
        "assumed",
    ),
    ("Types are exact; null and unknown parameters are refused.", "wire#4", "assumed"),
    ("Lengths count Unicode code points.", "wire#4", "assumed"),
    ("10MB is 10 MiB of decoded bytes.", "wire#4", "assumed"),
    ("Base64 is the standard alphabet with padding and without line breaks.", "wire#4", "assumed"),
    ("An image URL that ends in another file extension is refused; one without extension is not.", "wire#4", "assumed"),
    ("Image URLs are fetched and checked when they point to this machine, else taken on trust.", "wire#4", "assumed"),
    ("An image is judged by its bytes: header, width, height, and a proper end.", "wire#4", "assumed"),
    ("`watermark_info` is an object whose `enabled` is required.", "wire#4", "assumed"),
    ("`callback_url` must be an http or https URL, `external_task_id` must not be empty.", "wire#4", "assumed"),
    ("An empty list of `element_list` or `dynamic_masks` is accepted.", "wire#4", "assumed"),
    ("With a `type` other than simple, `config` is ignored: its values must be numbers, no more.", "wire#4", "assumed"),
    (
        "A task is queued before it runs; on the generation paths a queued task reads as in_progress.",
        "wire#6",
        "assumed",
    ),
    ("`watermark_info` changes neither the number of videos nor the video.", "wire#4", "assumed"),
    ("A callback is posted whenever the status changes.", "all#callback_url", "documented"),
    ("That is when a task starts running, and when it ends.", "wire#5", "assumed"),
    ("A callback's body is the task as the poll shows it at that moment.", "wire#5", "assumed"),
    ("Retries come 1, 5, 30, 120 and 600 s after the attempt before; 410 ends them.", "wire#5", "assumed"),
    ("Callbacks carry the headers of Standard Webhooks.", "wire#5", "assumed"),
    (
        "Profile fast queues 0.2 s and runs 1.6 to 2.4 s; realistic queues 2 to 8 s and runs 45 s to 4 min.",
        "wire#6",
        "assumed",
    ),
    ("A task that is bound to fail does so after two fifths of its time.", "wire#6", "assumed"),
    ("All prices are those of `fixtures/prices.json`.", "wire#1", "assumed"),
    ("`usage` is `{cost, discount}`: a decimal string in USD, a number.", "all#usage", "documented"),
)
