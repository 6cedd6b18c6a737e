"""Broken servers: what they take for a value, and which values they do not know, in which place of a list."""

from __future__ import annotations

from tests.support.broken import Mutant
from tests.support.lenient import (
    at,
    casts,
    knowing,
    reads,
    refused,
    refuses,
    text,
    unpacked,
    when,
    within,
    without,
)
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

PAST, WITHIN, OTHER = "refuses past each bound", "accepts up to each bound", "refuses parameters it has not"
RULE, RIGHT = "refuses what breaks a rule", "accepts what is right"

AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")


def units(value):
    """How long a text is in UTF-16."""
    return len(value.encode("utf-16-le", "replace")) // 2


def _clamped(least, most):
    return lambda value: min(max(value, least), most) if isinstance(value, int | float) else value


def _sloppy(change):
    """Reads bare parameters with one thing changed, where it is there."""
    return when(lambda given: True, change)


def _reference(value):
    from mock_server.verify.server.pictures import plain

    right = isinstance(value, dict) and isinstance(value.get("image"), str) and set(value) == {"image"}
    return value if right else {"image": plain()}


def _moves(given, axis):
    control = given.get("camera_control")
    config = control.get("config") if isinstance(control, dict) else None
    return bool(config.get(axis)) if isinstance(config, dict) else False


def _still(given, axis):
    control = given["camera_control"]
    return {**given, "camera_control": {**control, "config": {**control["config"], axis: 0}}}


def _sum(given):
    try:
        total = str(sum(int(shot["duration"]) for shot in given["multi_prompt"]))
    except (KeyError, TypeError, ValueError):
        return given.get("duration", "5")
    return total if 3 <= int(total) <= 15 else given.get("duration", "5")


MUTANTS = [
    Mutant("reads modes in any letters", V1_5, PAST, body=text("mode", str.lower)),
    Mutant("reads an aspect ratio with blanks", T2V, PAST, body=text("aspect_ratio", str.strip)),
    Mutant("reads sound in any letters", V3, PAST, body=text("sound", str.lower)),
    Mutant("reads a camera's type in any letters", T2V, PAST, body=text("camera_control.type", str.lower)),
    Mutant("takes a number for a duration", MASTER, PAST, body=casts("duration", str)),
    Mutant("reads 5s as 5", MULTI, PAST, body=text("duration", lambda value: value.rstrip("s"))),
    Mutant("reads 05 as 5", V3, PAST, body=text("duration", lambda value: value.lstrip("0"))),
    Mutant("takes no duration for the default", T2V, PAST, body=reads("duration", "", "5")),
    Mutant("knows the lengths of another model", MASTER, PAST, body=reads("duration", "8", "10")),
    Mutant("knows the moves of another model", V1_5, PAST, body=reads("camera_control.type", "down_back", "simple")),
    Mutant("knows 4:3", MULTI, PAST, body=reads("aspect_ratio", "4:3", "16:9")),
    Mutant("takes true for sound", V3, PAST, body=reads("sound", True, "on")),
    Mutant("takes null for a mode", V3, PAST, body=reads("mode", None, "std")),
    Mutant("takes a text for cfg_scale", T2V, PAST, body=casts("cfg_scale", float)),
    Mutant("takes true for cfg_scale", V1_5, PAST, body=reads("cfg_scale", True, 1)),
    Mutant("brings cfg_scale within bounds", T2V, PAST, body=at("cfg_scale", _clamped(0, 1))),
    Mutant("rounds cfg_scale", V1_5, PAST, body=at("cfg_scale", lambda v: round(v, 6) if isinstance(v, float) else v)),
    Mutant("takes a text for a seed", V1_5, PAST, body=casts("seed", int)),
    Mutant("takes 1 for true", V3, PAST, body=reads("watermark_info.enabled", 1, True)),
    Mutant("takes a text for a boolean", MULTI, PAST, body=reads("watermark_info.enabled", "true", True)),
    Mutant("takes a text for multi_shot", V3, PAST, body=reads("multi_shot", "false", False)),
    Mutant("takes true for a watermark", T2V, PAST, body=reads("watermark_info", True, {"enabled": True})),
    Mutant(
        "takes a list for a watermark",
        MASTER,
        PAST,
        body=at("watermark_info", lambda v: v[0] if isinstance(v, list) and v else v),
    ),
    Mutant("unpacks a camera control", T2V, PAST, body=unpacked("camera_control")),
    Mutant("unpacks shots", V3, PAST, body=unpacked("multi_prompt")),
    Mutant(
        "takes texts for references", MULTI, PAST, body=at("image_list.*", lambda v: _reference(v) if v == "x" else v)
    ),
    Mutant("takes one shot without a list", V3, PAST, body=at("multi_prompt", lambda v: [v] if "index" in v else v)),
    Mutant("strips a prompt before it counts", T2V, PAST, body=text("prompt", str.strip)),
    Mutant("cuts a prompt that is too long", MASTER, PAST, body=text("prompt", lambda v: v[:2500])),
    Mutant("cuts a very long prompt", V1_5, PAST, body=text("prompt", lambda v: v[:2500] if len(v) > 5000 else v)),
    Mutant("cuts a negative prompt", MULTI, PAST, body=text("negative_prompt", lambda v: v[:2500])),
    Mutant("takes a number for a prompt", T2V, PAST, body=casts("prompt", str)),
    Mutant(
        "counts a prompt in UTF-16",
        T2V,
        WITHIN,
        body=refuses("prompt", lambda v: isinstance(v, str) and units(v) > 2500),
    ),
    Mutant(
        "counts a prompt in bytes",
        MASTER,
        WITHIN,
        body=refuses("prompt", lambda v: isinstance(v, str) and len(v.encode()) > 2500),
    ),
    Mutant("knows no emoji", V1_5, WITHIN, body=refuses("negative_prompt", lambda v: "🎬" in str(v))),
    Mutant("takes no line ends", T2V, WITHIN, body=refuses("prompt", lambda v: "\n" in str(v))),
    Mutant("takes no tags", MULTI, WITHIN, body=refuses("prompt", lambda v: "<" in str(v))),
    Mutant("takes no blank prompt", T2V, WITHIN, body=refuses("prompt", lambda v: not str(v).strip())),
    Mutant("takes the text null for null", MASTER, WITHIN, body=reads("negative_prompt", "null", None)),
    Mutant("takes no integer for cfg_scale", T2V, WITHIN, body=refuses("cfg_scale", lambda v: isinstance(v, int))),
    Mutant("takes no 0 for cfg_scale", V1_5, WITHIN, body=refuses("cfg_scale", lambda v: v == 0)),
    Mutant("takes no fraction for an axis", T2V, WITHIN, body=refuses("camera_control.config.roll", lambda v: v % 1)),
    Mutant("takes no seed of 0", V1_5, WITHIN, body=refuses("seed", lambda v: v == 0)),
    Mutant("loses digits of an element", V3, WITHIN, body=refuses("element_list.*.element_id", lambda v: v > 2**53)),
    Mutant("takes no -10", V1_5, WITHIN, body=refuses("camera_control.config.zoom", lambda v: v == -10)),
    *(
        Mutant(f"has no bound for {axis}", model, PAST, body=at(f"camera_control.config.{axis}", _clamped(-10, 10)))
        for axis, model in zip(AXES, (T2V, V1_5, T2V, V1_5, T2V, V1_5), strict=True)
    ),
    Mutant("has no lower bound for tilt", T2V, PAST, body=at("camera_control.config.tilt", _clamped(-10, 1e9))),
    Mutant("looks at the first reference only", MULTI, PAST, body=at("image_list.1", _reference)),
    Mutant("does not look at the last reference", MULTI, PAST, body=at("image_list.3", _reference)),
    Mutant("passes over names in a reference", MULTI, PAST, body=within("image_list.*", "image")),
    Mutant("passes over names in a point", V1_5, PAST, body=within("dynamic_masks.*.trajectories.*", "x", "y")),
    Mutant("passes over names in a shot", V3, PAST, body=within("multi_prompt.*", "index", "prompt", "duration")),
    Mutant("passes over names in a watermark", V3, PAST, body=within("watermark_info", "enabled")),
    Mutant("passes over names in the last mask", V1_5, PAST, body=within("dynamic_masks.5", "mask", "trajectories")),
    Mutant("cuts the shots' texts after the first", V3, PAST, body=text("multi_prompt.last.prompt", lambda v: v[:512])),
    Mutant(
        "cuts the last way",
        V1_5,
        PAST,
        body=at("dynamic_masks.5.trajectories", lambda v: v[:77] if isinstance(v, list) else v),
    ),
    Mutant("rounds the last points", V1_5, PAST, body=casts("dynamic_masks.*.trajectories.last.x", int)),
    Mutant("takes a text for the last element", V3, PAST, body=casts("element_list.last.element_id", int)),
    Mutant(
        "refuses a shot of 1 second at the end", V3, WITHIN, body=refuses("multi_prompt.5.duration", lambda v: v == "1")
    ),
    Mutant("passes over what it does not know", T2V, OTHER, body=without("surprise", "n", "fps", "user", "size")),
    Mutant("passes over a seed", V3, OTHER, body=without("seed")),
    Mutant("passes over image", T2V, OTHER, body=without("image", "image_tail")),
    Mutant("passes over cfg_scale", MASTER, OTHER, body=without("cfg_scale")),
    Mutant(
        "reads names in any letters",
        MULTI,
        OTHER,
        body=_sloppy(lambda given: {name.lower(): value for name, value in given.items()}),
    ),
    Mutant(
        "reads names with blanks",
        V3,
        OTHER,
        body=_sloppy(lambda given: {name.strip(): value for name, value in given.items()}),
    ),
    Mutant(
        "knows its own names only",
        MASTER,
        OTHER,
        body=knowing(
            "image", "prompt", "negative_prompt", "duration", "watermark_info", "callback_url", "external_task_id"
        ),
    ),
    Mutant(
        "takes pro for the default",
        V1_5,
        RULE,
        body=when(lambda p: "image_tail" in p and "mode" not in p, lambda p: {**p, "mode": "pro"}),
    ),
    Mutant(
        "takes a moving second axis of 0.001 for none",
        T2V,
        RULE,
        body=at("camera_control.config.zoom", lambda v: 0 if v == 0.001 else v),
    ),
    Mutant(
        "takes a second axis for none",
        V1_5,
        RULE,
        body=when(lambda p: _moves(p, "roll") and _moves(p, "zoom"), lambda p: _still(p, "zoom")),
    ),
    Mutant(
        "does not add a default duration up",
        V3,
        RULE,
        body=when(
            lambda p: p.get("multi_shot") is True and "duration" not in p and isinstance(p.get("multi_prompt"), list),
            lambda p: {**p, "duration": _sum(p)},
        ),
    ),
    Mutant(
        "adds up five shots at most",
        V3,
        RULE,
        body=when(
            lambda p: p.get("multi_shot") is True and len(p.get("multi_prompt") or ()) == 6,
            lambda p: {**p, "duration": _sum(p)},
        ),
    ),
    Mutant(
        "takes false for a missing multi_shot but not the reverse",
        V3,
        RIGHT,
        body=when(lambda p: p.get("multi_shot") is False and "shot_type" in p, refused),
    ),
    Mutant(
        "refuses a prompt beside shots",
        V3,
        RIGHT,
        body=when(lambda p: p.get("multi_shot") is True and "prompt" in p, refused),
    ),
    Mutant(
        "refuses a duration of 5 beside a mask",
        V1_5,
        RIGHT,
        body=when(lambda p: "static_mask" in p and p.get("duration") == "5", refused),
    ),
]
