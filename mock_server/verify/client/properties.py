"""What can be held against a client whose intent and outcome are known, beside what its traffic shows."""

from __future__ import annotations

from mock_server.conduct.properties import PROPERTIES, Property

VALUE: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "A01",
            "sends-what-was-asked",
            "A submit has every parameter of the intent as it is, and none beside it.",
            "the model's document: every parameter has a meaning",
            "must",
            "body = {k: v for k, v in params.items() if v}",
            "body = {'model': model, **params}",
        ),
        Property(
            "A04",
            "survives-what-it-gets",
            "Nothing that the platform answers or calls back makes the client crash.",
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
            "wire#1",
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
            "wire#1",
            "must",
            "return task_ids[-1]",
            "return task['id']",
        ),
        Property(
            "A13",
            "tells-of-failures",
            "A task that failed is told as failed, with its code as the platform wrote it.",
            "the model's error codes; they are strings, zeros and all",
            "must",
            "while not task.get('output'): ...",
            "if status == 'failed': raise Failed(error['code'])",
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

#: All that is asked of a client under test.
ALL: dict[str, Property] = dict(sorted({**PROPERTIES, **VALUE}.items()))
