"""Findings that are kept: found by their ids, and read with the names that properties had earlier."""

from __future__ import annotations

import json

import pytest

from mock_server.cli.main import main
from mock_server.conformance.properties import Thresholds
from mock_server.core.errors import UsageError
from mock_server.verify.client.findings import Client, Finding, keep, kept
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.properties import EVERY
from mock_server.verify.client.reference_clients.light import Light
from mock_server.verify.client.run import Harness


@pytest.fixture
def finding(tmp_path):
    """A finding about W10 in a folder."""
    session = InProcess(Light)
    cases = []
    play = session.play
    session.play = lambda case, platform: (cases.append(case), play(case, platform))[1]
    Harness(session, Thresholds(), 0).verify(1, shrink=False)
    made = Finding("W10", "it tries again", Client(adapter="a:B"), Thresholds(), 0, cases[0])
    return made, keep(made, str(tmp_path))


def _renamed(path, name):
    value = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**value, "property": name}))


@pytest.mark.parametrize("name", ["W10", "no-retry-on-4xx", "takes-no-for-an-answer"])
def test_a_finding_may_name_its_property_by_its_id_its_name_and_its_earlier_name(finding, caplog, name):
    made, path = finding
    _renamed(path, name)
    read = kept(made.id, str(path.parent))
    assert (read.about, read.id) == (made.about, made.id)
    assert caplog.messages == (
        ["the property name takes-no-for-an-answer is deprecated; use W10 or no-retry-on-4xx"]
        if name.startswith("takes")
        else []
    )


def test_a_finding_about_no_property_is_an_error_with_a_hint(finding):
    made, path = finding
    _renamed(path, "no-retry-on-5xx")
    with pytest.raises(UsageError, match="there is no property 'no-retry-on-5xx'; did you mean no-retry-on-4xx"):
        kept(made.id, str(path.parent))
    _renamed(path, ["W10"])
    with pytest.raises(UsageError, match="is no finding"):
        kept(made.id, str(path.parent))


@pytest.mark.parametrize("property_id", EVERY)
def test_the_id_of_a_finding_is_known_as_one_for_every_property(tmp_path, capsys, property_id):
    assert main(["verify", "replay", f"{property_id}-abcdef", "--findings", str(tmp_path)]) == 2
    assert f"there is no finding {property_id}-abcdef" in capsys.readouterr().err
