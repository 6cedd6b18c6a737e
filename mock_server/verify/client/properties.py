"""The properties of a client whose intent and outcome are known, beside those that its traffic shows."""

from __future__ import annotations

from mock_server.conformance.properties import PROPERTIES, Property
from mock_server.verify.client.identity_properties import IDENTITY
from mock_server.verify.client.spending_properties import SPENDING

VALUE: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "A01",
            "sends-all-parameters",
            "A submit has every parameter of the intent.",
            "the model's document: every parameter has a meaning",
            "must",
            "body = {k: v for k, v in params.items() if v}",
            "body = {'model': model, **params}",
        ),
        Property(
            "A02",
            "sends-unchanged-values",
            "The parameters of a submit have exactly the values of the intent, to the last character.",
            "the model's document: every parameter has a meaning",
            "must",
            "body['prompt'] = prompt.strip()[:200]",
            "body['prompt'] = prompt",
        ),
        Property(
            "A03",
            "no-extra-parameters",
            "A submit has no parameters that are not in the intent.",
            "the model's document: a parameter that is left out has a default",
            "must",
            "body = {'mode': 'pro', **params}",
            "body = {'model': model, **params}",
        ),
        Property(
            "A04",
            "survives-any-response",
            "No response of the platform makes the client crash.",
            "RFC 9110, 15: any status may occur; JSON objects may get new fields",
            "must",
            "url = answer.json()['output'][0]['content'][0]['url']",
            "except ValueError: try again; unknown fields and statuses are passed over",
        ),
        Property(
            "A05",
            "reports-rejection-code",
            "The client reports a rejected body as rejected, with the error code exactly as the platform wrote it.",
            "the model's error codes; they are strings, including their zeros",
            "must",
            "return {'error': int(code)}",
            "return Rejected(code=error['code'])",
        ),
        Property(
            "A06",
            "completes-despite-failures",
            "The client reports a task that completes in time as completed, despite a few temporary failures.",
            "wire#1: a task completes by itself, whether or not it is polled",
            "must",
            "answer.raise_for_status()",
            "a 5xx or a reset of a poll says nothing of the task; poll again",
        ),
        Property(
            "A07",
            "no-false-success",
            "The client reports only a completed task as completed.",
            "wire#1: the final statuses are completed and failed",
            "must",
            "if status != 'in_progress': return Done(...)",
            "if status == 'completed': return Done(...)",
        ),
        Property(
            "A08",
            "returns-all-outputs",
            "The client returns all URLs of the output, in order and unchanged.",
            "all#response: output is a list",
            "must",
            "urls = [task['output'][0]['content'][0]['url']]",
            "urls = [item['url'] for output in task['output'] for item in output['content']]",
        ),
        Property(
            "A09",
            "returns-exact-cost",
            "The client returns the cost exactly as the platform wrote it.",
            "wire#1: a decimal string in USD",
            "should",
            "cost = float(usage['cost'])",
            "cost = usage['cost']",
        ),
        Property(
            "A10",
            "returns-task-id",
            "The client returns the id of the task.",
            "wire#1: the response to the submit has it",
            "must",
            "return task_ids[-1]",
            "return task['id']",
        ),
        Property(
            "A11",
            "success-only-when-confirmed",
            "The client reports success only after a response or a genuine callback says completed.",
            "wire#1: only the status says it",
            "must",
            "except ValueError: return Done(...)  # assumes that it ended",
            "if task['status'] == 'completed': return Done(...)",
        ),
        Property(
            "A12",
            "no-false-failure",
            "The client reports only a failed task as failed.",
            "wire#1: the final statuses are completed and failed",
            "must",
            "if status not in ('in_progress', 'completed'): raise Failed",
            "if answer.status_code == 200 and status == 'failed': raise Failed",
        ),
        Property(
            "A13",
            "returns-exact-error-code",
            "The client returns the error code of a failed task exactly as the platform wrote it.",
            "the model's error codes; they are strings, including their zeros",
            "must",
            "raise Failed(int(error['code']))",
            "raise Failed(error['code'])",
        ),
        Property(
            "A14",
            "reports-failure",
            "The client reports a failed task as failed.",
            "wire#1: a failed task has an error and no output",
            "must",
            "while not task.get('output'): poll()",
            "if status == 'failed': raise Failed(error['code'])",
        ),
        Property(
            "A15",
            "ignores-forged-callbacks",
            "The client ignores a callback that anybody could have sent.",
            "Standard Webhooks, verifying",
            "must",
            "results[body['id']] = body['output']",
            "if not verified(headers, body): return 401",
        ),
        Property(
            "A16",
            "survives-any-callback",
            "No request to its callback URL makes the client crash.",
            "anybody can post to a callback URL",
            "must",
            "task = json.loads(body)",
            "except ValueError: return 400",
        ),
        Property(
            "A17",
            "reports-result-once",
            "The client reports the end of a task to its user once, however often it receives it.",
            "wire#5: delivery is at least once",
            "must",
            "def hook(task): queue.put(task)",
            "def hook(task): if task['id'] not in seen: ...",
        ),
        Property(
            "A18",
            "final-result-stable",
            "The result that the client has reported as final does not change.",
            "wire#1: a final status does not change",
            "must",
            "self.status = body['status']",
            "if self.status not in FINAL: self.status = body['status']",
        ),
        Property(
            "A19",
            "rejects-invalid-input",
            "The client never reports an intent that violates its document as completed.",
            "the model's document",
            "must",
            "duration = '5' if duration not in ('5', '10') else duration",
            "send what was asked, and tell of the refusal",
        ),
        Property(
            "A20",
            "stops-when-cancelled",
            "After its user has cancelled, the client stops submitting and polling, and reports that it is cancelled.",
            "the request of the user",
            "should",
            "def cancel(self): self.done = True  # but no loop checks it",
            "while not self.cancelled and now() < deadline: poll()",
        ),
        Property(
            "A21",
            "api-key-not-leaked",
            "The API key is in no log, output, message or URL.",
            "an API key gives access to money",
            "must",
            "log.debug('POST %s %s', url, headers)",
            "log.debug('POST %s', url)",
        ),
        Property(
            "A22",
            "saves-complete-videos",
            "A video that the client saves is exactly the one that was generated, to the byte.",
            "RFC 9112, 6.3: a body shorter than Content-Length is incomplete",
            "must",
            "for part in response: file.write(part)  # without any check",
            "if size != content_length: fetch it again",
        ),
        Property(
            "A23",
            "reports-error-message",
            "The client returns the message of a failure, whichever field contains it.",
            "wire#1: error_message, or message for the multi-image model; wire#2: error",
            "should",
            "error.get('error_message')",
            "error.get('error_message', error.get('message'))",
        ),
        Property(
            "W31",
            "verifies-raw-body",
            "The client verifies the signature of a callback over the bytes of the body as they arrived.",
            "Standard Webhooks, verifying: the raw body is signed",
            "must",
            "verify(headers, json.dumps(request.json()))",
            "verify(headers, request.body)",
        ),
        Property(
            "W32",
            "tolerates-clock-difference",
            "The client accepts a genuine callback whose timestamp differs from its clock by less than five minutes.",
            "Standard Webhooks: the libraries accept five minutes in both directions",
            "should",
            "if int(headers['webhook-timestamp']) != int(now()): return 401",
            "if abs(now() - int(headers['webhook-timestamp'])) > 300: return 401",
        ),
        Property(
            "W33",
            "answers-callbacks-in-time",
            "The client answers a callback within the 10 s that the sender waits, and does slow work later.",
            "wire#5: timeout 10 s",
            "should",
            "def hook(task): download(task); return 200",
            "def hook(task): queue.put(task); return 200",
        ),
        Property(
            "W14",
            "meets-deadline",
            "A client with a deadline ends by then and reports an outcome.",
            "the intent",
            "must",
            "while True: poll()",
            "while now() < deadline: poll()",
        ),
    )
}

#: Further properties of a client of the queue protocol.
QUEUE: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "Q01",
            "completed-with-error-is-failure",
            "The client never reports a task that is COMPLETED and has an error as completed.",
            "wire#2: COMPLETED only means that the task is over",
            "must",
            "if status['status'] == 'COMPLETED': return Done(...)",
            "if status['status'] == 'COMPLETED' and not status.get('error'): return Done(...)",
        ),
        Property(
            "Q02",
            "canceled-is-not-success",
            "The client never reports a task that is COMPLETED because somebody cancelled it as completed.",
            "wire#2: a cancelled task is COMPLETED with error_type CANCELED",
            "must",
            "if status.get('error_type') == 'CANCELED': return Done([])",
            "if status.get('error'): raise Failed(status['error_type'])",
        ),
        Property(
            "Q03",
            "not-ready-is-not-a-result",
            "A 202 on the result is neither the result nor a failure: the client asks again until its deadline.",
            "wire#2: before the end the path of the result answers 202 with the status",
            "must",
            "if answer.is_success: return Done(answer.json())",
            "while answer.status_code == 202: sleep(gap); answer = get(response_url)",
        ),
        Property(
            "Q04",
            "reads-both-output-forms",
            "The client reads the videos of a result from outputs, or in the older form from the nested output.",
            "wire#2: outputs; gateway age",
            "must",
            "items = [item for output in result['output'] for item in output['content']]",
            "items = result.get('outputs') or [item for one in result.get('output', ()) for item in one['content']]",
        ),
        Property(
            "Q05",
            "reports-error-type-or-code",
            "The client reports a queue failure with its error_type or the code in provider_error, exactly as written.",
            "wire#2: error_type; provider_error has the model's documented code",
            "must",
            "raise Failed(status['error'])",
            "raise Failed(status.get('provider_error', {}).get('code') or status['error_type'], status['error'])",
        ),
    )
}

#: Further properties of a program under test.
PROGRAM: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "X01",
            "writes-only-protocol-messages",
            "A program under test writes only messages of the protocol to its standard output, in the right order.",
            "docs/adapters.md",
            "must",
            "print('submitting ...')",
            "print('submitting ...', file=sys.stderr)",
        ),
        Property(
            "X02",
            "exits-when-input-ends",
            "When its input ends, a program under test exits, together with every process that it started.",
            "docs/adapters.md",
            "must",
            "while True: handle(input())",
            "for line in sys.stdin: handle(line)",
        ),
    )
}

#: All properties of a client under test.
ALL: dict[str, Property] = dict(sorted({**PROPERTIES, **VALUE, **QUEUE, **IDENTITY}.items()))
#: Properties that apply only to the queue protocol.
QUEUE_ONLY: frozenset[str] = frozenset({*QUEUE, "I03"})
EVERY: dict[str, Property] = {**ALL, **PROGRAM, **SPENDING}
