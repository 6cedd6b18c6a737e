"""What the parser of the command line is made of: flags for all settings, flags by their old names, numbers."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from mock_server.core import renamed
from mock_server.core.errors import UsageError

REPEATABLE = {"api_key", "callback_allow", "callback_secret", "intercept_host"}


class OldFlag(argparse.Action):
    """A flag of an earlier version: does what its new name does, with a warning. ``const`` is the new name."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Take the value."""
        renamed.warn_user(str(option_string), str(self.const))
        setattr(namespace, self.dest, values)


def add_old_flag(parser: argparse.ArgumentParser, old: str, new: str, **options: Any) -> None:
    """Accept a flag by its old name, without help."""
    dest = new.removeprefix("--").replace("-", "_")
    parser.add_argument(old, dest=dest, const=new, action=OldFlag, help=argparse.SUPPRESS, **options)


class Parser(argparse.ArgumentParser):
    """Reports a wrong call in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, which ``main`` shows."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def add_settings(parser: argparse.ArgumentParser, **flags: tuple[str, ...]) -> None:
    """A flag for every setting; ``flags`` are those of settings that have others than usual, or none."""
    from mock_server.settings import ENVIRONMENT_PREFIX, Settings, flag

    for name, field in Settings.model_fields.items():
        named = flags.get(name, (flag(name),))
        if not named:
            continue
        default = "" if field.default in (None, (), False) else f"; default {_shown(field.default)}"
        text = f"{field.description} [{ENVIRONMENT_PREFIX}{name.upper()}{default}]".replace("%", "%%")
        if field.annotation is bool:
            parser.add_argument(*named, dest=name, action="store_const", const=True, help=text)
            continue
        metavar, action = name.rpartition("_")[2].upper(), "append" if name in REPEATABLE else "store"
        parser.add_argument(*named, dest=name, metavar=metavar, action=action, help=text)
    for old, new in renamed.SETTINGS.items():
        add_old_flag(parser, flag(old), flag(new))


def _shown(default: Any) -> str:
    return f"{default.speed:g}" if hasattr(default, "speed") else str(default)


def count(value: str) -> int:
    """A whole number above 0."""
    if not value.isdigit() or int(value) == 0:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {value!r}")
    return int(value)


def whole(value: str) -> int:
    """A whole number from 0 on that fits in 63 bits."""
    if not value.isdigit() or int(value) >= 1 << 63:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2^63 - 1, not {value[:40]!r}")
    return int(value)


def above_nothing(value: str) -> float:
    """A number above 0."""
    number = amount(value)
    if number == 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


def amount(value: str) -> float:
    """A number from 0 on."""
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1e9:  # NaN as well
        raise argparse.ArgumentTypeError(f"must be a number from 0 on, not {value!r}")
    return number


def percent(value: str) -> float:
    """A number from 0 to 100."""
    number = amount(value)
    if number > 100:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 100, not {value!r}")
    return number
