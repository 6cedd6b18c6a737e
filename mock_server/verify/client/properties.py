"""What can be held against a client whose intent and outcome are known, beside what its traffic shows."""

from __future__ import annotations

from mock_server.conformance.properties import PROPERTIES, Property

VALUE: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "A01",
            "sends-what-was-asked",
            "A submit has every parameter of the intent.",
            "the model's document: every parameter has a meaning",
            "must",
            "body = {k: v for k, v in params.items() if v}",
            "body = {'model': model, **params}",
        ),
        Property(
            "A02",
            "sends-it-unchanged",
            "The parameters of a submit have the values of the intent, to the last character.",
            "the model's document: every parameter has a meaning",
            "must",
            "body['prompt'] = prompt.strip()[:200]",
            "body['prompt'] = prompt",
        ),
        Property(
            "A03",
            "adds-nothing",
            "A submit has no parameters beside those of the intent.",
            "the model's document: what is left out has a default",
            "must",
            "body = {'mode': 'pro', **params}",
            "body = {'model': model, **params}",
        ),
        Property(
            "A04",
            "survives-what-it-gets",
            "Nothing that the platform answers makes the client crash.",
            "RFC 9110, 15: any status may come; JSON objects may grow",
            "must",
            "url = answer.json()['output'][0]['content'][0]['url']",
            "except ValueError: try again; unknown fields and statuses are passed over",
        ),
        Property(
            "A05",
            "tells-of-refusals",
            "A body that was refused is told as rejected, with the code as the platform wrote it.",
            "the model's error codes; they are strings, zeros and all",
            "must",
            "return {'error': int(code)}",
            "return Rejected(code=error['code'])",
        ),
        Property(
            "A06",
            "gets-there",
            "A task that completes in time is told as completed, through a few passing failures.",
            "wire#1: a task completes by itself, whoever asks",
            "must",
            "answer.raise_for_status()",
            "a 5xx or a reset of a poll says nothing of the task; poll again",
        ),
        Property(
            "A07",
            "claims-no-success",
            "Only a task that completed is told as completed.",
            "wire#1: completed and failed are the ends",
            "must",
            "if status != 'in_progress': return Done(...)",
            "if status == 'completed': return Done(...)",
        ),
        Property(
            "A08",
            "hands-over-all-videos",
            "All URLs of the output are handed over, in order and to the byte.",
            "all#response: output is a list",
            "must",
            "urls = [task['output'][0]['content'][0]['url']]",
            "urls = [item['url'] for output in task['output'] for item in output['content']]",
        ),
        Property(
            "A09",
            "keeps-the-cost",
            "The cost is handed over as it was written.",
            "wire#1: a decimal string in USD",
            "should",
            "cost = float(usage['cost'])",
            "cost = usage['cost']",
        ),
        Property(
            "A10",
            "names-its-task",
            "The id that is told is that of the task.",
            "wire#1: the answer to the submit has it",
            "must",
            "return task_ids[-1]",
            "return task['id']",
        ),
        Property(
            "A11",
            "has-seen-it",
            "Success is told only after an answer or a genuine callback has said completed.",
            "wire#1: the status says it, nothing else",
            "must",
            "except ValueError: return Done(...)  # it ended somehow",
            "if task['status'] == 'completed': return Done(...)",
        ),
        Property(
            "A12",
            "claims-no-failure",
            "Only a task that failed is told as failed.",
            "wire#1: completed and failed are the ends",
            "must",
            "if status not in ('in_progress', 'completed'): raise Failed",
            "if answer.status_code == 200 and status == 'failed': raise Failed",
        ),
        Property(
            "A13",
            "keeps-the-code",
            "The code of a failure is told as the platform wrote it.",
            "the model's error codes; they are strings, zeros and all",
            "must",
            "raise Failed(int(error['code']))",
            "raise Failed(error['code'])",
        ),
        Property(
            "A14",
            "tells-of-failures",
            "A task that failed is told as failed.",
            "wire#1: a failed task has an error and no output",
            "must",
            "while not task.get('output'): poll()",
            "if status == 'failed': raise Failed(error['code'])",
        ),
        Property(
            "A15",
            "believes-no-forgery",
            "A callback that anybody could have sent changes nothing.",
            "Standard Webhooks, verifying",
            "must",
            "results[body['id']] = body['output']",
            "if not verified(headers, body): return 401",
        ),
        Property(
            "A16",
            "survives-its-callbacks",
            "Nothing that is posted to its callback URL makes the client crash.",
            "anybody can post to a callback URL",
            "must",
            "task = json.loads(body)",
            "except ValueError: return 400",
        ),
        Property(
            "A17",
            "tells-once",
            "The end of a task is handed to the user once, however often it is heard of.",
            "wire#5: delivery is at least once",
            "must",
            "def hook(task): queue.put(task)",
            "def hook(task): if task['id'] not in seen: ...",
        ),
        Property(
            "A18",
            "does-not-change-its-mind",
            "What was handed to the user as the end stays the end.",
            "wire#1: what is final does not change",
            "must",
            "self.status = body['status']",
            "if self.status not in FINAL: self.status = body['status']",
        ),
        Property(
            "A19",
            "makes-nothing-of-nonsense",
            "An intent that breaks its document is never told as completed.",
            "the model's document",
            "must",
            "duration = '5' if duration not in ('5', '10') else duration",
            "send what was asked, and tell of the refusal",
        ),
        Property(
            "A20",
            "stops-when-told",
            "After its user has cancelled, the client submits and polls no more, and says so.",
            "the user's word",
            "should",
            "def cancel(self): self.done = True  # and nobody looks",
            "while not self.cancelled and now() < deadline: poll()",
        ),
        Property(
            "A21",
            "keeps-the-key-to-itself",
            "The API key is in no log, no output, no message and no URL.",
            "a key is as good as money",
            "must",
            "log.debug('POST %s %s', url, headers)",
            "log.debug('POST %s', url)",
        ),
        Property(
            "A22",
            "keeps-whole-videos",
            "A video that is kept is the one that was made, to the byte.",
            "RFC 9112, 6.3: a body shorter than Content-Length is incomplete",
            "must",
            "for part in response: file.write(part)  # whatever happens",
            "if size != content_length: fetch it again",
        ),
        Property(
            "A23",
            "tells-the-reason",
            "The message of a failure is handed over, under whichever name it comes.",
            "wire#1: error_message, or message for the multi-image model; wire#2: error",
            "should",
            "error.get('error_message')",
            "error.get('error_message', error.get('message'))",
        ),
        Property(
            "W14",
            "keeps-its-deadline",
            "A client that was given a deadline is done by then, and says so.",
            "the intent",
            "must",
            "while True: poll()",
            "while now() < deadline: poll()",
        ),
    )
}

#: What is asked beside that of a client that speaks the queue protocol.
QUEUE: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "Q01",
            "completed-with-error-is-failure",
            "A task that is COMPLETED and has an error is never told as completed.",
            "wire#2: COMPLETED only says that it is over",
            "must",
            "if status['status'] == 'COMPLETED': return Done(...)",
            "if status['status'] == 'COMPLETED' and not status.get('error'): return Done(...)",
        ),
        Property(
            "Q02",
            "canceled-is-not-success",
            "A task that is COMPLETED because somebody has cancelled it is never told as completed.",
            "wire#2: a cancelled task is COMPLETED with error_type CANCELED",
            "must",
            "if status.get('error_type') == 'CANCELED': return Done([])",
            "if status.get('error'): raise Failed(status['error_type'])",
        ),
        Property(
            "Q03",
            "not-ready-is-not-an-answer",
            "A 202 on the result is neither the result nor a failure: the client asks again, or is out of time.",
            "wire#2: before the end the result is answered with 202 and the status",
            "must",
            "if answer.is_success: return Done(answer.json())",
            "while answer.status_code == 202: sleep(gap); answer = get(response_url)",
        ),
        Property(
            "Q04",
            "reads-outputs",
            "The videos of a result are read where they are: flat in outputs, or in the older form nested in output.",
            "wire#2: outputs; gateway age",
            "must",
            "items = [item for output in result['output'] for item in output['content']]",
            "items = result.get('outputs') or [item for one in result.get('output', ()) for item in one['content']]",
        ),
        Property(
            "Q05",
            "reports-error-type-or-code",
            "A failure on the queue is told with its error_type or the code in provider_error, as it was written.",
            "wire#2: error_type; provider_error has the model's documented code",
            "must",
            "raise Failed(status['error'])",
            "raise Failed(status.get('provider_error', {}).get('code') or status['error_type'], status['error'])",
        ),
    )
}

#: What is asked of a client that is a program beside that.
PROGRAM: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "X01",
            "speaks-the-protocol",
            "What a program under test prints on its standard output are messages of the protocol, each in its place.",
            "docs/adapters.md",
            "must",
            "print('submitting ...')",
            "print('submitting ...', file=sys.stderr)",
        ),
        Property(
            "X02",
            "leaves-nothing-behind",
            "When its input ends, a program under test ends, and all that it has started.",
            "docs/adapters.md",
            "must",
            "while True: handle(input())",
            "for line in sys.stdin: handle(line)",
        ),
    )
}

#: All that is asked of a client under test.
ALL: dict[str, Property] = dict(sorted({**PROPERTIES, **VALUE, **QUEUE}.items()))
#: What only a client of the queue protocol can be asked.
QUEUE_ONLY: frozenset[str] = frozenset({*QUEUE, "W22"})
EVERY: dict[str, Property] = {**ALL, **PROGRAM}
