"""What of a model's parameters goes together: the parts that rules tie to each other, as every form of each is wanted.

A part has some parameters, and the names of what is unusual about them. What no part has is free: it goes with any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mock_server.contract.endpoint import Endpoint
from mock_server.verify.client.pictures import Pictures
from mock_server.verify.client.values import FRACTIONS, texts

#: The parameters of a part, and what is unusual about them.
Made = tuple[dict[str, Any], list[str]]
MOST_IN_A_SHOT = 512


@dataclass(frozen=True, slots=True)
class Part:
    """Parameters that go together. ``make`` makes them, with pictures of the kind that the body has. The names in
    ``without`` have no meaning beside them. Of each ``kind``, every second one has base64 in place of URLs.
    """

    make: Callable[[Pictures], Made]
    kind: str = ""
    without: frozenset[str] = frozenset()


def forms_of(endpoint: Endpoint) -> list[Part]:
    """The parts that a body of this model is built on, one of them in each body."""
    made = _FORMS.get(endpoint.model)
    return made(endpoint) if made is not None else [Part(lambda _: (dict(endpoint.example), []))]


def _pictured(fixed: Mapping[str, Any], names: Sequence[str], pictures: Pictures) -> Made:
    """These parameters, with a picture for each name."""
    found, labels = dict(fixed), []
    for name in names:
        label, found[name] = pictures(name)
        labels.append(f"{name}: {label}")
    return found, labels


def _v1_5(endpoint: Endpoint) -> list[Part]:
    fixed = {"mode": "pro"}
    both = [Part(partial(_pictured, fixed, ["image", "image_tail"]), "both") for _ in range(4)]
    tails = [Part(partial(_pictured, fixed, ["image_tail"]), "tail") for _ in range(3)]
    masks = [Part(partial(_brushed, turn), "masks") for turn in range(len(_STROKES))]
    alone = Part(partial(_pictured, {}, ["image"]))
    cameras = [Part(partial(_with_camera, control)) for control in camera_controls(endpoint, 2)]
    return [alone, *_mixed(both, tails, masks, cameras), alone]


def _mixed(*lists: Sequence[Part]) -> list[Part]:
    """One of each list in turn, so that each kind comes early."""
    longest = max(map(len, lists))
    return [parts[turn] for turn in range(longest) for parts in lists if turn < len(parts)]


def _with_camera(named: tuple[dict[str, Any], list[str]], make: Pictures) -> Made:
    control, labels = named
    found, pictured = _pictured({"mode": "pro", "camera_control": control}, ["image"], make)
    return found, [*pictured, *labels]


def camera_controls(endpoint: Endpoint, most: int = 3) -> list[tuple[dict[str, Any], list[str]]]:
    """Every type; of the simple one each axis at both bounds and, unless ``most`` is 2, at a fraction. Now and then the
    other axes are written as 0.
    """
    inner = endpoint.by_name["camera_control"].schema["properties"]
    types, axes = inner["type"]["enum"], inner["config"]["properties"]
    found: list[tuple[dict[str, Any], list[str]]]
    found = [({"type": one}, [f"camera_control.type={one}"]) for one in types if one != "simple"]
    for place, axis in enumerate(axes):
        for value in (-10, 10, -FRACTIONS[place % len(FRACTIONS)])[:most]:
            others = dict.fromkeys(axes, 0) if len(found) % 2 else {}
            labels = [f"camera_control.config.{axis}={value}", "camera_control.type=simple"]
            labels += ["camera_control.config: five zeros"] if others else []
            found.append(({"type": "simple", "config": {**others, axis: value}}, labels))
    return found


#: How many points each dynamic mask has, by turn; in one turn all have the same, and they must not be merged.
_STROKES: tuple[tuple[int, ...], ...] = ((2,), (2, 3, 2, 4, 2, 5), (77,), (3, 77), (), (2, 2, 2, 2, 2, 2))
ALIKE = 5


def _brushed(turn: int, make: Pictures) -> Made:
    """Masks: static, dynamic, or both; one to six, of 2 to 77 points."""
    found, labels = _pictured(
        {"mode": "pro", "duration": "5"}, ["image", *(["static_mask"] if turn != 3 else [])], make
    )
    counts = _STROKES[turn]
    masks = []
    for number, count in enumerate(counts):
        label, mask = make("dynamic_masks[].mask")
        labels.append(f"dynamic_masks[].mask: {label}")
        masks.append({"mask": mask, "trajectories": _points(count, 0 if turn == ALIKE else number)})
        labels.append(f"dynamic_masks[].trajectories: {count} points")
    if masks:
        found["dynamic_masks"] = masks
        labels.append(f"dynamic_masks: {len(masks)} elements")
    return found, labels


def _points(count: int, number: int) -> list[dict[str, int]]:
    """Points in no order, the first at 0 and two after each other alike; the last is like no other."""
    found = [{"x": (at * 389 + number) % 1280, "y": (at * 211 + number * 7) % 720} for at in range(count)]
    if count > 3:
        found[2] = dict(found[1])
    return [*found[:-1], {"x": 1279, "y": number + 1}]


def _t2v(endpoint: Endpoint) -> list[Part]:
    cameras = [Part(partial(_moved, control)) for control in camera_controls(endpoint)]
    return [Part(lambda _: ({}, [])), *cameras, Part(lambda _: ({}, []))]


def _moved(named: tuple[dict[str, Any], list[str]], _: Pictures) -> Made:
    control, labels = named
    return {"camera_control": control}, list(labels)


def _multi(_: Endpoint) -> list[Part]:
    counts = (1, 4, 2, 3, 4, 4, 2)
    return [Part(partial(_listed, count, turn)) for turn, count in enumerate(counts)]


def _listed(count: int, turn: int, make: Pictures) -> Made:
    pictures = [make("image_list[].image") for _ in range(count)]
    if turn == 5:
        pictures[2] = pictures[0]
    labels = [f"image_list[].image: {label}" for label, _ in pictures]
    labels += [f"image_list: {count} elements", *(["image_list: one twice"] if turn == 5 else [])]
    return {"image_list": [{"image": picture} for _, picture in pictures]}, labels


def _master(_: Endpoint) -> list[Part]:
    return [Part(partial(_pictured, {}, ["image"]))]


def _v3(_: Endpoint) -> list[Part]:
    """Single shots, and several; with one frame or two."""
    frames = (("image",), ("image", "image_tail"), ("image_tail",)) * 5
    shots = frozenset({"shot_type", "multi_prompt"})
    single = [Part(partial(_pictured, {}, names), "single", shots) for names in frames]
    several = [
        Part(partial(_shot, turn, names), "several", frozenset({"prompt"}))
        for turn, names in enumerate(frames[: len(_SHOTS)])
    ]
    return _mixed(single, several)


#: The seconds of the shots, by turn; and their indexes.
_SHOTS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((15,), (1,)),
    ((1, 2), (1, 2)),
    ((2, 1, 3, 1, 2, 4), (1, 2, 3, 4, 5, 6)),
    ((1, 1, 1), (3, 1, 2)),
    ((2, 3), (0, 1)),
    ((5, 4, 5), (10, 20, 2**31 - 1)),
    ((1, 1, 1, 1, 1, 1), (6, 5, 4, 3, 2, 1)),
)


def _shot(turn: int, names: Sequence[str], make: Pictures) -> Made:
    seconds, indexes = _SHOTS[turn]
    words = texts(MOST_IN_A_SHOT, 1)
    first = turn * 4
    told = [words[(first + at) % len(words)] for at in range(len(seconds))]
    shots = [
        {"index": index, "prompt": text, "duration": str(long)}
        for index, (_, text), long in zip(indexes, told, seconds, strict=True)
    ]
    if turn == 6:
        shots[3]["prompt"] = shots[2]["prompt"]
    fixed: dict[str, Any] = {"multi_shot": True, "shot_type": "customize", "multi_prompt": shots}
    # The default is left out once, where the shots fit it.
    fixed |= {} if sum(seconds) == 5 else {"duration": str(sum(seconds))}
    found, labels = _pictured(fixed, names, make)
    labels += [f"multi_prompt[].prompt: {label}" for label, _ in told]
    return found, [
        *labels,
        f"multi_prompt: {len(shots)} elements",
        f"multi_prompt[].index: {indexes}",
        "multi_shot=true",
    ]


_FORMS: dict[str, Callable[[Endpoint], list[Part]]] = {
    "kirin_v1_5_i2v": _v1_5,
    "kirin_v1_t2v": _t2v,
    "kirin_v1_6_multi_i2v": _multi,
    "kirin_v2_master_i2v": _master,
    "kirin_v3_i2v": _v3,
}
