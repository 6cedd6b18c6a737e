"""Finds the adapter that a command line names."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from mock_server.core.errors import UsageError
from mock_server.verify.client.kit import MakeAdapter

#: Where the reference clients were before; accepted in this version.
_FORMER = frozenset(f"mock_server.verify.client.{name}" for name in ("reference", "light", "asynchronous", "queued"))


def load(adapter: str, folder: str = ".") -> MakeAdapter:
    """What ``module:name`` names, with modules in ``folder`` too. Raises UsageError."""
    module, colon, name = adapter.partition(":")
    if not colon or not module or not name:
        raise UsageError(f"an adapter is named as MODULE:NAME, such as my_tests.adapter:make, not {adapter!r}")
    if module.endswith(".py"):
        raise UsageError(f"{module} is a file; name the module: {Path(module).stem}:{name}")
    here = str(Path(folder).absolute())
    if here not in sys.path:
        sys.path.insert(0, here)
    made: MakeAdapter = _found(_present(module, name), name)
    if not callable(made):
        raise UsageError(f"{adapter} is not callable; it is called with a kit, and makes an adapter")
    return made


def _present(module: str, name: str) -> str:
    """The module that has what used to be elsewhere; a line on standard error says so."""
    if module not in _FORMER:
        return module
    sys.stderr.write(f"kirin-mock: {module}:{name} is kirin_mock.reference_clients:{name} now\n")
    return "kirin_mock.reference_clients"


def _found(module: str, name: str) -> Any:
    """What is there by that name. Raises UsageError."""
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise UsageError(f"{module} cannot be imported: {error}") from None
    except AttributeError:
        raise UsageError(f"{module} has no {name}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the module does when it is imported
        raise UsageError(f"{module} cannot be imported: {type(error).__name__}: {error}") from None
    return found
