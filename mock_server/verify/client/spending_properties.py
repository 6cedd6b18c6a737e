"""The properties about money, which are judged with ``--max-spend``."""

from __future__ import annotations

from mock_server.conformance.properties import Property

SPENDING: dict[str, Property] = {
    one.id: one
    for one in (
        Property(
            "B01",
            "spends-within-budget",
            "The tasks of a client cost no more than its intents, plus what --max-spend allows.",
            "wire#3: a task is charged at submission, and refunded when it comes to nothing",
            "must",
            "task = submit(body)  # again, after every lost response",
            "task = find(external_task_id) or submit(body)",
        ),
        Property(
            "B02",
            "books-agree-with-account",
            "The costs that a client reports add up to what the platform's account was charged.",
            "wire#3: a task is charged at submission, and refunded when it comes to nothing",
            "must",
            "spent += price_list[model]  # for every intent, whatever came of it",
            "spent += Decimal(task['usage']['cost'])  # of completed tasks",
        ),
    )
}
