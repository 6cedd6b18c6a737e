"""Values that clients get wrong, by what is unusual about them: texts, numbers, and 64-bit integers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

#: What is unusual about a value, and the value.
Named = tuple[str, Any]

_BEYOND_THE_BMP = "\U0001f3ac\U0001f34e\U0001d49c\U00020000"
_WORDS = "The light sweeps over the sea and a wave breaks on the rocks, number "
TEXTS: tuple[Named, ...] = (
    ("blanks at both ends", "\u00a0 \t two  blanks  inside \u3000 "),
    ("line ends", "one\r\ntwo\nthree\rfour\u2028five\u2029six\u0085seven\n"),
    ("combining forms", "e\u0301 \u00e9 \u212b A\u030a \ufb01 \uff21 \u1112\u1161\u11ab \ud55c \u00b2 \u00bd"),
    (
        "markup, URL characters, quotes and escapes",
        "<b>&amp; & &lt; &#39; 100%25 %41 %zz a+b #/?=;:@ ~^|</b> "
        "'one' \"two\" `three` \\n \\u00e9 \\\\ {x} {{y}} $HOME ${z} %s %(a)s",
    ),
    (
        "joined emoji, marks of direction and control characters",
        "\U0001f469\U0001f3fd\u200d\U0001f680 \u0645\u200b \u202eabc\u202c\ufeff \u0001\u0008\u001b[31m\u007f\u009f.",
    ),
    ("upper and lower case", "SHOUT, Whisper: \u00c4\u00e4SS\u00df \u0130\u0131\u017f \u03a3\u03c2"),
    ("a number with zeros", "007.50"),
    ("the word null", "null"),
    ("JSON", '["a", {"b": 1}]'),
    ("a flag of a command line", "--help"),
    ("one character beyond the BMP", "\U0001f34e"),
    ("a blank", " "),
    ("empty", ""),
)
#: Floats whose digits are easily lost, between 0 and 1.
FRACTIONS: tuple[float, ...] = (0.1 + 0.2, 1e-7, 1 / 3, 1 - 2**-53, 0.35)
INTEGERS: tuple[int, ...] = (0, -1, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))


def texts(most: int, least: int = 0) -> list[Named]:
    """Texts of ``least`` to ``most`` code points."""
    beyond = "".join(islice(cycle(_BEYOND_THE_BMP), most - 1)) + "\U0001f51a"
    ascii_only = (_WORDS * (most // len(_WORDS) + 1))[: most - 1] + "."
    longest = [(f"{most} characters beyond the BMP", beyond), (f"{most} characters of ASCII", ascii_only)]
    return [*longest, *((name, text) for name, text in TEXTS if len(text) >= least)]


def numbers(minimum: float, maximum: float) -> list[Named]:
    """Numbers between 0 and 1 or wider bounds."""
    found = dict.fromkeys((0, minimum, maximum, *FRACTIONS))
    return [(_written(one), one) for one in found if minimum <= one <= maximum]


def integers(schema: Mapping[str, Any]) -> list[Named]:
    """Integers of 64 bits, as far as the document allows them."""
    least, most = schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)
    return [(_written(one), one) for one in INTEGERS if least <= one <= most]


def choices(values: Sequence[Any]) -> list[Named]:
    """Each value of an enum, under its own name."""
    return [(str(value).lower() if isinstance(value, bool) else str(value), value) for value in values]


def _written(value: float) -> str:
    return str(value)


_ALPHABETS = (
    "abcdefghij klmnopqrstuvwxyz ABC 0123456789",
    "".join(map(chr, range(0x20, 0x7F))),
    "".join(map(chr, (*range(0xA0, 0x180), *range(0x300, 0x330), *range(0x2000, 0x2030)))),
    "".join(map(chr, (*range(0x4E00, 0x4E80), *range(0xAC00, 0xAC40), *range(0x1F300, 0x1F5FF)))),
)


def at_random(schema: Mapping[str, Any], source: random.Random) -> list[Named]:
    """Any value of a text, a number or an integer; none for what has a few values only."""
    kind = schema.get("type") if "enum" not in schema and "format" not in schema else None
    if kind == "string":
        longest = source.choice((3, 20, 200, schema.get("maxLength", 200)))
        letters = source.choice(_ALPHABETS)
        return [("any text", "".join(source.choices(letters, k=source.randint(1, longest))))]
    if kind == "number":
        return [("any number", source.uniform(schema["minimum"], schema["maximum"]))]
    if kind == "integer":
        return [("any integer", source.randint(-(2**63), 2**63 - 1) >> source.randrange(63))]
    return []
