"""What differs between the parameters of an intent and those of a submit: exactly, at any depth, types included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Of what differs, so much is shown.
SHOWN = 24
MOST_TOLD = 3


def changes(sent: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What is other in the parameters that are in both, each with its path. Numbers are compared by their value, as
    JSON has one kind of them; a boolean or a text is never equal to a number.
    """
    found = [told for name, value in wanted.items() if name in sent for told in _differences(name, sent[name], value)]
    more = [f"{len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else []
    return [*found[:MOST_TOLD], *more]


def _differences(path: str, sent: Any, wanted: Any) -> Iterator[str]:
    if _kind(sent) != _kind(wanted):
        yield f"{path} (it is {_shown(sent)}, not {_shown(wanted)})"
    elif isinstance(wanted, dict):
        yield from _in_objects(path, sent, wanted)
    elif isinstance(wanted, list):
        yield from _in_lists(path, sent, wanted)
    elif sent != wanted:
        yield f"{path} ({_told(sent, wanted)})"


def _in_objects(path: str, sent: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in [*wanted, *(name for name in sent if name not in wanted)]:
        if name not in sent:
            yield f"{path}.{name} (it is left out)"
        elif name not in wanted:
            yield f"{path}.{name} (it is added)"
        else:
            yield from _differences(f"{path}.{name}", sent[name], wanted[name])


def _in_lists(path: str, sent: list[Any], wanted: list[Any]) -> Iterator[str]:
    if len(sent) != len(wanted):
        yield f"{path} (it has {len(sent)} elements, not {len(wanted)})"
        return
    for place, (one, other) in enumerate(zip(sent, wanted, strict=True)):
        yield from _differences(f"{path}[{place}]", one, other)


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return repr(value.__class__)
    return "number" if isinstance(value, int | float) else type(value).__name__


def _told(sent: Any, wanted: Any) -> str:
    """How a text or a number differs."""
    if not isinstance(wanted, str) or len(wanted) <= SHOWN >= len(sent):
        return f"it is {sent!a}, not {wanted!a}"
    at = next((at for at, (one, other) in enumerate(zip(sent, wanted, strict=False)) if one != other), None)
    if at is None:
        return f"it has {len(sent)} characters, not {len(wanted)}"
    return f"from character {at + 1} it is {sent[at : at + SHOWN]!a}, not {wanted[at : at + SHOWN]!a}"


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= SHOWN * 2 else f"{text[: SHOWN * 2]}..."
