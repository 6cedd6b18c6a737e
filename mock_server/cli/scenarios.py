"""``kirin-mock scenarios``: checks files, and shows the library."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from mock_server.core.errors import ScenarioMistake, UsageError
from mock_server.models import discover
from mock_server.scenarios.aliases import AliasResolver, hint
from mock_server.scenarios.files import read_files
from mock_server.scenarios.lint import warnings
from mock_server.scenarios.registry import GROUPS, ScenarioRegistry, grouped, library
from mock_server.web.control.scenarios import scenario_view
from mock_server.web.error_answers import gateway_codes

_BLANK = "\n"


def _to_stderr(warning: str) -> None:
    print(f"warning: {warning}", file=sys.stderr)


def check(paths: Sequence[str], strict: bool) -> int:
    """Read files as the server would; 1 for a mistake, or a warning if ``strict``."""
    endpoints, mistakes, warned = discover(), 0, 0
    for path in paths:
        try:
            scenarios = read_files(Path(path))
            ScenarioRegistry(AliasResolver(lambda _: None)).replace_files(scenarios)  # the warnings below tell of names
        except ScenarioMistake as mistake:
            print(mistake, file=sys.stderr)
            mistakes += 1
            continue
        found = list(warnings(scenarios, endpoints, list(gateway_codes())))
        for line in found:
            print(f"{path}: warning: {line}", file=sys.stderr)
        warned += len(found)
        print(f"{path}: {len(scenarios)} scenarios, {len(found)} warnings")
    return 1 if mistakes or (strict and warned) else 0


def listing() -> int:
    """Print the library: its groups, each with a line for every scenario."""
    for place, (group, scenarios) in enumerate(grouped().items()):
        print(f"{_BLANK if place else ''}{group}/  {GROUPS.get(group, '')}".rstrip())
        for scenario in scenarios:
            print(f"  {scenario.name:38} {scenario.story}")
    return 0


def show(name: str) -> int:
    """Print one scenario of the library as a file has it."""
    scenario = library().get(AliasResolver(_to_stderr).current(name))
    if scenario is None:
        raise UsageError(f"there is no scenario {name!r} in the library{hint(name, library())}")
    print(yaml.safe_dump({"scenarios": [scenario_view(scenario)]}, sort_keys=False, allow_unicode=True), end="")
    return 0
