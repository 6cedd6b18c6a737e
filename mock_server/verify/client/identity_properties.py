"""The properties of whose task is whose: several intents, ids of the user's own, stopping, and starting again."""

from __future__ import annotations

from mock_server.conformance.properties import Property

IDENTITY: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "I01",
            "returns-own-result",
            "The client returns the result of the task that it made for the intent, never that of another task.",
            "wire#1: a second task with the same external_task_id is rejected with 409 and not created",
            "must",
            "if status == 409: return poll(external_id)  # whoever made it",
            "if status == 409 and not lost_before: raise Rejected(answer)",
        ),
        Property(
            "I02",
            "buys-each-intent",
            "Every intent makes a task of its own, under an id of its own, also when it wants the same as another.",
            "all#external_task_id: it is unique; wire#1: a task is billed when it is created",
            "must",
            "ORDER = uuid4().hex  # once, for all that comes",
            "order = uuid4().hex  # for each intent",
        ),
        Property(
            "I03",
            "cancels-on-platform",
            "When its user cancels, a client of the queue protocol cancels the request on the platform, by its own id.",
            "wire#2: PUT .../requests/{request_id}/cancel",
            "must",
            "def cancel(self): self.cancelled = True  # the platform generates on, and bills it",
            "put(f'{queue}/requests/{request_id}/cancel'); return Cancelled()",
        ),
        Property(
            "I04",
            "leaves-no-work-running",
            "When its outcome is reported, the client has no thread, task or connection left that still works on it.",
            "the intent",
            "should",
            "threading.Thread(target=self.heartbeat, daemon=True).start()",
            "stop.set(); thread.join()",
        ),
        Property(
            "I05",
            "resumes-after-restart",
            "Killed at any moment and started again with what it had stored, the client goes on with the same task.",
            "wire#1: a task is billed when it is created; external_task_id works as task id",
            "must",
            "task = submit(body); store(task['id'])  # nothing is stored while the submit is under way",
            "store(external_id); submit({**body, 'external_task_id': external_id})",
        ),
    )
}
