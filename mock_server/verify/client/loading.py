"""Finds the adapter that a command line names."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from mock_server.errors import UsageError
from mock_server.verify.client.kit import MakeAdapter


def load(adapter: str) -> MakeAdapter:
    """What ``module:name`` names. Raises UsageError."""
    module, colon, name = adapter.partition(":")
    if not colon or not module or not name:
        raise UsageError(f"an adapter is named as MODULE:NAME, such as my_tests.adapter:make, not {adapter!r}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise UsageError(f"{module} cannot be imported: {error}") from None
    except AttributeError:
        raise UsageError(f"{module} has no {name}") from None
    except Exception as error:  # noqa: BLE001 - whatever the module does when it is imported
        raise UsageError(f"{module} cannot be imported: {type(error).__name__}: {error}") from None
    if not callable(found):
        raise UsageError(f"{adapter} is not callable; it is called with a kit, and makes an adapter")
    made: MakeAdapter = found
    return made
