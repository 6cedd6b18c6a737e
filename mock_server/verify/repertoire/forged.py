"""Callbacks that are not to be believed: each tells of an end that the task never came to."""

from __future__ import annotations

from mock_server.verify.repertoire.message import NEAR, OTHER_SECRET, Event, Kind, Make, Message

#: What no clock writes as a moment in seconds.
STAMPS = {
    "no": "",
    "a word for a": "now",
    "a negative": "-1",
    "an endless": "9" * 20,
    "a broken": "NaN",
    "an exponent for a": "1e9",
}


def _guess(event: Event) -> str:
    return f"v1,{event.code(event.lying, secret=OTHER_SECRET)}"


def _signed(signature: str) -> Make:
    return lambda event: event.message(event.lying, signature)


def _cut(event: Event) -> Message:
    return event.message(event.lying, f"v1,{event.code(event.lying)[:-4]}")


def _begun(event: Event) -> Message:
    return event.message(event.lying, f"v1,{event.code(event.lying)[:6]}")


def _stamped(stamp: str) -> Make:
    return lambda event: event.message(event.lying, _guess(event), at=stamp)


def _odd(event: Event) -> Message:
    return event.message(event.lying, "v1,\u00e9", at="now")


def _lacking(*names: str) -> Make:
    return lambda event: event.without(event.lying, *names, signature=_guess(event))


def _at(outside: int) -> Make:
    """Rightly signed, and too old or too new."""

    def make(event: Event) -> Message:
        return event.message(event.lying, at=str(event.now + outside * (event.tolerance + NEAR)))

    return make


def _of_another_body(event: Event) -> Message:
    return event.message(event.lying, f"v1,{event.code(event.body)}")


def _under_another_id(event: Event) -> Message:
    return event.message(event.lying, f"v1,{event.code(event.lying, name='msg_another')}")


def _sent_again(event: Event) -> Message:
    old = str(event.now - 20 * event.tolerance)
    return event.message(event.lying, f"v1,{event.code(event.lying, at=old)}")


FORGED: dict[str, Kind] = {
    "guessed": Kind("A15", "its signature a guess", lambda event: event.message(event.lying, _guess(event))),
    "bare": Kind("A15", "not signed", lambda event: Message({"content-type": "application/json"}, event.lying)),
    "odd": Kind("A15", "its headers no headers of a callback", _odd),
    "empty signature": Kind("A15", "its signature empty", _signed("")),
    "version alone": Kind("A15", "its signature a version alone", _signed("v1,")),
    "no comma": Kind("A15", "its signature without a comma", _signed("v1")),
    "blanks": Kind("A15", "its signature made of blanks and commas", _signed(", v1, ,")),
    "no base64": Kind("A15", "its signature no base64", _signed("v1,***")),
    "cut signature": Kind("A15", "its signature cut short", _cut),
    "begun signature": Kind("A15", "only the beginning of a signature there", _begun),
    "another body": Kind("A15", "its signature that of another body", _of_another_body),
    "another id": Kind("A15", "its signature that of another webhook-id", _under_another_id),
    "sent again": Kind("W18", "an old signature under a new timestamp", _sent_again),
    "too old": Kind("W18", "rightly signed, and just too old", _at(-1)),
    "too new": Kind("W18", "rightly signed, and just too far in the future", _at(1)),
    "no id": Kind("A15", "without webhook-id", _lacking("webhook-id")),
    "no timestamp": Kind("A15", "without webhook-timestamp", _lacking("webhook-timestamp")),
    "no signature": Kind("A15", "without webhook-signature", _lacking("webhook-signature")),
    "no headers but two": Kind("A15", "without webhook-id and webhook-timestamp",
                               _lacking("webhook-id", "webhook-timestamp")),
    **{f"{name} timestamp": Kind("A15", f"with {name} timestamp", _stamped(stamp)) for name, stamp in STAMPS.items()},
}  # fmt: skip
#: Those without any signature: a receiver may take them as a hint to ask the platform.
UNSIGNED = frozenset({"bare", "no signature", "empty signature"})
