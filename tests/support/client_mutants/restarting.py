"""Clients with one bug each in how they go on after they were killed."""

from __future__ import annotations

from mock_server.verify.client.kit import Outcome
from mock_server.verify.client.reference_clients.light import LightQueued
from mock_server.verify.client.reference_clients.reference import Policy, Reference


def stores(save):
    """Stores another thing than the id."""
    return {"save": save}


def _once_it_is_answered(self):
    return {"order": self.order if getattr(self, "answered", False) else ""}


def _notes_the_answer(self, intent):
    answer = self.sent_without_note(intent)
    self.answered = answer.status_code == 200
    return answer


def _once_it_polls(self):
    return {"order": self.order if getattr(self, "polled", False) else ""}


def _notes_the_poll(self):
    answer = self.poll_without_note()
    self.polled = True
    return answer


def _takes_no_409(self, intent, deadline):
    Policy.begin(self, intent, deadline)
    self.unsure = False


def _another_id_in_each_life(self, state):
    Policy.restore(self, {"order": f"{state['order']}-again"})


def _starts_anew(self, intent):
    if self.unsure:
        self.order = self.new_order(intent)
    return Reference.carried_out(self, intent)


def _only_polls(self, intent):
    if not self.unsure:
        return Reference.carried_out(self, intent)
    return self.followed()


def _gives_up(self, intent):
    return Outcome("gave_up") if self.unsure else Reference.carried_out(self, intent)


def _restores_nothing(self, state):
    """What was stored is not read."""


def _noting(base, noted, **changed):
    return {"base": base, **changed, f"{noted}_without_note": getattr(base, noted)}


RESTARTING = {
    "stores nothing": ("I05", stores(lambda self: {"order": ""})),
    "reads nothing of what it stored": ("I05", {"restore": _restores_nothing}),
    "reads nothing of what it stored on the queue": ("I05", {"base": LightQueued, "restore": _restores_nothing}),
    "stores the id once a submit was answered": (
        "I05",
        _noting(Reference, "sent", sent=_notes_the_answer, save=_once_it_is_answered),
    ),
    "stores the id once it polls": ("I05", _noting(LightQueued, "poll", poll=_notes_the_poll, save=_once_it_polls)),
    "takes its own 409 for somebody else's": ("I05", {"begin": _takes_no_409}),
    "another id in each life": ("I05", {"restore": _another_id_in_each_life}),
    "starts anew": ("I05", {"carried_out": _starts_anew}),
    "only polls in its second life": ("I05", {"carried_out": _only_polls}),
    "gives up in its second life": ("I05", {"carried_out": _gives_up}),
    "crashes over what it stored": (
        "I05",
        {"restore": lambda self, state: Policy.restore(self, {"order": state["id"]})},
    ),
}
