"""The facts that all models share: what the documents leave open, decided, with evidence."""

from __future__ import annotations

from mock_server.contract.rules import Evidence

PAGES: Evidence = "documented: platform pages"

FACTS: tuple[tuple[str, str, Evidence], ...] = (
    ("A task is submitted with `POST /model/v1/generation`.", "wire#1", "observed"),
    ("A task is polled with `GET /model/v1/generation/task/{task_id}`.", "wire#1", "observed"),
    ("Every call carries `Authorization: Bearer KEY`.", "all#authentication", "documented"),
    ('A body may be wrapped: `{"model", "input": [{"params"}]}`, exactly one element.', "wire#1", "observed"),
    ("The wrapper may carry `moderation`, `dash_scope` and `metadata`; `metadata` comes back.", "wire#1", "observed"),
    ("A submit answers 200 with `id`, `model`, `status`, `progress`, `created_at`, `metadata`.", "wire#1", "observed"),
    ("`created_at` is in whole Unix seconds.", "wire#1", "observed"),
    ("A submit's answer always says `in_progress` and progress 0, with every timing.", "wire#1", "assumed"),
    ("`progress` is there only while a task is in progress.", "wire#1", "sibling"),
    ("`metadata` has timing beside what the client sent.", "wire#1", "sibling"),
    ("Its names are `in_queue_at` and, once ended, `completed_at`, in whole Unix milliseconds.", "wire#1", "observed"),
    ("Where the client sent one of these names, ours is shown.", "wire#1", "assumed"),
    ("`output` and `usage` are there only when completed, `error` only when failed.", "all#response", "documented"),
    ("`external_task_id` is echoed in every answer.", "wire#1", "assumed"),
    ("`external_task_id` works as a task id.", "all#external_task_id", "documented"),
    ("A second task with the same `external_task_id` under one key is 409, 40901.", "wire#1", "assumed"),
    ("One API key is one user; tasks of another key are 404.", "wire#1", "assumed"),
    ("A rejected body of a known model is a task failure with HTTP 400.", "wire#4", "assumed"),
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
    ("Types are exact; null and unknown parameters are rejected.", "wire#4", "assumed"),
    ("Lengths count Unicode code points.", "wire#4", "assumed"),
    ("10MB is 10 MiB of decoded bytes.", "wire#4", "assumed"),
    ("Base64 is the standard alphabet with padding and without line breaks.", "wire#4", "assumed"),
    (
        "An image URL with another file extension is rejected; one without extension is not.",
        "wire#4",
        "assumed",
    ),
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
        "Timing fast queues 0.2 s and runs 1.6 to 2.4 s; realistic queues 2 to 8 s and runs 45 s to 4 min.",
        "wire#6",
        "assumed",
    ),
    ("A task that is bound to fail does so after two fifths of its time.", "wire#6", "assumed"),
    ("All prices are those of `fixtures/prices.json`.", "wire#1", "assumed"),
    ("`usage` is `{cost, discount}`: a decimal string in USD, a number.", "all#usage", "documented"),
    ("`usage` may have `quantity`, `unit_price` and `extra_info`; by default it has not.", "wire#8", "observed"),
    ("The quantity is one task, its unit price the cost.", "wire#8", "assumed"),
    ("The queue protocol has `POST /model/v1/queue/{model}` with the bare parameters.", "wire#2", PAGES),
    ("`Authorization: Key KEY` is as good as `Bearer KEY`, on every path.", "wire#2", PAGES),
    ("Below it are `requests/{request_id}/status`, `/response` and `/cancel`.", "wire#2", PAGES),
    (
        "A queue submit answers `{request_id, response_url, status_url, cancel_url, queue_position}` with absolute "
        "URLs on the address the client used.",
        "wire#2",
        PAGES,
    ),
    ("A `request_id` is `mmsu_` and the task's id; `queue_position` is 0.", "wire#2", "assumed"),
    ("A task is `IN_QUEUE`, `IN_PROGRESS` or `COMPLETED`; COMPLETED says only that it is over.", "wire#2", PAGES),
    ("A task that went well has `metrics.inference_time`: for how many seconds it was in progress.", "wire#2", PAGES),
    ("A task that did not has `error`, a sentence, and `error_type`, one of six words.", "wire#2", PAGES),
    ("A failed task also has `provider_error` with its model's code, and `logs`.", "wire#2", "observed"),
    (
        "Codes for what the body got wrong, and for a task that could not be made, are REQUEST_INVALID; those for a "
        "service that does not answer or lacks resources INTERNAL_SERVER_ERROR; all others INFERENCE_FAILURE.",
        "wire#2",
        "assumed",
    ),
    ("INFERENCE_TIMEOUT and CONTENT_BLOCKED come by scenario only.", "wire#2", "assumed"),
    ("The response of a task that has not ended is 202, with the body of the status.", "wire#2", PAGES),
    ("The response of a task that went well is `{request_id, outputs, metadata}`.", "wire#2", PAGES),
    ("It also has `status` and `usage`; that of a failed task is the body of the status.", "wire#2", "assumed"),
    ("An item of `outputs` is flat; several videos are several items, in order.", "wire#2", PAGES),
    ("`file_size` is left out while the video is not rendered, whether it was fetched or not.", "wire#2", "assumed"),
    ("A `file_name` is the task's id and the place of the video.", "wire#2", "assumed"),
    (
        "Cancel answers 202 CANCELLATION_REQUESTED, 400 ALREADY_COMPLETED or 404 NOT_FOUND.",
        "wire#2",
        PAGES,
    ),
    ("Each of these has the `request_id`; a cancelled task ends at once.", "wire#2", "assumed"),
    ("`status/stream` is not supported: 400; `sync` is 404.", "wire#2", PAGES),
    (
        "The queue's errors are `{detail}`; for keys and rates `{error: {code, message}, request_id}`, where the id is "
        "that of the call.",
        "wire#2",
        PAGES,
    ),
    (
        "Too many running tasks are RATE_LIMIT_EXCEEDED too; 402, 405, 409, 413, 415 are `{detail}`.",
        "wire#2",
        "assumed",
    ),
    (
        "A body that breaks its document is 400 with the model's `error` and the same sentence as `detail`.",
        "wire#2",
        "assumed",
    ),
    ("A webhook asked for in the body, the query or a header is 400.", "wire#2", PAGES),
    ("Its names there are `webhook_url`, `webhook` and `X-Webhook-Url`, `X-Webhook`.", "wire#2", "assumed"),
    (
        "In the older form the words are lower-case, a failed task has its own, `output` is nested as on the "
        "generation paths, `error` is the model's object, and a submit has a status.",
        "wire#2",
        "observed",
    ),
    ("HTTP statuses, URLs and refusals are the same in both forms.", "wire#2", "assumed"),
    ("Either protocol finds a task by its id, its request id or its external id, in this order.", "wire#2", "assumed"),
    ("A request below another model's path is not found.", "wire#2", PAGES),
    (
        "On the generation paths and in callbacks a cancelled task is failed, with its model's code for a failed "
        "generation.",
        "wire#2",
        "assumed",
    ),
    (
        "A call on the generation side that names v1.5 in its body and has no good key gets 00200306.",
        "wire#4",
        "assumed",
    ),
    ("`model` is no parameter of a queue submit: the path names it.", "wire#2", "assumed"),
    ("Discovery, login, upload and balance answer `{status: {code, message}, data}`.", "wire#3", "observed"),
    (
        "The list of models filters by `type`, `provider` and `keywords`, all of which must be there.",
        "wire#3",
        "assumed",
    ),
    ("The list can be asked for 500 models and more on a page.", "wire#3", "observed"),
    (
        "`page` counts from 1; `page_size` is by default 20, and one above 1,000 counts as 1,000.",
        "wire#3",
        "assumed",
    ),
    ("`type`, `provider`, `keywords` and the filters of the search compare without case.", "wire#3", "observed"),
    (
        "`keywords` also finds the names that clients show (`Kling ...`, `kling_v1_t2v`), and Kling and kuaishou are "
        "this provider too.",
        "wire#3",
        "observed",
    ),
    ("Modalities are written `Text`, `Image` and `Video`.", "wire#3", "observed"),
    (
        "A listed model has `source_collection` (`multi_models_new`), `original_model_id` and `model_subtype` (`i2v`).",
        "wire#3",
        "observed",
    ),
    ("`original_model_id` is the model's id; `model_subtype` is t2v for a model without images.", "wire#3", "assumed"),
    ("With `include_curl=true` a listed model has `curl`, a call in one line.", "wire#3", "observed"),
    ("That call is a submit to the queue, since clients make use of no other.", "wire#3", "observed"),
    ("It sends the model's example with the key YOUR_API_KEY.", "wire#3", "assumed"),
    (
        "Below discovery a model may be called `kling_...` for `kirin_...`; its answers say `kirin_...`.",
        "wire#3",
        "assumed",
    ),
    ("An `input_schema` says `additionalProperties: false` at its top only.", "wire#3", "observed"),
    (
        "`input_rules` are `{kind, fields, when, required, notes}` with kind `one_of`, `at_least_one`, `requires` or "
        "`mutually_exclusive`.",
        "wire#3",
        "observed",
    ),
    (
        "Clients compare the values in `when` with parameters of these names, defaults filled in; all of `required` "
        "must then be there.",
        "wire#3",
        "observed",
    ),
    (
        "A parameter that works only with one value of another is listed as `mutually_exclusive` with the other values "
        "in `when`.",
        "wire#3",
        "assumed",
    ),
    ("A rule that none of these kinds says is listed as one of kind `note`.", "wire#3", "assumed"),
    ("`GET /model/v1/models/skill/{model}` is a page in Markdown.", "wire#3", "observed"),
    (
        "`GET /model/v1/models/skill/search` takes `q`, `input`, `output`, `type`, `provider` and `limit`, and answers "
        "`hits` with their counts, in no envelope.",
        "wire#3",
        "observed",
    ),
    ("A hit has the model's id as `id` and `name`, and its page as `skill_content`.", "wire#3", "observed"),
    ("`type` of a search is video, t2v or i2v; all counts are given, `processingTimeMs` as 0.", "wire#3", "assumed"),
    (
        "A login begins with `POST /api/v1/cli/device/code` and is polled with `POST /api/v1/cli/token`, neither with "
        "a key.",
        "wire#3",
        "observed",
    ),
    (
        "A poll answers `status`: authorized, with `access_token`, `refresh_token` and `api_key`, pending or expired.",
        "wire#3",
        "observed",
    ),
    ("`GET /api/v1/auth/me` is `{user: {id, email, account, name, role}}`.", "wire#3", "observed"),
    ("A login is authorized at once; its access token is its API key.", "wire#3", "assumed"),
    ("A device code is valid for 30 minutes of the clock; 1,000 are remembered.", "wire#3", "assumed"),
    ("A device code that nobody was given is 404, 40401.", "wire#3", "assumed"),
    ("The proof of a login, a signature of the client, is not looked at.", "wire#3", "assumed"),
    ("Where API keys were named, a login is rejected: 409, 40904.", "wire#3", "assumed"),
    (
        "A spec gives every bound of the document, those included that apply at times only; an `input_schema` "
        "only those that always apply, and `input_rules` the others.",
        "wire#3",
        "assumed",
    ),
    ("An uploaded file needs no key to be read, and is an image URL checked like any.", "wire#3", "assumed"),
    ("A task is charged when it is made; failed and cancelled tasks are refunded.", "wire#3", "assumed"),
    ("A submit that cannot be paid is 402, 40201.", "wire#4", "assumed"),
    ("Too many running tasks are 429, 42902, too many calls 429, 42901, with `Retry-After`.", "wire#4", "assumed"),
    ("Queued and paused tasks count as running.", "wire#4", "assumed"),
    (
        "Calls are counted in windows that begin with the first call; `RateLimit-*` headers say so.",
        "wire#4",
        "assumed",
    ),
    (
        "`Retry-After` and `RateLimit-Reset` are in the client's seconds, whatever the clock's speed.",
        "wire#4",
        "assumed",
    ),
    ("Of several refusals the first counts: key, rate, body, duplicate, balance, running tasks.", "wire#4", "assumed"),
    ("A request body may be gzip; any other Content-Encoding is 415.", "wire#4", "assumed"),
    ("Every answer has an `X-Request-Id`: the client's own, or one of ours.", "wire#4", "assumed"),
    ("A callback that is redirected was not received.", "wire#5", "assumed"),
)
