"""Files of accepted findings: what they accept, what is said of them, and how they are written."""

from __future__ import annotations

import pytest

from mock_server.core.errors import UsageError
from mock_server.verify.common.baseline import Known, pattern, read_baseline

TASK = Known(("W10", "no-retry-on-4xx"), "it sends 3 submits after 'code 40001', at once")


def _read(tmp_path, text):
    file = tmp_path / "baseline.yaml"
    file.write_text(text)
    return read_baseline(str(file), may_be_missing=False)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("{finding: W10, reason: known}", "known"),
        ("{finding: no-retry-on-4xx, reason: known}", "known"),
        ("{finding: W1*, reason: known}", "known"),
        ("{finding: W11, reason: known}", None),
        ("{finding: W1, reason: known}", None),
        ("{finding: W10}", None),
        ("{finding: W10, reason: '  '}", None),
        ("{finding: W10, says: 'it sends * submits after *, at once', reason: known}", "known"),
        ("{finding: W10, says: 'it sends', reason: known}", None),
        ("{finding: W10, says: '*submits*submits*', reason: known}", None),
    ],
)
def test_an_entry_accepts_what_it_names_for_its_reason(tmp_path, entry, reason):
    assert _read(tmp_path, f"accepted: [{entry}]").accepts(TASK) == reason


def test_stale_and_reasonless_entries_are_said(tmp_path):
    baseline = _read(tmp_path, "accepted: [{finding: W10}, {finding: W11, reason: gone}, {finding: W12, reason: r}]")
    baseline.accepts(TASK)
    baseline.accepts(Known(("W12",), "x"))
    told = list(baseline.remarks(complete=True))
    assert [line.partition("baseline.yaml: ")[2] for line in told] == [
        "W10 has no reason, so it is not accepted",
        "W11 is stale: no finding matches it; remove it",
    ]
    assert len(list(baseline.remarks(complete=False))) == 1


def test_an_update_keeps_reasons_adds_what_is_new_and_drops_what_is_stale(tmp_path):
    baseline = _read(tmp_path, "accepted: [{finding: W10, reason: known}, {finding: W11, reason: gone}]")
    baseline.accepts(TASK)
    baseline.update([TASK, Known(("A01",), "the 5 videos of 'x' are gone")], complete=True)
    again = read_baseline(baseline.file, may_be_missing=False)
    assert [(one.finding, one.says, one.reason) for one in again.entries] == [
        ("W10", None, "known"),
        ("A01", "the * videos of * are gone", ""),
    ]
    assert again.entries[1].matches(Known(("A01",), "the 77 videos of 'other' are gone"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("accepted: [", "is not YAML"),
        ("- W10", "must be a mapping"),
        ("accepted: [W10]", "entry 1 must be a mapping"),
        ("accepted: [{reason: x}]", "entry 1: finding must be the name"),
        ("accepted: [{finding: W10, because: x}]", "'because'"),
        ("accepted: [{finding: W10, says: 3, reason: x}]", "says and reason must be texts"),
        ("accepted: [{finding: W10, reason: x}]\nmore: 1", "nothing else"),
    ],
)
def test_a_file_that_is_no_baseline_is_told_in_one_line(tmp_path, text, told):
    with pytest.raises(UsageError, match="--baseline") as raised:
        _read(tmp_path, text)
    assert told in str(raised.value)


def test_a_file_that_is_not_there_may_be_written_first(tmp_path):
    file = str(tmp_path / "new.yaml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_baseline(file, may_be_missing=False)
    read_baseline(file, may_be_missing=True).update([TASK], complete=True)
    assert read_baseline(file, may_be_missing=False).accepts(TASK) is None


@pytest.mark.parametrize("says", ["a\nb  c", "x" * 500, "{'a': 1}", "'" * 5000, "[1, 2", "", "*"])
def test_a_sentence_fits_its_own_pattern(says):
    from mock_server.verify.common.baseline import Entry

    assert Entry("X", pattern(says), "r").matches(Known(("X",), says))
