"""Writes run.txt and dev.txt: every package at one version, without a word about where it comes from.

Each list is installed into an environment of its own and read back.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = ["hatchling", "editables"]
DEV = [
    "aiohttp",
    "coverage",
    "faker",
    "hypothesis",
    "import-linter",
    "mypy",
    "numpy",
    "openapi-spec-validator",
    "pytest",
    "requests",
    "ruff",
    "schemathesis",
]
HEADER = "# Written by requirements/lock.py; do not edit.\n"
#: Pinned for other systems too, though this one may not install it.
MARKERS = {"uvloop": "; sys_platform != 'win32'"}


def frozen(*wanted: str) -> list[str]:
    """What a fresh environment holds after these are installed."""
    with tempfile.TemporaryDirectory() as folder:
        python = f"{folder}/bin/python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
        listed = subprocess.run(
            [python, "-m", "pip", "list", "--format", "freeze", "--exclude", "pip", "--exclude", "setuptools"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
    return [line + MARKERS.get(line.partition("==")[0], "") for line in listed if not line.startswith("kirin-mock")]


def main() -> None:
    """Write both lists; dev.txt holds only what run.txt does not."""
    project = f"{HERE.parent}[video]"
    run = frozen(project, *BUILD)
    dev = [line for line in frozen(project, *BUILD, *DEV) if line not in run]
    (HERE / "run.txt").write_text(HEADER + "\n".join(run) + "\n")
    (HERE / "dev.txt").write_text(HEADER + "--requirement run.txt\n" + "\n".join(dev) + "\n")


if __name__ == "__main__":
    main()
