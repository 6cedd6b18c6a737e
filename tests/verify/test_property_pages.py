"""The pages in docs/properties: each says what its property says, and its code is run. The wrong client is caught, the
right one is clean.
"""

from __future__ import annotations

import contextlib
import functools
import re

import pytest

from mock_server.conformance.properties import Thresholds
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.kit import Intent, Outcome
from mock_server.verify.client.properties import ALL, EVERY
from mock_server.verify.client.reference_clients import light, reference
from mock_server.verify.client.run import Harness
from tests.core.test_packaging import ROOT

PAGES = ROOT / "docs" / "properties"
SCRIPTS, FEWER = 300, 150
WIDTH = 128
_PAGE = re.compile(
    r"# (?P<title>[^\n]+)\n\n(?P<says>.+?)\n\n(?P<rests>\*\*.+?)\n\n(?P<prose>.+?)\n\n"
    r"## Wrong\n\n```python\n(?P<Wrong>.+?)```\n\n## Right\n\n```python\n(?P<Right>.+?)```\n",
    re.DOTALL,
)


@functools.cache
def _page(property_id):
    found = _PAGE.fullmatch((PAGES / f"{property_id}.md").read_text("utf-8"))
    assert found is not None, "the page has another form"
    return found


def _client(property_id, name):
    """The class of that name on a page, made of what pages may use."""
    made = {**vars(reference), **vars(light), "Intent": Intent, "Outcome": Outcome}
    exec(_page(property_id)[name], made)  # noqa: S102 - it is ours
    assert issubclass(made[name], light.Light | light.LightQueued)
    return made[name]


@contextlib.contextmanager
def _harness(client):
    """A harness for a client, let go of at the end."""
    with contextlib.closing(InProcess(client)) as session:
        yield Harness(session, Thresholds(), 0)


def _one_line(text):
    return " ".join(text.split())


@functools.cache
def _catching(property_id):
    """A script that shows what the wrong client of a page does wrong; None where none was found."""
    with _harness(_client(property_id, "Wrong")) as harness:
        shown = harness.verify(SCRIPTS, shrink=False, until=property_id).shown
        return shown[property_id].script if property_id in shown else None


def test_every_property_has_a_page_and_no_page_is_left_over():
    assert {path.name for path in PAGES.iterdir()} == {"README.md", *(f"{property_id}.md" for property_id in EVERY)}


def test_the_index_has_every_property_as_it_is():
    rows = [f"| [{one.id}]({one.id}.md) | {one.name} | {one.severity} | {one.says} |" for one in EVERY.values()]
    index = (PAGES / "README.md").read_text("utf-8")
    assert [line for line in index.splitlines() if line.startswith("| [")] == rows


@pytest.mark.parametrize("property_id", EVERY)
def test_a_page_says_what_its_property_says(property_id):
    asked, page = EVERY[property_id], _page(property_id)
    assert page["title"] == f"{asked.id} {asked.name}"
    assert _one_line(page["says"]) == asked.says
    assert _one_line(page["rests"]) == f"**{asked.severity.capitalize()}.** Rests on {asked.rests_on}."
    assert max(len(line) for line in page.string.splitlines()) <= WIDTH


@pytest.mark.parametrize("property_id", ALL)
def test_the_wrong_client_of_a_page_is_caught(property_id):
    assert _catching(property_id) is not None


@pytest.mark.parametrize("property_id", ALL)
def test_the_right_client_of_a_page_does_well_where_the_wrong_one_was_caught(property_id):
    with _harness(_client(property_id, "Right")) as harness:
        verdict = harness.run(_catching(property_id))[1]
    assert verdict.of(property_id) == []


@pytest.mark.parametrize("property_id", ALL)
def test_nothing_is_held_against_the_right_client_of_a_page(property_id):
    with _harness(_client(property_id, "Right")) as harness:
        report = harness.verify(FEWER, shrink=False)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert property_id in report.exercised
    assert report.clean
