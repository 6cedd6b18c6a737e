"""``kirin-mock replay``: plays an exported history on a fresh server, and compares every answer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from mock_server.core.clock import MANUAL, Sleeper
from mock_server.core.errors import UsageError
from mock_server.core.redaction import masked
from mock_server.core.renamed import new_history
from mock_server.platform.courier import Courier, Outcome
from mock_server.platform.task import Attempt, Delivery, Task
from mock_server.platform.tenant import Tenant
from mock_server.scenarios.reading import read_value
from mock_server.settings import Settings, of_keywords
from mock_server.testing.transport import OwnTransport
from mock_server.web.app import Built, create_app
from mock_server.web.control.history import FORMAT

USUAL_KEYS = ("sk-test", "sk-verify", "sk-verify-other")
MOST_SHOWN = 20
HERE = "http://kirin.replay"
#: Control calls that the clock of a replay does by itself.
CLOCK_PATHS = frozenset({"/_mock/clock", "/_mock/clock/advance", "/_mock/callbacks/secrets"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One call that was answered otherwise than recorded."""

    number: int
    call: str
    recorded: Any
    replayed: Any

    def __str__(self) -> str:
        return (
            f"event {self.number}, {self.call}:\n  recorded {_shown(self.recorded)}\n  replayed {_shown(self.replayed)}"
        )


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()[:600]


class RecordedCourier(Courier):
    """Calls nobody back: each attempt ends as the recorded one did."""

    recorded: Mapping[tuple[str, int, int], Any] = {}

    async def carry(self, task: Task, delivery: Delivery, body: bytes, now: float) -> Outcome:
        """See Courier."""
        key = (delivery.id, delivery.number, len(delivery.attempts))
        found = self.recorded.get(key, {"status": 200, "error": None, "next_at": None, "fault": None})
        attempt = Attempt(now, found["status"], found["error"], 0.0, fault=found["fault"])
        wait = found["next_at"] - now if found["next_at"] is not None else 0.0
        return Outcome(attempt, refused=(found["error"] or "").startswith("refused"), wait=max(wait, 0.0))


def replay(file: str, keys: Sequence[str] = ()) -> int:
    """Play a history again; 1 when an answer is another. Raises UsageError for a file that is none."""
    history = _read(file)
    known = {masked(key): key for key in (*USUAL_KEYS, *keys)}
    for tenant in history["tenants"]:
        if tenant["tenant"] not in known:
            raise UsageError(f"the key of tenant {tenant['tenant']} is not known; name it with --key")
    if not history.get("complete"):
        message = "its first calls were forgotten (see --journal-size), or its scenario files changed meanwhile"
        raise UsageError(f"{file} cannot be played again: {message}")
    calls = [event for event in history["events"] if event["kind"] == "call"]
    found = asyncio.run(Replay(history, known).play())
    for difference in found[:MOST_SHOWN]:
        print(difference, file=sys.stderr)
    print(f"{len(calls)} calls played again, {len(found)} answered otherwise")
    return 1 if found else 0


def _read(file: str) -> dict[str, Any]:
    try:
        history = new_history(orjson.loads(Path(file).read_bytes()))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from None
    except orjson.JSONDecodeError:
        history = None
    parts = ("tenants", "events", "callbacks", "settings", "scenarios")
    if not isinstance(history, dict) or history.get("format") != FORMAT or not all(part in history for part in parts):
        raise UsageError(f"{file} is no history; GET /_mock/history gives one")
    return history


class Replay:
    """One run of a history. ``keys`` are the API keys by the labels of their tenants."""

    def __init__(self, history: Mapping[str, Any], keys: Mapping[str, str]) -> None:
        self._history = history
        self._keys = keys
        self._transport = OwnTransport()
        self._built = self._build()
        self._running: set[asyncio.Task[httpx.Response]] = set()
        #: Calls that are kept waiting, whose client hung up at a moment of a tenant.
        self._leaving: list[tuple[float, str, Sleeper]] = []

    def _build(self) -> Built:
        attempts = {
            (one["id"], one["number"], place): attempt
            for one in self._history["callbacks"]
            for place, attempt in enumerate(one["attempts"])
        }
        courier = type("Recorded", (RecordedCourier,), {"recorded": attempts})
        built = create_app(self._settings(), self._transport, make_courier=courier)
        self._transport.serve(HERE, built.app)
        built.state.registry.replace_files(
            [one.scenario for one in read_value(self._history["scenarios"], "the history")]
        )
        return built

    def _settings(self) -> Settings:
        given = {name: value for name, value in self._history["settings"].items() if value is not None}
        return of_keywords({**given, "speed": MANUAL, "log_format": "off", "journal_size": 1_000_000})

    async def play(self) -> list[Difference]:
        """Every call that ended otherwise than the recorded one."""
        state = self._built.state
        began = {tenant["tenant"]: tenant["began_at"] for tenant in self._history["tenants"]}
        for label, began_at in sorted(began.items(), key=lambda one: one[1]):
            state.clock.move_to(began_at)
            state.service.tenant(self._keys[label])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._built.app)) as client:
            for event in self._history["events"]:
                await self._move(event)
                if event["kind"] == "control":
                    await self._control(client, event)
                elif _can_be_made(event):
                    await self._begin(client, event)
            await self._finish()
            replayed = (await client.get(f"{HERE}/_mock/history", headers={"host": "127.0.0.1"})).content
        await state.service.stop()
        return list(_differences(self._history["events"], orjson.loads(replayed)["events"]))

    async def _move(self, event: Any) -> None:
        """Bring the clock of the event's tenant, or of all, to its moment."""
        labels = (
            [event["tenant"]] if event["tenant"] is not None else [one["tenant"] for one in self._history["tenants"]]
        )
        for label in labels:
            await self._reach(label, _began(event))

    async def _reach(self, label: str, moment: float) -> None:
        """Bring the clock of a tenant to a moment, letting clients hang up on the way as they did."""
        tenant = self._tenant(label)
        leaving = sorted((one for one in self._leaving if one[1] == label and one[0] <= moment), key=lambda one: one[0])
        self._leaving = [one for one in self._leaving if one not in leaving]
        for at, _, sleeper in leaving:
            await tenant.scheduler.advance(max(at - tenant.clock.now(), 0.0))
            sleeper.end()
            await asyncio.wait(self._running, timeout=0)
        await tenant.scheduler.advance(max(moment - tenant.clock.now(), 0.0))

    def _tenant(self, label: str) -> Tenant:
        return self._built.service.tenant(self._keys[label])

    async def _control(self, client: httpx.AsyncClient, event: Any) -> None:
        if event["path"] in CLOCK_PATHS:
            return
        headers = {"host": "127.0.0.1"}
        if event["tenant"] is not None:
            headers["authorization"] = f"Bearer {self._keys[event['tenant']]}"
        body = orjson.dumps(event["body"]) if event["body"] is not None else b""
        await client.request(event["method"], f"{HERE}{event['path']}", content=body, headers=headers)

    async def _begin(self, client: httpx.AsyncClient, event: Any) -> None:
        """Make one call; go on once it is answered, or kept waiting."""
        headers = {**event["headers"], "authorization": f"Bearer {self._keys[event['tenant']]}"}
        body = event["body"] if isinstance(event["body"], str) else orjson.dumps(event["body"])
        content = b"" if event["body"] is None else body
        clock = self._tenant(event["tenant"]).clock
        sleeping = clock.sleeping
        address = f"{HERE}{event['path']}"
        task = asyncio.ensure_future(client.request(event["method"], address, content=content, headers=headers))
        self._running.add(task)
        while not task.done() and clock.sleeping <= sleeping:
            await asyncio.wait({task}, timeout=0)
        if event["hung_up"] and not task.done() and (sleeper := clock.last_asleep) is not None:
            self._leaving.append((event["at"], event["tenant"], sleeper))

    async def _finish(self) -> None:
        """What is still waiting is answered when it was."""
        last = max((event["at"] for event in self._history["events"]), default=0.0)
        for tenant in self._history["tenants"]:
            await self._reach(tenant["tenant"], last)
            self._tenant(tenant["tenant"]).clock.rouse()
        await asyncio.gather(*self._running, return_exceptions=True)  # an ended connection raises


def _can_be_made(event: Any) -> bool:
    """Whether a call can be made again: clips and files are left out, and bodies that were not kept whole."""
    return event["whole"] and not event["path"].startswith(("/media/", "/files/"))


def _differences(recorded: Sequence[Any], replayed: Sequence[Any]) -> Iterator[Difference]:
    """The calls that ended otherwise."""
    again = (event for event in replayed if event["kind"] == "call")
    for number, event in enumerate(recorded, 1):
        if event["kind"] != "call":
            continue
        call = f"{event['method']} {event['path']}"
        if not event["whole"]:
            yield Difference(number, call, "a body that was not kept whole", None)
        elif _can_be_made(event):
            other: Any = next(again, {})
            if _outcome(event) != _outcome(other):
                yield Difference(number, call, _outcome(event), _outcome(other))


def _outcome(event: Any) -> list[Any]:
    return [event.get(name) for name in ("at", "status", "fault", "answer")]


def _began(event: Any) -> float:
    began: float = event["arrived_at"] if event["kind"] == "call" else event["at"]
    return began
