"""Broken servers: what they publish of their models, what becomes of uploads, and the types of their answers."""

from __future__ import annotations

from tests.support.broken import Mutant, answers, listed, on, setting
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

SPECS, UPLOADS, LISTS, MONEY = "publishes every bound", "keeps uploads", "lists its models", "shows the balance"
FITS, ODD = "answers fit the contract", "answers odd calls"
CONTRACT, SPEC, LIST = "/skill/model-contracts/", "/spec", "/api/v1/skill/models"


def data(change):
    """What is in the envelope, changed."""
    return lambda value: {**value, "data": change(value["data"])}


def inside(path, change):
    """What is at a path, changed; a number is a place in a list, and a word in a list the element of that name."""
    steps = path.split("/")

    def walk(value, rest):
        if not rest:
            return change(value)
        if isinstance(value, list):
            return [walk(one, rest[1:]) if rest[0] in {str(n), _name(one)} else one for n, one in enumerate(value)]
        if rest[0] not in value:
            return value
        return {**value, rest[0]: walk(value[rest[0]], rest[1:])}

    return data(lambda value: walk(value, steps))


def _name(value):
    return value.get("name") if isinstance(value, dict) else None


def without(*names):
    return lambda value: {name: one for name, one in value.items() if name not in names}


def typed(kind, path="", status=None):
    """Answers of another type."""

    def headers(where, answered, given):
        mine = path in where and status in {None, answered}
        return [(name, kind if mine and name == b"content-type" else value) for name, value in given]

    return headers


MUTANTS = [
    Mutant(
        "publishes a shorter prompt",
        T2V,
        SPECS,
        edit=on(CONTRACT, inside("input_schema/properties/prompt", setting(maxLength=2000))),
    ),
    Mutant(
        "publishes no length of a prompt",
        MASTER,
        SPECS,
        edit=on(CONTRACT, inside("input_schema/properties/prompt", without("maxLength"))),
    ),
    Mutant(
        "publishes three lengths",
        V3,
        SPECS,
        edit=on(CONTRACT, inside("input_schema/properties/duration", setting(enum=["5", "10", "15"]))),
    ),
    Mutant(
        "publishes another default",
        V1_5,
        SPECS,
        edit=on(CONTRACT, inside("input_schema/properties/mode", setting(default="pro"))),
    ),
    Mutant(
        "publishes a duration as a number",
        MULTI,
        SPECS,
        edit=on(CONTRACT, inside("input_schema/properties/duration", setting(type="integer"))),
    ),
    Mutant("publishes no seed", V1_5, SPECS, edit=on(CONTRACT, inside("input_schema/properties", without("seed")))),
    Mutant(
        "publishes a parameter too many",
        T2V,
        SPECS,
        edit=on(CONTRACT, inside("input_schema/properties", setting(seed={"type": "integer"}))),
    ),
    Mutant(
        "publishes that nothing is required",
        MULTI,
        SPECS,
        edit=on(CONTRACT, inside("input_schema", without("required"))),
    ),
    Mutant(
        "publishes an image as a text",
        V3,
        SPECS,
        edit=on(CONTRACT, inside("input_schema/properties/image", without("format"))),
    ),
    Mutant(
        "publishes 78 points",
        V1_5,
        SPECS,
        edit=on(
            CONTRACT,
            inside("input_schema/properties/dynamic_masks/items/properties/trajectories", setting(maxItems=78)),
        ),
    ),
    Mutant(
        "publishes an example that is wrong",
        T2V,
        SPECS,
        edit=on(CONTRACT, inside("examples/0/input", setting(duration=5))),
    ),
    Mutant("publishes no example", MASTER, SPECS, edit=on(CONTRACT, data(setting(examples=[])))),
    Mutant(
        "publishes another path of a cancel",
        V3,
        SPECS,
        edit=on(CONTRACT, inside("endpoints/cancel", setting(method="POST"))),
    ),
    Mutant("publishes another protocol", MULTI, SPECS, edit=on(CONTRACT, data(setting(protocol="sync")))),
    Mutant(
        "publishes a spec of another server",
        T2V,
        SPECS,
        edit=on(SPEC, inside("api", setting(endpoint="https://kirin.example/model/v1/generation"))),
    ),
    Mutant(
        "specifies a wider cfg_scale",
        T2V,
        SPECS,
        edit=on(SPEC, inside("parameters/cfg_scale/constraints", setting(max=2))),
    ),
    Mutant(
        "specifies no prompt",
        MASTER,
        SPECS,
        edit=on(SPEC, inside("parameters", lambda ps: [p for p in ps if p["name"] != "prompt"])),
    ),
    Mutant(
        "specifies five references",
        MULTI,
        SPECS,
        edit=on(SPEC, inside("parameters/image_list/constraints", setting(max_items=5))),
    ),
    Mutant(
        "specifies a prompt that is required",
        V3,
        SPECS,
        edit=on(SPEC, inside("parameters/prompt", setting(required=True))),
    ),
    Mutant(
        "specifies no axis",
        V1_5,
        SPECS,
        edit=on(SPEC, inside("parameters/camera_control/children/config", setting(children=[]))),
    ),
    Mutant(
        "lists a call that is wrong",
        MULTI,
        SPECS,
        edit=on(LIST, listed(curl="curl -X POST 'http://x/model/v1/generation' -d '{\"prompt\": 5}'")),
    ),
    Mutant("knows the spec of every model", "gateway", SPECS, edit=answers("/no_such_model/spec", 404, 200)),
    Mutant("leaves a model out", "gateway", LISTS, edit=on(LIST, inside("models", lambda ms: ms[:4]))),
    Mutant("lists one model only", "gateway", LISTS, edit=on(LIST, inside("models", lambda ms: ms[:1]))),
    Mutant("counts its models wrong", "gateway", LISTS, edit=on(LIST, data(lambda d: {**d, "total": d["total"] + 1}))),
    Mutant("is always on page 1", "gateway", LISTS, edit=on(LIST, data(setting(page=1)))),
    Mutant(
        "refuses pages of 5000",
        "gateway",
        LISTS,
        call=lambda s: {**s, "query_string": b"page=x"} if b"page_size=5000" in s["query_string"] else s,
    ),
    Mutant(
        "minds the letters of a type",
        "gateway",
        LISTS,
        call=lambda s: {**s, "query_string": s["query_string"].replace(b"VIDEO", b"other")},
    ),
    Mutant(
        "filters by no provider",
        "gateway",
        LISTS,
        call=lambda s: {**s, "query_string": s["query_string"].replace(b"provider=nobody", b"providers=")},
    ),
    Mutant(
        "knows no kuaishou",
        "gateway",
        LISTS,
        call=lambda s: {**s, "query_string": s["query_string"].replace(b"kuaishou", b"nobody")},
    ),
    Mutant("gives a dead URL", "gateway", UPLOADS, edit=on("/storage/files", inside("url", lambda u: u + ".gone"))),
    Mutant(
        "gives a relative URL",
        "gateway",
        UPLOADS,
        edit=on("/storage/files", inside("url", lambda u: u[u.index("/files") :])),
    ),
    Mutant(
        "gives one URL for all",
        "gateway",
        UPLOADS,
        edit=on("/storage/files", inside("url", lambda u, kept=[]: (kept.append(u), kept[0])[1])),
    ),
    Mutant("takes an upload without a file", "gateway", UPLOADS, edit=answers("/storage/files", 400, 200)),
    Mutant(
        "does not know its own uploads",
        V3,
        UPLOADS,
        edit=on("/storage/files", inside("url", lambda u: u.replace("lake.png", "lake.gif"))),
    ),
    Mutant("writes money as a number", "gateway", MONEY, edit=on("/balance", inside("balance", float))),
    Mutant("says no currency", "gateway", MONEY, edit=on("/balance", data(without("currency")))),
    Mutant("writes 1,000.00", "gateway", MONEY, edit=on("/balance", data(setting(balance="1,000.00")))),
    Mutant("answers in text", T2V, FITS, headers=typed(b"text/plain", "/task/")),
    Mutant("answers in HTML", V3, FITS, headers=typed(b"text/html; charset=utf-8")),
    Mutant("says no JSON at a submit", MASTER, FITS, headers=typed(b"application/octet-stream", "/generation")),
    Mutant("refuses in text", "gateway", ODD, headers=typed(b"text/plain", status=404)),
    Mutant("refuses in problem+json", "gateway", ODD, headers=typed(b"application/problem+json", status=400)),
    Mutant("refuses with data", "gateway", ODD, edit=lambda m, p, s, v: (s, {**v, "data": {}} if s == 404 else v)),
    Mutant(
        "refuses without a message",
        "gateway",
        ODD,
        edit=lambda m, p, s, v: (
            s,
            {**v, "status": {**v["status"], "message": ""}} if s == 400 and "status" in v else v,
        ),
    ),
]
