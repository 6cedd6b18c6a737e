"""The pages in docs/properties: each says what its property says, and its code is run. The wrong client is caught, the
right one is clean.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re

import pytest

from mock_server.conformance.earlier_names import EARLIER_NAMES
from mock_server.conformance.earlier_names import property_id as property_of
from mock_server.conformance.properties import Thresholds
from mock_server.core.errors import UsageError
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.kit import Intent, Outcome
from mock_server.verify.client.properties import ALL, EVERY
from mock_server.verify.client.reference_clients import light, reference
from mock_server.verify.client.run import Harness
from tests.core.test_packaging import ROOT

PAGES = ROOT / "docs" / "properties"
SCRIPTS, FEWER = 300, 210
WIDTH = 128
#: One process has all tests of a page: the script that shows the wrong client is looked for once.
PAGES_TO_RUN = [pytest.param(property_id, marks=pytest.mark.xdist_group(f"page {property_id}")) for property_id in ALL]
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
    """A case that shows what the wrong client of a page does wrong; None where none was found."""
    with _harness(_client(property_id, "Wrong")) as harness:
        shown = harness.verify(SCRIPTS, shrink=False, until=property_id).shown
        return shown[property_id].case if property_id in shown else None


def test_every_property_has_a_page_and_no_page_is_left_over():
    assert {path.name for path in PAGES.iterdir()} == {"README.md", *(f"{property_id}.md" for property_id in EVERY)}


def test_every_earlier_name_is_in_the_index_and_gives_the_id_of_its_property(caplog):
    caplog.set_level(logging.WARNING, logger="kirin-mock")
    index = (PAGES / "README.md").read_text("utf-8")
    for earlier, property_id in EARLIER_NAMES.items():
        assert f"| {property_id} | {earlier} | {EVERY[property_id].name} |" in index
        assert property_of(earlier, EVERY) == property_id
        assert earlier not in {one.name for one in EVERY.values()}
    assert len(caplog.records) == len(EARLIER_NAMES) == 49
    assert "the property name takes-no-for-an-answer is deprecated; use W10 or no-retry-on-4xx" in caplog.messages


@pytest.mark.parametrize("property_id", EVERY)
def test_a_property_is_found_by_its_id_and_its_name_without_a_warning(caplog, property_id):
    assert property_of(property_id, EVERY) == property_of(EVERY[property_id].name, EVERY) == property_id
    assert caplog.records == []


def test_a_property_that_does_not_exist_gives_a_hint():
    with pytest.raises(UsageError, match="there is no property 'no-retry-on-4x'; did you mean no-retry-on-4xx"):
        property_of("no-retry-on-4x", EVERY)


def test_the_index_has_every_property_as_it_is():
    rows = [f"| [{one.id}]({one.id}.md) | {one.name} | {one.severity} | {one.says} |" for one in EVERY.values()]
    index = (PAGES / "README.md").read_text("utf-8")
    assert [line for line in index.splitlines() if line.startswith("| [")] == rows


@pytest.mark.parametrize("property_id", EVERY)
def test_a_page_says_what_its_property_says(property_id):
    asked, page = EVERY[property_id], _page(property_id)
    assert page["title"] == f"{asked.id} {asked.name}"
    assert _one_line(page["says"]) == asked.says
    assert _one_line(page["rests"]) == f"**{asked.severity.capitalize()}.** Spec reference: {asked.spec_reference}."
    assert max(len(line) for line in page.string.splitlines()) <= WIDTH


@pytest.mark.parametrize("property_id", PAGES_TO_RUN)
def test_the_wrong_client_of_a_page_is_caught(property_id):
    assert _catching(property_id) is not None


@pytest.mark.parametrize("property_id", PAGES_TO_RUN)
@pytest.mark.deep
def test_the_right_client_of_a_page_does_well_where_the_wrong_one_was_caught(property_id):
    with _harness(_client(property_id, "Right")) as harness:
        verdict = harness.run(_catching(property_id))[1]
    assert verdict.of(property_id) == []


@pytest.mark.parametrize("property_id", PAGES_TO_RUN)
@pytest.mark.deep
def test_nothing_is_held_against_the_right_client_of_a_page(property_id):
    with _harness(_client(property_id, "Right")) as harness:
        report = harness.verify(FEWER, shrink=False)
    assert set(report.shown) == set()
    assert property_id in report.exercised
