"""Writes run.txt and dev.txt: every package at one version, without a word about where it comes from.

Each list is installed into an environment of its own and read back. ``lock.py clients`` writes the list of the real
clients instead, with hashes: their versions are named here, all others are those of the first two lists.
"""

from __future__ import annotations

import json
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
#: The clients that tests/clients drives, at the versions that docs/real-clients.md speaks of, and what runs the tests.
CLIENTS = ["seacloudai-sdk==0.1.3", "seaart-sdk==0.1.4", "pytest"]
CLIENTS_FILE = HERE.parent / "tests" / "clients" / "requirements.txt"
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


def hashed(*wanted: str) -> list[str]:
    """These packages and what they need, at the versions of the written lists, with the hash of each archive."""
    with tempfile.TemporaryDirectory() as folder:
        pinned = [line for name in ("run.txt", "dev.txt") for line in (HERE / name).read_text().split("\n")]
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("\n".join(line for line in pinned if "==" in line))
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        told = subprocess.run(
            [*install, "--report", "-", "--constraint", str(constraints), *wanted],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    found = sorted(json.loads(told)["install"], key=lambda package: package["metadata"]["name"].lower())
    for package in found:
        if not package["download_info"]["url"].endswith("-none-any.whl"):
            sys.exit(f"{package['metadata']['name']} has an archive for each system, and only one would get its hash")
    return [
        f"{package['metadata']['name']}=={package['metadata']['version']} "
        f"--hash=sha256:{package['download_info']['archive_info']['hashes']['sha256']}"
        for package in found
    ]


def main() -> None:
    """Write both lists, or that of the clients; dev.txt holds only what run.txt does not."""
    if sys.argv[1:] == ["clients"]:
        CLIENTS_FILE.write_text(HEADER + "\n".join(hashed(*CLIENTS)) + "\n")
        return
    project = f"{HERE.parent}[video,intercept]"
    run = frozen(project, *BUILD)
    dev = [line for line in frozen(project, *BUILD, *DEV) if line not in run]
    (HERE / "run.txt").write_text(HEADER + "\n".join(run) + "\n")
    (HERE / "dev.txt").write_text(HEADER + "--requirement run.txt\n" + "\n".join(dev) + "\n")


if __name__ == "__main__":
    main()
