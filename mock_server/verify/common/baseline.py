"""A file of findings that are accepted, each with a reason: they are told, and do not fail a run.

A finding matches an entry by its name and, where the entry has ``says``, by its sentence; ``*`` stands for any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mock_server.core.errors import UsageError

MOST_ENTRIES = 10_000
LARGEST = 4 * 1024 * 1024
#: So much of a sentence is written to the file.
LONGEST = 160
_VARIES = re.compile(r"'[^']{0,2000}'|\"[^\"]{0,2000}\"|\{.*|\[.*|[0-9a-f]{8,}|[0-9]+(?:\.[0-9]+)?", re.DOTALL)
_HEAD = """\
# Findings that are accepted: they are reported, and do not fail the run.
# Write a reason for each; an entry without a reason accepts nothing. "*" stands for any text.
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A finding as a baseline sees it: the names that it goes by, the best one first, and its sentence."""

    names: Sequence[str]
    says: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a baseline file."""

    finding: str
    says: str | None
    reason: str

    def matches(self, known: Known) -> bool:
        """Whether this is about that finding."""
        if not any(_fits(self.finding, name) for name in known.names):
            return False
        return self.says is None or _fits(self.says, _one_line(known.says))

    def __str__(self) -> str:
        return self.finding if self.says is None else f"{self.finding} ({self.says})"


@dataclass
class Baseline:
    """The entries of a file, and which of them have matched a finding."""

    file: str
    entries: list[Entry] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    def accepts(self, known: Known) -> str | None:
        """The reason for which a finding is accepted; None for one that is not."""
        reason = None
        for place, entry in enumerate(self.entries):
            if entry.matches(known):
                self.used.add(place)
                reason = reason or entry.reason or None
        return reason

    def remarks(self, *, complete: bool) -> Iterator[str]:
        """What there is to say about the file after a run; stale entries show only in a complete one."""
        for place, entry in enumerate(self.entries):
            if not entry.reason:
                yield f"{self.file}: {entry} has no reason, so it is not accepted"
            elif complete and place not in self.used:
                yield f"{self.file}: {entry} is stale: no finding matches it; remove it"

    def update(self, found: Iterable[Known], *, complete: bool) -> None:
        """Write the file again: with an entry for each new finding, and after a complete run without stale entries.
        Reasons stay. Raises UsageError.
        """
        kept = [entry for place, entry in enumerate(self.entries) if place in self.used or not complete]
        for known in found:
            if not any(entry.matches(known) for entry in kept):
                kept.append(Entry(known.names[0], pattern(known.says), ""))
        shown = [
            {"finding": entry.finding, **({} if entry.says is None else {"says": entry.says}), "reason": entry.reason}
            for entry in kept
        ]
        written = yaml.safe_dump({"accepted": shown}, sort_keys=False, allow_unicode=True, width=10_000)
        try:
            Path(self.file).write_text(_HEAD + written, "utf-8")
        except OSError as error:
            raise UsageError(f"--baseline {self.file} cannot be written: {error.strerror or error}") from None


def read_baseline(file: str, *, may_be_missing: bool) -> Baseline:
    """The baseline in a file; an empty one for a file that is to be written first. Raises UsageError."""
    path = Path(file)
    try:
        if may_be_missing and not path.exists() and path.absolute().parent.is_dir():
            return Baseline(file)
        with path.open("rb") as opened:
            content = opened.read(LARGEST + 1)
        value = yaml.safe_load(content) if len(content) <= LARGEST else None
    except OSError as error:
        raise UsageError(f"--baseline {file} cannot be read: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"--baseline {file} is not YAML: {_one_line(str(error))[:200]}") from None
    if not isinstance(value, dict) or set(value) != {"accepted"} or not isinstance(value["accepted"], list | None):
        raise UsageError(f"--baseline {file} must be a mapping with a list `accepted` and nothing else")
    entries = value["accepted"] or []
    if len(entries) > MOST_ENTRIES:
        raise UsageError(f"--baseline {file} has {len(entries)} entries; {MOST_ENTRIES} is the limit")
    return Baseline(file, [_entry(one, f"--baseline {file}, entry {number}") for number, one in enumerate(entries, 1)])


def _entry(value: Any, where: str) -> Entry:
    if not isinstance(value, dict):
        raise UsageError(f"{where} must be a mapping with finding, reason and, if you like, says")
    for name in value:
        if name not in {"finding", "says", "reason"}:
            raise UsageError(f"{where} has {name!r}; known are finding, says and reason")
    finding, says, reason = value.get("finding"), value.get("says"), value.get("reason") or ""
    if not isinstance(finding, str) or not finding.strip():
        raise UsageError(f"{where}: finding must be the name of a finding, not {finding!r}")
    if not isinstance(says, str | None) or not isinstance(reason, str):
        raise UsageError(f"{where}: says and reason must be texts")
    return Entry(finding.strip(), _one_line(says) if says is not None else None, reason.strip())


def pattern(says: str) -> str:
    """A sentence with ``*`` for what differs from run to run."""
    line = _VARIES.sub("*", _one_line(says))
    return f"{line[:LONGEST]}*" if len(line) > LONGEST else line


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _fits(wanted: str, text: str) -> bool:
    """Whether a text is as wanted, where ``*`` stands for any text; linear in the text."""
    first, *others = wanted.lower().split("*")
    text = text.lower()
    if not others:
        return text == first
    if not text.startswith(first):
        return False
    place, last = len(first), others.pop()
    for part in others:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return text.endswith(last) and len(text) - len(last) >= place
