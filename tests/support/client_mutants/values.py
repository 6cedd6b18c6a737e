"""Clients that change one kind of value on its way into the body: a bound, digits, characters, or places in a list."""

from __future__ import annotations

import html
import json
import re
import struct
import textwrap
import unicodedata
from urllib.parse import quote, unquote, unquote_plus

from tests.support.client_mutants.sending import params, values

LISTS = frozenset({"dynamic_masks", "image_list", "multi_prompt", "element_list"})


def deep(change):
    """Every leaf changed, at any depth; ours are among them."""
    return params(lambda sent: {name: _walked(value, change, name) for name, value in sent.items()})


def _walked(value, change, name):
    if isinstance(value, dict):
        return {key: _walked(inner, change, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_walked(inner, change, name) for inner in value]
    return change(name, value)


def texts(change):
    """Prompts changed, at any depth."""
    return deep(lambda name, value: change(value) if name in {"prompt", "negative_prompt"} else value)


def pictures(change):
    """Pictures changed, at any depth."""
    places = {"image", "image_tail", "static_mask", "mask"}
    return deep(lambda name, value: change(value) if name in places else value)


def base64s(change):
    """Pictures that are base64 changed."""
    return pictures(lambda value: value if value.startswith("http") else change(value))


def urls(change):
    """Pictures that are URLs changed."""
    return pictures(lambda value: change(value) if value.startswith("http") else value)


def numbers(kind, change):
    """Numbers of a type changed, at any depth."""
    return deep(lambda _, value: change(value) if type(value) is kind else value)


def named(name, change):
    """One parameter changed, at any depth."""
    return deep(lambda key, value: change(value) if key == name else value)


def lists(change, of=LISTS):
    """Lists changed."""
    return values(of, change)


def points(change):
    """The points of each mask changed."""
    return lists(
        lambda masks: [{**mask, "trajectories": change(mask["trajectories"])} for mask in masks], {"dynamic_masks"}
    )


def config(change):
    """The axes of a camera changed."""

    def changed(control):
        return {**control, "config": change(control["config"])} if "config" in control else control

    return values({"camera_control"}, changed)


def without(what):
    """Parameters left out by their value."""
    return params(lambda sent: {name: value for name, value in sent.items() if not what(name, value)})


def _in_place_of(value, other):
    return lambda given: other if given == value and type(given) is type(value) else given


def _deduplicated(given):
    return [one for at, one in enumerate(given) if one not in given[:at]]


def _swapped(axes):
    names = {"pan": "tilt", "tilt": "pan"}
    return {names.get(name, name): value for name, value in axes.items()}


def _inner_dropped(value, falsy):
    if isinstance(value, dict):
        return {name: _inner_dropped(inner, falsy) for name, inner in value.items() if not falsy(inner)}
    return [_inner_dropped(inner, falsy) for inner in value] if isinstance(value, list) else value


def _float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def _int32(value):
    return (value + 2**31) % 2**32 - 2**31


def _utf16_cut(text):
    return text.encode("utf-16-le")[:5000].decode("utf-16-le", "ignore")


ENUMS = {
    "sends std for pro where nothing asks for pro": (
        "A02",
        params(
            lambda sent: (
                {**sent, "mode": "std"}
                if sent.get("mode") == "pro"
                and not {"image_tail", "static_mask", "dynamic_masks", "camera_control", "multi_shot"} & set(sent)
                else sent
            )
        ),
    ),
    "knows no 1:1": ("A02", values({"aspect_ratio"}, _in_place_of("1:1", "16:9"))),
    "never switches the sound on": ("A02", values({"sound"}, _in_place_of("on", "off"))),
    "thirteen seconds are unlucky": ("A02", values({"duration"}, _in_place_of("13", "12"))),
    "switches every watermark off": ("A02", deep(lambda name, value: False if name == "enabled" else value)),
    "knows no left turn": (
        "A02",
        deep(lambda name, value: "right_turn_forward" if (name, value) == ("type", "left_turn_forward") else value),
    ),
}
BOUNDS = {
    "keeps the scale below 1": ("A02", values({"cfg_scale"}, lambda given: min(given, 0.99))),
    "keeps an axis above -10": ("A02", config(lambda axes: {name: max(value, -9.5) for name, value in axes.items()})),
    "keeps the zoom below 10": (
        "A02",
        config(lambda axes: {**axes, **({"zoom": 9} if axes.get("zoom") == 10 else {})}),
    ),
    "sends at most 2048 characters": ("A02", texts(lambda text: text[:2048])),
    "cuts the prompt of a shot at 500": (
        "A02",
        lists(lambda shots: [{**shot, "prompt": shot["prompt"][:500]} for shot in shots], {"multi_prompt"}),
    ),
    "takes at most five masks": ("A02", lists(lambda masks: masks[:5], {"dynamic_masks"})),
    "takes at most three pictures": ("A02", lists(lambda given: given[:3], {"image_list"})),
    "takes at most two subjects": ("A02", lists(lambda given: given[:2], {"element_list"})),
    "sends at most 64 points": ("A02", points(lambda way: way[:64])),
    "takes one character for no prompt": ("A01", without(lambda name, value: name == "prompt" and len(value) == 1)),
}
DIGITS = {
    "ids of subjects as floats": (
        "A02",
        deep(lambda name, value: int(float(value)) if name == "element_id" and abs(value) < 2**62 else value),
    ),
    "a seed of 32 bits": ("A02", values({"seed"}, _int32)),
    "a seed as JavaScript has it": (
        "A02",
        values({"seed"}, lambda seed: int(float(seed)) if abs(seed) < 2**62 else seed),
    ),
    "a seed without its sign": ("A02", values({"seed"}, abs)),
    "single precision": ("A02", numbers(float, _float32)),
    "six decimals": ("A02", numbers(float, lambda value: round(value, 6))),
    "fifteen digits": ("A02", numbers(float, lambda value: float(f"{value:.15g}"))),
    "percents": ("A02", values({"cfg_scale"}, lambda value: int(value * 100) / 100)),
    "coordinates in tens": ("A02", named("y", lambda value: value // 10 * 10)),
}
TEXTS = {
    "cuts at 5000 bytes of UTF-16": ("A02", texts(_utf16_cut)),
    "leaves out what is beyond the BMP": (
        "A02",
        texts(lambda text: "".join(one for one in text if one < "\U00010000")),
    ),
    "cuts at 2500 bytes": ("A02", texts(lambda text: text.encode()[:2500].decode("utf-8", "ignore"))),
    "composes characters": ("A02", texts(lambda text: unicodedata.normalize("NFC", text))),
    "takes characters apart": ("A02", texts(lambda text: unicodedata.normalize("NFD", text))),
    "replaces characters that look alike": ("A02", texts(lambda text: unicodedata.normalize("NFKC", text))),
    "strips the right end": ("A02", texts(str.rstrip)),
    "strips the left end": ("A02", texts(str.lstrip)),
    "two blanks are one": ("A02", texts(lambda text: re.sub("  +", " ", text))),
    "no-break spaces are blanks": ("A02", texts(lambda text: text.replace("\u00a0", " "))),
    "line ends of Unix": ("A02", texts(lambda text: text.replace("\r\n", "\n").replace("\r", "\n"))),
    "line ends of Windows": ("A02", texts(lambda text: re.sub("(?<!\r)\n", "\r\n", text))),
    "separators of lines are blanks": ("A02", texts(lambda text: text.replace("\u2028", " ").replace("\u2029", " "))),
    "reads entities": ("A02", texts(html.unescape)),
    "reads percent signs": ("A02", texts(unquote)),
    "reads plus signs": ("A02", texts(lambda text: unquote_plus(text) if "+" in text else text)),
    "takes tags out": ("A02", texts(lambda text: re.sub("<[^>]+>", "", text))),
    "straight quotes are curly": ("A02", texts(lambda text: text.replace("'", "\u2019"))),
    "reads escapes": ("A02", texts(lambda text: text.replace("\\n", "\n"))),
    "fills in braces": ("A02", texts(lambda text: text.replace("{{", "{").replace("}}", "}"))),
    "leaves out control characters": (
        "A02",
        texts(lambda text: re.sub("[\u0001-\u0008\u000e-\u001f\u007f]", "", text)),
    ),
    "leaves out marks of direction": (
        "A02",
        texts(lambda text: re.sub("[\u200b-\u200f\u202a-\u202e\ufeff]", "", text)),
    ),
    "lower case": ("A02", texts(str.lower)),
    "null for the word null": ("W04", texts(lambda text: None if text == "null" else text)),
    "a number where it looks like one": (
        "W04",
        texts(lambda text: float(text) if re.fullmatch("[0-9.]+", text) else text),
    ),
    "JSON where it looks like it": ("W04", texts(lambda text: json.loads(text) if text.startswith("[") else text)),
    "a number without its zeros": (
        "A02",
        texts(lambda text: f"{float(text):g}" if re.fullmatch("[0-9.]+", text) else text),
    ),
    "a flag is no prompt": ("A02", texts(lambda text: text.removeprefix("--"))),
}
FALSY = {
    "leaves out false": ("A01", without(lambda _, value: value is False)),
    "leaves out zero": ("A01", without(lambda _, value: value == 0 and value is not False)),
    "leaves out empty texts": ("A01", without(lambda _, value: value == "")),
    "leaves out empty lists": ("A01", without(lambda _, value: value == [])),
    "leaves out a blank prompt": (
        "A01",
        without(lambda name, value: name == "negative_prompt" and value.strip() == "" != value),
    ),
    "leaves out false inside": (
        "W04",
        values({"watermark_info"}, lambda given: _inner_dropped(given, lambda one: one is False)),
    ),
    "leaves out axes at zero": ("A02", config(lambda axes: {name: value for name, value in axes.items() if value})),
    "leaves out an x of zero": (
        "W04",
        points(lambda way: [{name: value for name, value in point.items() if value or name == "y"} for point in way]),
    ),
    "leaves out an index of zero": (
        "W04",
        lists(lambda shots: [_inner_dropped(shot, lambda one: one == 0) for shot in shots], {"multi_prompt"}),
    ),
    "the default for zero": ("A02", values({"cfg_scale"}, lambda given: given or 0.5)),
}
PICTURES = {
    "data: before base64": ("A02", base64s(lambda text: f"data:image/png;base64,{text}")),
    "base64 for URLs": ("A02", base64s(lambda text: text.replace("+", "-").replace("/", "_"))),
    "base64 in lines": ("A02", base64s(lambda text: "\n".join(textwrap.wrap(text, 76)))),
    "base64 without padding": ("A02", base64s(lambda text: text.rstrip("="))),
    "at most 16 kB of a picture": ("A02", base64s(lambda text: text[:16384])),
    "URLs without their fragment": ("A02", urls(lambda url: url.partition("#")[0])),
    "URLs in lower case": ("A02", urls(str.lower)),
    "URLs that are quoted again": ("A02", urls(lambda url: quote(url, safe=":/?&=#+~"))),
    "URLs that are unquoted": ("A02", urls(unquote)),
    "https in place of http": ("A02", urls(lambda url: url.replace("http://", "https://"))),
    "URLs without empty values": ("A02", urls(lambda url: url.replace("&empty=", ""))),
    "URLs of at most 255 characters": ("A02", urls(lambda url: url[:255])),
    "URLs without their query": ("A02", urls(lambda url: url.partition("?")[0])),
}
PLACES = {
    "drops the last of a list": ("A02", lists(lambda given: given[:-1] if len(given) > 1 else given)),
    "drops the first of a list": ("A02", lists(lambda given: given[1:] if len(given) > 2 else given)),
    "drops one in the middle": ("A02", lists(lambda given: given[:1] + given[2:] if len(given) > 3 else given)),
    "turns lists round": ("A02", lists(lambda given: given[::-1])),
    "drops what is twice in a list": ("A02", lists(_deduplicated)),
    "drops a point that follows itself": (
        "A02",
        points(lambda way: [point for at, point in enumerate(way) if not at or point != way[at - 1]]),
    ),
    "drops the last point": ("A02", points(lambda way: way[:-1] if len(way) > 2 else way)),
    "sorts points": ("A02", points(lambda way: sorted(way, key=lambda point: point["x"]))),
    "sorts shots": ("A02", lists(lambda shots: sorted(shots, key=lambda shot: shot["index"]), {"multi_prompt"})),
    "numbers shots anew": (
        "A02",
        lists(lambda shots: [{**shot, "index": at} for at, shot in enumerate(shots, 1)], {"multi_prompt"}),
    ),
    "sorts subjects": ("A02", lists(lambda given: sorted(given, key=lambda one: one["element_id"]), {"element_list"})),
    "one prompt for all shots": (
        "A02",
        lists(lambda shots: [{**shot, "prompt": shots[0]["prompt"]} for shot in shots], {"multi_prompt"}),
    ),
    "one mask for all ways": (
        "A02",
        lists(lambda masks: [{**mask, "mask": masks[0]["mask"]} for mask in masks], {"dynamic_masks"}),
    ),
    "x for y": ("A02", points(lambda way: [{"x": point["y"], "y": point["x"]} for point in way])),
    "pan for tilt": ("A02", config(_swapped)),
    "axes without their sign": ("A02", config(lambda axes: {name: abs(value) for name, value in axes.items()})),
    "the first frame for the last": (
        "A02",
        params(lambda sent: {**sent, "image_tail": sent["image"]} if {"image", "image_tail"} <= set(sent) else sent),
    ),
}
MENDED = {
    "keeps a scale within its bounds": ("A19", values({"cfg_scale"}, lambda given: min(max(given, 0), 1))),
    "a mode in lower case": ("A19", values({"mode"}, str.lower)),
    "takes data: away": (
        "A19",
        pictures(lambda text: text.partition("base64,")[2] if text.startswith("data:") else text),
    ),
    "only as many as a list may have": (
        "A19",
        params(
            lambda sent: {
                **sent,
                **{name: sent[name][:most] for name, most in (("image_list", 4), ("dynamic_masks", 6)) if name in sent},
            }
        ),
    ),
    "keeps axes within their bounds": (
        "A19",
        config(lambda axes: {name: max(-10, min(10, value)) for name, value in axes.items()}),
    ),
    "five seconds for a camera": (
        "A19",
        params(lambda sent: {**sent, "duration": "5"} if "camera_control" in sent and "duration" in sent else sent),
    ),
}
BY_CLASS = {
    "enums": ENUMS,
    "bounds": BOUNDS,
    "digits": DIGITS,
    "texts": TEXTS,
    "falsy": FALSY,
    "pictures": PICTURES,
    "places": PLACES,
    "mended": MENDED,
}
VALUES = {bug: what for bugs in BY_CLASS.values() for bug, what in bugs.items()}
