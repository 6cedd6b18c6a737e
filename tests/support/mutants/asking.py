"""Broken servers: how they read keys, ids, headers, shapes and pictures."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import unquote

from tests.support.broken import Mutant, answers
from tests.support.broken_queue import at_path
from tests.support.lenient import NONSENSE, at, text, when
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

KEY, IDS, UNIQUE = "wants a key", "finds a task by each id", "keeps external ids unique"
PICTURE, NO_PICTURE = "accepts pictures up to each limit", "refuses pictures past each limit"
SHAPES, HEADERS, NO_JSON = "refuses other shapes of a body", "takes headers as HTTP has them", "refuses what is no JSON"
UNKNOWN = "answers unknown ids"
KEYS = {"api_key": ["sk-verify", "sk-other"]}


def keyed(change, path=""):
    """Reads the Authorization header otherwise, below some path: from the headers and the query."""

    def call(scope):
        given = dict(scope["headers"])
        if path not in scope["path"]:
            return scope
        value = change(given.get(b"authorization", b""), given, scope["query_string"])
        given[b"authorization"] = value
        return {**scope, "headers": list(given.items())}

    return call


def from_query(name):
    def change(value, given, query):
        _, found, key = query.partition(name + b"=")
        return b"Bearer " + key if found else value

    return change


def typed(change):
    """Reads the Content-Type otherwise."""

    def call(scope):
        given = dict(scope["headers"])
        if scope["method"] != "POST" or "/storage/" in scope["path"]:
            return scope
        kind = change(given.get(b"content-type", b""))
        given.pop(b"content-type", None)
        return {**scope, "headers": [*given.items(), *([(b"content-type", kind)] if kind else [])]}

    return call


def bytes_of(value):
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        return b""


def pictured(path, wrong):
    """Refuses pictures of which something is true."""
    return at(path, lambda value: NONSENSE if isinstance(value, str) and wrong(bytes_of(value)) else value)


def png_of(value):
    """Whatever Pillow opens, as a PNG: what a server takes that looks no closer."""
    from PIL import Image

    content = bytes_of(value)
    try:
        made = Image.open(io.BytesIO(content))
        made.load()
    except Exception:  # noqa: BLE001 - whatever it is, it stays as it is
        return value
    out = io.BytesIO()
    made.convert("L").resize((max(made.width, 300), max(made.height, 300))).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def wider(value):
    from PIL import Image

    content = bytes_of(value)
    if not content.startswith((b"\x89PNG", b"\xff\xd8")):
        return value
    try:
        made = Image.open(io.BytesIO(content))
    except OSError:
        return value
    return png_of(value) if min(made.size) < 300 else value


def unprefixed(value):
    return value.partition(";base64,")[2] or value if isinstance(value, str) else value


def clean_id(change):
    """Reads the external id of a submit otherwise."""
    return text("external_task_id", change)


def _cut(path, length):
    head, found, name = path.partition("/task/")
    return head + found + name[:length] if found else path


def _loads(value):
    try:
        return json.loads(value)
    except ValueError:
        return value


MUTANTS = [
    Mutant(
        "takes the key from the query", "gateway", KEY, call=keyed(from_query(b"api_key"), "/balance"), settings=KEYS
    ),
    Mutant(
        "takes the key from X-API-Key",
        T2V,
        KEY,
        call=keyed(lambda v, h, q: b"Bearer " + h[b"x-api-key"] if b"x-api-key" in h else v),
        settings=KEYS,
    ),
    Mutant(
        "takes a bare key",
        V3,
        KEY,
        call=keyed(lambda v, h, q: b"Bearer " + v if v.startswith(b"sk-") else v),
        settings=KEYS,
    ),
    Mutant(
        "takes any scheme",
        V1_5,
        KEY,
        call=keyed(lambda v, h, q: b"Bearer " + v.rpartition(b" ")[2] if v.startswith(b"Token") else v),
        settings=KEYS,
    ),
    Mutant(
        "takes a key in any letters", MASTER, KEY, call=keyed(lambda v, h, q: b"Bearer " + v[7:].lower()), settings=KEYS
    ),
    Mutant(
        "looks at the first letters of a key",
        MULTI,
        KEY,
        call=keyed(lambda v, h, q: v[:16] if v.startswith(b"Bearer sk-verify") else v),
        settings=KEYS,
    ),
    Mutant(
        "wants no key for models", "gateway", KEY, call=keyed(lambda v, h, q: v or b"Bearer sk-verify", "/skill/models")
    ),
    Mutant(
        "wants no key for a contract",
        "gateway",
        KEY,
        call=keyed(lambda v, h, q: v or b"Bearer sk-verify", "/model-contracts/"),
    ),
    Mutant(
        "wants no key for an upload", "gateway", KEY, call=keyed(lambda v, h, q: v or b"Bearer sk-verify", "/storage/")
    ),
    Mutant(
        "wants no key for a page", "gateway", KEY, call=keyed(lambda v, h, q: v or b"Bearer sk-verify", "/models/skill")
    ),
    Mutant("wants no key to cancel", T2V, KEY, call=keyed(lambda v, h, q: v or b"Bearer sk-verify", "/cancel")),
    Mutant("shows tasks without a key", V3, KEY, call=keyed(lambda v, h, q: v or b"Bearer sk-verify", "/task/")),
    Mutant("forbids a missing key", "gateway", KEY, edit=answers("/balance", 401, 403)),
    Mutant("ids: cuts at 64", T2V, IDS, body=clean_id(lambda v: v[:64]), call=at_path(lambda p: _cut(p, 64))),
    Mutant("ids: reads in any letters", V3, IDS, body=clean_id(str.lower), call=at_path(lambda p: p.lower())),
    Mutant("ids: strips blanks", V1_5, IDS, body=clean_id(str.strip), call=at_path(str.strip, "/task/")),
    Mutant("ids: decodes once more", MASTER, IDS, body=clean_id(unquote), call=at_path(unquote)),
    Mutant(
        "ids: knows no quotes",
        MULTI,
        IDS,
        body=at(
            "external_task_id", lambda v: NONSENSE if '"' in v or ">" in v or "=" in v or "|" in v or "é" in v else v
        ),
    ),
    Mutant("ids: drops a slash at the end", T2V, IDS, call=at_path(lambda p: p.rstrip("/"), "/task/")),
    Mutant("ids: 255 are too many", V3, IDS, body=at("external_task_id", lambda v: NONSENSE if len(v) >= 255 else v)),
    Mutant("breaks at an unknown id", MASTER, UNKNOWN, edit=answers("/task/null", 404, 500)),
    Mutant("makes a task for an unknown id", T2V, UNKNOWN, edit=answers("/requests/undefined", 404, 200)),
    Mutant("answers an unknown id with 400", V3, UNKNOWN, edit=answers("/task/no-such", 404, 400)),
    Mutant(
        "takes the id of a refused body",
        V1_5,
        UNIQUE,
        body=when(
            lambda p: "no_such_parameter" in p,
            lambda p: {name: one for name, one in p.items() if name != "no_such_parameter"},
        ),
    ),
    Mutant("takes any type", T2V, HEADERS, call=typed(lambda kind: b"application/json")),
    Mutant("takes text/plain", V3, HEADERS, call=typed(lambda k: b"application/json" if k == b"text/plain" else k)),
    Mutant("takes no charset", V1_5, HEADERS, call=typed(lambda k: b"" if b"charset" in k else k)),
    Mutant("reads types to the letter", MASTER, HEADERS, call=typed(lambda k: b"text/x" if k[:1] == b"A" else k)),
    Mutant(
        "wants a User-Agent",
        MULTI,
        HEADERS,
        call=lambda s: (
            {**s, "headers": [(n, v) for n, v in s["headers"] if n != b"content-type"]}
            if dict(s["headers"]).get(b"user-agent") == b""
            else s
        ),
    ),
    Mutant(
        "takes data flat",
        T2V,
        SHAPES,
        body=lambda b: (
            {"model": b.get("model"), **b["data"]}
            if isinstance(b, dict) and isinstance(b.get("data"), dict) and "model" in b
            else b
        ),
    ),
    Mutant(
        "takes flat in data",
        V1_5,
        SHAPES,
        body=lambda b: (
            {"model": b["model"], "data": {n: v for n, v in b.items() if n != "model"}}
            if isinstance(b, dict) and "model" in b and "data" not in b and "input" not in b
            else b
        ),
    ),
    Mutant(
        "takes params",
        V3,
        SHAPES,
        body=lambda b: (
            {"model": b["model"], **b["params"]}
            if isinstance(b, dict) and isinstance(b.get("params"), dict) and "model" in b
            else b
        ),
    ),
    Mutant(
        "takes the first of two inputs",
        MASTER,
        SHAPES,
        body=lambda b: (
            {**b, "input": b["input"][:1]} if isinstance(b, dict) and isinstance(b.get("input"), list) else b
        ),
    ),
    Mutant(
        "passes over what stands beside input",
        MULTI,
        SHAPES,
        body=lambda b: (
            {n: b[n] for n in ("model", "input", "moderation", "dash_scope", "metadata") if n in b}
            if isinstance(b, dict) and "input" in b
            else b
        ),
    ),
    Mutant(
        "takes a moderation of any type",
        T2V,
        SHAPES,
        body=lambda b: {**b, "moderation": bool(b["moderation"])} if isinstance(b, dict) and "moderation" in b else b,
    ),
    Mutant(
        "accepts a body that is a list", "gateway", NO_JSON, body=lambda b: b[0] if isinstance(b, list) and b else b
    ),
    Mutant(
        "breaks at null",
        "gateway",
        NO_JSON,
        body=lambda b: {"model": "kirin_v1_t2v", "prompt": "a"} if b is None else b,
    ),
    Mutant("takes JSON in a text", "gateway", NO_JSON, body=lambda b: _loads(b) if isinstance(b, str) else b),
    Mutant(
        "takes NaN",
        "gateway",
        NO_JSON,
        body=lambda b: (
            {**b, "cfg_scale": 0.5} if isinstance(b, dict) and b.get("cfg_scale") not in {None, 0, 1, 0.5} else b
        ),
    ),
    Mutant("strips a data: prefix", V3, NO_PICTURE, body=at("image", unprefixed)),
    Mutant(
        "strips a data: prefix of the last reference", MULTI, NO_PICTURE, body=at("image_list.last.image", unprefixed)
    ),
    Mutant("takes what Pillow opens", MASTER, NO_PICTURE, body=at("image", png_of)),
    Mutant("takes small references after the first", MULTI, NO_PICTURE, body=at("image_list.2.image", wider)),
    Mutant("takes small masks", V1_5, NO_PICTURE, body=at("dynamic_masks.*.mask", wider)),
    Mutant(
        "strips blanks from base64",
        V1_5,
        NO_PICTURE,
        body=at("image_tail", lambda v: v.replace(" ", "") if isinstance(v, str) and len(v) > 99 else v),
    ),
    Mutant(
        "knows URL-safe base64",
        V3,
        NO_PICTURE,
        body=text("image_tail", lambda v: v.replace("-", "+").replace("_", "/") if "://" not in v else v),
    ),
    Mutant(
        "takes a progressive JPEG for none", MASTER, PICTURE, body=pictured("image", lambda c: b"\xff\xc2" in c[:1500])
    ),
    Mutant(
        "takes a PNG of 16 bits for none",
        V3,
        PICTURE,
        body=pictured("image", lambda c: c[:1] == b"\x89" and c[24] == 16),
    ),
    Mutant(
        "takes an interlaced PNG for none", V1_5, PICTURE, body=pictured("image", lambda c: c[:1] == b"\x89" and c[28])
    ),
    Mutant(
        "takes a JPEG for none", MULTI, PICTURE, body=pictured("image_list.*.image", lambda c: c[:2] == b"\xff\xd8")
    ),
    Mutant("takes no URL with a query", MASTER, PICTURE, body=at("image", lambda v: NONSENSE if "?" in str(v) else v)),
    Mutant("takes no URL with a port", V3, PICTURE, body=at("image", lambda v: NONSENSE if ":8443" in str(v) else v)),
    Mutant(
        "takes no HTTPS in capitals", V1_5, PICTURE, body=at("image", lambda v: NONSENSE if "HTTPS:" in str(v) else v)
    ),
]
