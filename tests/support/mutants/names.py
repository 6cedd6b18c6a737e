"""Broken servers: how they read keys and ids, and when they tell that tasks were queued and ended."""

from __future__ import annotations

from urllib.parse import unquote

from tests.support.broken import Mutant, dropping, setting
from tests.support.broken_queue import (
    at_path,
    authorized,
    ended,
    polled,
    running,
    timed,
)
from tests.support.mutants.models import MASTER, MULTI, T2V, V1_5, V3

SCHEME, IDS = "takes Key like Bearer", "finds a task by each id"
TIMING, SENT = "tells when tasks were queued and ended", "keeps the metadata that was sent"
LIFE, FAILS, CANCELLED = "lives as documented", "fails as documented", "is cancelled as observed"


def bearer_only(value):
    return value if value.lower().startswith(b"bearer") else None


def in_these_letters(value):
    return value if value.startswith((b"Bearer ", b"Key ")) else None


def another_user(value):
    return value if value.lower().startswith(b"bearer") else b"Bearer " + value.partition(b" ")[2] + b"-by-key"


def no_id(mark):
    """Takes ids with this in them for unknown ones."""

    def change(path):
        return path.replace(mark, "unknown")

    return change


class Later:
    """Moves a moment at each look."""

    def __init__(self, name):
        self.name, self.looks = name, 0

    def __call__(self, metadata):
        self.looks += 1
        return {**metadata, self.name: metadata[self.name] + self.looks}


MUTANTS = [
    Mutant("knows no Key", T2V, SCHEME, call=authorized(bearer_only)),
    Mutant("knows Key on the queue only", V3, SCHEME, call=authorized(bearer_only, "/generation")),
    Mutant("knows Key on the generation side only", V1_5, SCHEME, call=authorized(bearer_only, "/queue/")),
    Mutant("knows no Key at a cancel", MASTER, SCHEME, call=authorized(bearer_only, "/cancel")),
    Mutant("knows no Key at a poll", MULTI, SCHEME, call=authorized(bearer_only, "/task/")),
    Mutant("minds the letters of a scheme", T2V, SCHEME, call=authorized(in_these_letters)),
    Mutant(
        "minds the letters of Bearer", V3, SCHEME, call=authorized(lambda v: None if v.startswith(b"BEARER") else v)
    ),
    Mutant("takes a Key for another user", V1_5, SCHEME, call=authorized(another_user)),
    Mutant("knows no Key at the balance", "gateway", SCHEME, call=authorized(bearer_only, "/balance")),
    Mutant("knows no Key at the models", "gateway", SCHEME, call=authorized(bearer_only, "/skill/models")),
    Mutant("knows no Key at a contract", "gateway", SCHEME, call=authorized(bearer_only, "/model-contracts/")),
    Mutant("knows no Key at an upload", "gateway", SCHEME, call=authorized(bearer_only, "/storage/files")),
    Mutant("knows no Key at a page", "gateway", SCHEME, call=authorized(bearer_only, "/models/skill/")),
    Mutant("knows no Key at a login's account", "gateway", SCHEME, call=authorized(bearer_only, "/auth/me")),
    Mutant("polls no request of the queue", T2V, IDS, call=at_path(no_id("mmsu_"), "/task/")),
    Mutant(
        "queue: knows no task id",
        V3,
        IDS,
        call=at_path(
            lambda p: p.replace("/requests/", "/requests/unknown-") if "mmsu_" not in p and "verify-" not in p else p,
            "/requests/",
        ),
    ),
    Mutant("queue: knows no external id", V1_5, IDS, call=at_path(no_id("verify-"), "/requests/")),
    Mutant("polls no external id with a slash", MASTER, IDS, call=at_path(no_id("//"), "/task/")),
    Mutant("queue: knows no external id with a slash", MULTI, IDS, call=at_path(no_id("//"), "/requests/")),
    Mutant("takes a plus for a space", T2V, IDS, call=at_path(lambda p: p.replace("+", " "))),
    Mutant("decodes ids twice", V3, IDS, call=at_path(unquote)),
    Mutant("cuts ids at a hash", V1_5, IDS, call=at_path(lambda p: p.partition("#")[0], "/task/")),
    Mutant("reads ids as Latin-1", MASTER, IDS, call=at_path(lambda p: p.encode().decode("latin-1"))),
    Mutant(
        "queue: takes the end of an id for a verb",
        MULTI,
        IDS,
        call=at_path(lambda p: p.removesuffix("/status") if p.endswith("/status/status") else p),
    ),
    Mutant("queue: cancels by its own id only", T2V, IDS, call=at_path(no_id("verify-"), "/cancel")),
    Mutant(
        "queue: echoes the id that was asked for",
        V3,
        IDS,
        edit=lambda m, p, s, v: (
            (s, {**v, "request_id": unquote(p).split("/requests/")[1].rpartition("/")[0]})
            if "/requests/" in p and "verify-" not in p and "request_id" in v
            else (s, v)
        ),
    ),
    Mutant(
        "polls by the id of the queue",
        V1_5,
        IDS,
        edit=lambda m, p, s, v: (s, {**v, "id": "mmsu_" + v["id"]} if "/task/mmsu_" in p and s == 200 else v),
    ),
    Mutant(
        "tells progress at the end",
        MASTER,
        LIFE,
        edit=polled(setting(progress=1), when=lambda v: v["status"] == "completed"),
    ),
    Mutant("tells no progress", MULTI, LIFE, edit=polled(dropping("progress"))),
    Mutant(
        "tells progress in words", T2V, LIFE, edit=polled(lambda v: {**v, "progress": str(v["progress"])}, when=running)
    ),
    Mutant(
        "tells the progress of a failure",
        V3,
        FAILS,
        edit=polled(setting(progress=0.5), when=lambda v: v["status"] == "failed"),
    ),
    Mutant(
        "tells the progress of what was cancelled",
        V1_5,
        CANCELLED,
        edit=polled(setting(progress=0.5), when=lambda v: v["status"] == "failed"),
    ),
    Mutant(
        "has output of what was cancelled",
        MASTER,
        CANCELLED,
        edit=polled(setting(output=[]), when=lambda v: v["status"] == "failed"),
    ),
    Mutant("does not tell when a task was queued", T2V, TIMING, edit=timed(dropping("in_queue_at"))),
    Mutant("does not tell when a task ended", V3, TIMING, edit=timed(dropping("completed_at"), when=ended)),
    Mutant(
        "does not tell when a task failed",
        V1_5,
        TIMING,
        edit=timed(dropping("completed_at"), when=lambda v: v["status"] == "failed"),
    ),
    Mutant(
        "tells moments in seconds",
        MASTER,
        TIMING,
        edit=timed(lambda m: {name: moment // 1000 for name, moment in m.items()}),
    ),
    Mutant(
        "tells moments in microseconds",
        MULTI,
        TIMING,
        edit=timed(lambda m: {name: moment * 1000 for name, moment in m.items()}),
    ),
    Mutant(
        "tells moments in words", T2V, TIMING, edit=timed(lambda m: {name: str(moment) for name, moment in m.items()})
    ),
    Mutant(
        "tells parts of milliseconds",
        V3,
        TIMING,
        edit=timed(lambda m: {name: moment + 0.5 for name, moment in m.items()}),
    ),
    Mutant(
        "foresees the end",
        V1_5,
        TIMING,
        edit=timed(lambda m: {**m, "completed_at": m["in_queue_at"] + 5000}, when=running),
    ),
    Mutant("has an end of null before it", MASTER, TIMING, edit=timed(setting(completed_at=None), when=running)),
    Mutant(
        "ends before it began",
        MULTI,
        TIMING,
        edit=timed(lambda m: {**m, "completed_at": m["in_queue_at"] - 1}, when=ended),
    ),
    Mutant(
        "is queued before it was made", T2V, TIMING, edit=timed(lambda m: {**m, "in_queue_at": m["in_queue_at"] - 5000})
    ),
    Mutant("is queued anew at each poll", V3, TIMING, edit=timed(Later("in_queue_at"))),
    Mutant("ends anew at each poll", V1_5, TIMING, edit=timed(Later("completed_at"), when=ended)),
    Mutant(
        "loses the metadata", MASTER, SENT, edit=timed(lambda m: {name: m[name] for name in m if name.endswith("_at")})
    ),
    Mutant(
        "makes metadata flat",
        MULTI,
        SENT,
        edit=timed(lambda m: {name: one for name, one in m.items() if name != "nested"}),
    ),
]
