"""Broken servers: what they say of several mistakes, and bugs that need two parameters at once."""

from __future__ import annotations

import re

from tests.support.broken import Mutant
from tests.support.lenient import refused, when
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

TELLS, FIRST = "tells every mistake", "has the code of the first mistake"
PAIRS, NO_PAIRS = "accepts any two values", "refuses two values that exclude each other"


def said(change):
    """Refusals with another message, on both sides."""

    def edit(method, path, status, value):
        if status != 400 or not isinstance(value, dict) or not isinstance(value.get("error"), dict):
            return status, value
        error = {name: one if name == "code" else change(one) for name, one in value["error"].items()}
        return status, {**value, "error": error, **({"detail": change(value["detail"])} if "detail" in value else {})}

    return edit


def coded(**changed):
    """Refusals with other codes."""

    def edit(method, path, status, value):
        error = value.get("error") if isinstance(value, dict) else None
        if status != 400 or not isinstance(error, dict):
            return status, value
        sentence = error.get("error_message", "")
        for word, code in changed.items():
            if word in sentence and ";" in sentence:
                error = {**error, "code": code}
        return status, {**value, "error": error}

    return edit


def has(name, *values):
    return lambda given: given.get(name) in values if values else name in given


def both(one, other):
    return lambda given: one(given) and other(given)


MUTANTS = [
    Mutant("tells the first mistake only", T2V, TELLS, edit=said(lambda text: text.partition(";")[0])),
    Mutant("tells the last mistake only", V3, TELLS, edit=said(lambda text: text.rpartition(";")[2])),
    Mutant("tells two mistakes at most", V1_5, TELLS, edit=said(lambda text: ";".join(text.split(";")[:2]))),
    Mutant("tells no places", MULTI, TELLS, edit=said(lambda text: re.sub(r"\[[0-9]+\]", "", text))),
    Mutant("tells no parameters", MASTER, TELLS, edit=said(lambda text: "invalid request")),
    Mutant("tells the ends of paths", V3, TELLS, edit=said(lambda text: re.sub(r"[\w\]\[]+\.", "", text))),
    Mutant("has the code of the prompt first", V1_5, FIRST, edit=coded(prompt="00200303")),
    Mutant("has the code of the duration first", V1_5, FIRST, edit=coded(duration="00200304")),
    Mutant("has a code for several mistakes", V1_5, FIRST, edit=coded(watermark_info="40001")),
    Mutant(
        "refuses 9:16 in pro", T2V, PAIRS, body=when(both(has("aspect_ratio", "9:16"), has("mode", "pro")), refused)
    ),
    Mutant(
        "refuses sound for 15 seconds", V3, PAIRS, body=when(both(has("sound", "on"), has("duration", "15")), refused)
    ),
    Mutant(
        "refuses a callback with an id",
        MASTER,
        PAIRS,
        body=when(both(has("callback_url"), has("external_task_id")), refused),
    ),
    Mutant(
        "refuses four references in pro",
        MULTI,
        PAIRS,
        body=when(both(has("mode", "pro"), lambda p: len(p.get("image_list", ())) == 4), refused),
    ),
    Mutant(
        "refuses a seed of 0 with cfg_scale 0",
        V1_5,
        PAIRS,
        body=when(both(has("seed", 0), has("cfg_scale", 0)), refused),
    ),
    Mutant(
        "refuses elements in one shot",
        V3,
        PAIRS,
        body=when(both(has("element_list"), has("multi_shot", False)), refused),
    ),
    Mutant(
        "takes a mask with a camera",
        V1_5,
        NO_PAIRS,
        body=when(
            both(has("static_mask"), has("camera_control")),
            lambda p: {name: one for name, one in p.items() if name != "static_mask"},
        ),
    ),
    Mutant(
        "takes a camera for 10 seconds",
        T2V,
        NO_PAIRS,
        body=when(both(has("duration", "10"), has("camera_control")), lambda p: {**p, "duration": "5"}),
    ),
    Mutant(
        "takes a tail in std",
        V1_5,
        NO_PAIRS,
        body=when(both(has("mode", "std"), has("image_tail")), lambda p: {**p, "mode": "pro"}),
    ),
    Mutant(
        "takes shots without multi_shot's type",
        V3,
        NO_PAIRS,
        body=when(
            lambda p: p.get("multi_shot") is True and "shot_type" not in p, lambda p: {**p, "shot_type": "customize"}
        ),
    ),
]
