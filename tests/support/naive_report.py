"""Writes the report in docs/naive-client.md again: ``python -m tests.support.naive_report`` in a checkout."""

import contextlib
import io
import re
import sys
import tempfile
from pathlib import Path

from mock_server.cli.main import main

ROOT = Path(__file__).parents[2]


def report():
    """What the command prints for the naive client, with a duration that is always the same."""
    sys.path.insert(0, str(ROOT / "docs" / "examples"))
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        main(["verify", "client", "naive:Naive"])
    return normalised(printed.getvalue())


def normalised(told):
    """A report without what differs from machine to machine."""
    return re.sub(r"in [0-9.]+ s:", "in 9.9 s:", told).replace(f"{ROOT}/", "").rstrip("\n")


if __name__ == "__main__":
    page = ROOT / "docs" / "naive-client.md"
    text = page.read_text("utf-8")
    command = re.search(r"```\w+\n(\$ kirin-mock verify client [^\n]*\n).*?\n```", text, re.DOTALL)
    start, end = command.end(1), command.end() - len("\n```")
    page.write_text(f"{text[:start]}{report()}{text[end:]}", "utf-8")
