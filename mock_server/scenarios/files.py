"""Scenario files that are read again whenever they change: never half of one, never one that is wrong."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from mock_server.core.clock import rest
from mock_server.core.errors import ScenarioMistake
from mock_server.scenarios.aliases import AliasResolver
from mock_server.scenarios.model import Scenario
from mock_server.scenarios.reading import Placed, read_placed
from mock_server.scenarios.registry import ScenarioRegistry

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # a module, or nothing

SUFFIXES = (".yaml", ".yml", ".json")
#: Real seconds between two looks at the files.
LOOKS = 0.25

Signature = tuple[tuple[str, int, int, int], ...]


class ScenarioFiles:
    """A file of scenarios, or a folder of them, and what they said when they were last right."""

    def __init__(self, path: Path, registry: ScenarioRegistry, tell: Callable[[str], None]) -> None:
        self.path = path
        self._registry = registry
        self._tell = tell
        self._loaded: Signature = ()
        #: Called with the names of those that have changed.
        self.on_change: Callable[[set[str]], None] = lambda _: None
        #: What is wrong with them now, if anything.
        self.mistake: str | None = None
        #: How often they have been read and were right.
        self.loads = 0

    @property
    def being_written(self) -> bool:
        """Whether somebody has one of them open for writing just now, where the system can tell."""
        return any(_is_being_written(path) for path in files_at(self.path))

    def load(self) -> int:
        """Read them now; how many scenarios there are. Raises ScenarioMistake, and then what was there stays."""
        signature = self._signature()
        self._loaded = signature
        before = {scenario.name: scenario for scenario in self._registry.from_files}
        try:
            scenarios = read_files(self.path)
            self._registry.replace_files(scenarios)
        except ScenarioMistake as mistake:
            self.mistake = str(mistake)
            raise
        after = {scenario.name: scenario for scenario in self._registry.from_files}
        self.on_change({name for name in {*before, *after} if before.get(name) != after.get(name)})
        self.mistake = None
        self.loads += 1
        return len(scenarios)

    async def watch(self) -> None:
        """Read them again whenever they have changed, and stand still."""
        before = self._loaded
        while True:
            await rest(LOOKS)
            now = self._signature()
            if now != self._loaded and now == before and not self.being_written:
                try:
                    count = self.load()
                    self._tell(f"scenarios: {self.path} was read again: {count}")
                except (ScenarioMistake, OSError) as mistake:
                    self._tell(f"scenarios: what was read before stays: {mistake}")
            before = now

    def _signature(self) -> Signature:
        """What changes when a file does."""
        found = []
        with contextlib.suppress(OSError):
            for path in files_at(self.path):
                state = path.stat()
                found.append((str(path), state.st_mtime_ns, state.st_size, state.st_ino))
        return tuple(found)


def files_at(path: Path) -> list[Path]:
    """A file, or the scenario files in a folder, by name."""
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.iterdir() if one.suffix in SUFFIXES and one.name[0] != "." and one.is_file())


def read_files(path: Path) -> list[Scenario]:
    """All scenarios of a file or a folder. Raises ScenarioMistake."""
    if not path.exists():
        raise ScenarioMistake(f"{path} is not there")
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise ScenarioMistake(f"{path} cannot be read")
    found: dict[str, Placed] = {}
    for file in files_at(path):
        for placed in read_placed(_text(file), str(file)):
            before = found.get(placed.scenario.name)
            if before is not None:
                message = f"the name {placed.scenario.name} is taken at {before.at()}"
                raise ScenarioMistake(f"{placed.at()}: {message}")
            found[placed.scenario.name] = placed
    _require_used(list(found.values()))
    return [placed.scenario for placed in found.values()]


def _require_used(found: Sequence[Placed]) -> None:
    """Raise ScenarioMistake where a scenario uses one that is not there, or itself."""
    registry = ScenarioRegistry(AliasResolver(_say_nothing))
    registry.replace_files([placed.scenario for placed in found if placed.scenario.use is None])
    known = {placed.scenario.name: placed.scenario for placed in found}
    for placed in found:
        try:
            registry.resolved(placed.scenario, None, known)
        except ScenarioMistake as mistake:
            raise ScenarioMistake(f"{placed.use_at()}: {mistake}") from None


def _say_nothing(_: str) -> None:
    """The server and ``scenarios check`` warn about earlier names, each in its own way."""


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise ScenarioMistake(f"{file} is not text in UTF-8") from None
    except OSError as error:
        raise ScenarioMistake(f"{file} cannot be read: {error.strerror or error}") from None


def _is_being_written(path: Path) -> bool:
    """Whether somebody has it open for writing, where the system can tell: a read lease is given only if nobody has."""
    setlease, getlease = getattr(fcntl, "F_SETLEASE", None), getattr(fcntl, "F_GETLEASE", None)
    if fcntl is None or setlease is None or getlease is None:
        return False
    try:
        opened = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.fcntl(opened, setlease, fcntl.F_RDLCK)
        fcntl.fcntl(opened, setlease, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # a file system without leases, or a file of somebody else
        return False
    finally:
        os.close(opened)
    return False
