"""Clients with one bug each, as programmers write them, and which property has to notice it.

A name -> the property's id, and what is other than in the reference client. ``base`` is the class to start from, where
it is not the quick one.
"""

from __future__ import annotations

from mock_server.verify.client.reference_clients.light import Light
from tests.support.client_mutants.callbacks import CALLBACKS
from tests.support.client_mutants.following import FOLLOWING, FOLLOWING_ESCAPED
from tests.support.client_mutants.identity import IDENTITY
from tests.support.client_mutants.living import LIVING
from tests.support.client_mutants.networking import NETWORKING
from tests.support.client_mutants.queue import QUEUE
from tests.support.client_mutants.receiving import RECEIVING
from tests.support.client_mutants.restarting import RESTARTING
from tests.support.client_mutants.sending import SENDING
from tests.support.client_mutants.stopping import STOPPING
from tests.support.client_mutants.surviving import SURVIVING
from tests.support.client_mutants.telling import TELLING
from tests.support.client_mutants.trying import TRYING
from tests.support.client_mutants.values import VALUES

GROUPS = (
    SENDING,
    VALUES,
    TRYING,
    FOLLOWING,
    SURVIVING,
    CALLBACKS,
    RECEIVING,
    TELLING,
    QUEUE,
    IDENTITY,
    STOPPING,
    RESTARTING,
    LIVING,
    NETWORKING,
)
#: Each name is of one client: of two that share a name, one would hide the other (test_client_mutants.py checks it).
MUTANTS = dict(item for group in GROUPS for item in group.items())
#: Bugs that ought to be noticed, and are not yet: no case brings them out, or no rule looks.
ESCAPED = {
    **FOLLOWING_ESCAPED,
}


def client_of(name):
    """The class of one of these clients, to be called with a kit."""
    changed = dict({**MUTANTS, **ESCAPED}[name][1])
    base = changed.pop("base", Light)
    return type("Mutant", (base,), changed)
