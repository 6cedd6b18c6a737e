"""What a client did with one intent, where a case has several."""

from __future__ import annotations

from dataclasses import dataclass

from mock_server.verify.client.kit import Outcome


@dataclass
class IntentRun:
    """One intent from its beginning to its outcome. ``calls`` are the places of its first call and of the one after its
    last, ``emitted`` the same of what was emitted. What is None has not come: the client crashed, or hangs.
    """

    began_at: float
    first_call: int
    first_emitted: int
    outcome: Outcome | None = None
    ended_at: float | None = None
    last_call: int | None = None
    last_emitted: int | None = None
    cancelled_at: float | None = None
