"""The table of servers that are broken on purpose, and which check has to catch each."""

from __future__ import annotations

from tests.support.mutants import (
    asking,
    calls,
    generation,
    lives,
    messages,
    names,
    published,
    queue_ends,
    queue_errors,
    queue_results,
    queue_states,
    queue_submits,
    values,
)

MUTANTS = [
    mutant
    for topic in (
        generation,
        queue_submits,
        queue_states,
        queue_results,
        queue_ends,
        queue_errors,
        names,
        values,
        asking,
        published,
        lives,
        calls,
        messages,
    )
    for mutant in topic.MUTANTS
]
