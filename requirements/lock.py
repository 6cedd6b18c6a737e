"""Writes the lists of pinned packages: each at one version, with the hash of every archive that it has.

The lists hold for every system: the hashes are those of all platforms' archives, and a package that only some systems
need carries a marker. Where packages come from is not written: that is the business of who installs them.

``lock.py`` keeps the versions that the lists have and adds what is missing; ``lock.py --upgrade`` takes the newest that
pyproject.toml allows. The resolver is uv, in an environment of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# Written by requirements/lock.py; do not edit.\n"
PROJECT = ["pyproject.toml", "--extra", "video", "--extra", "intercept", "--group", "build"]
RUN, DEV = "requirements/run.txt", "requirements/dev.txt"
#: Each list, what it is for, and the lists whose versions it follows.
LISTS = {
    RUN: (PROJECT, []),
    DEV: ([*PROJECT, "--group", "dev"], [RUN]),
    "tests/clients/requirements.txt": (["--group", "clients"], [RUN, DEV]),
    "contracts/clients/requirements.txt": (["--group", "generators"], [RUN, DEV]),
}


def main() -> None:
    """Write every list anew."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "uv"], check=True)
        for path, (wanted, followed) in LISTS.items():
            constraints = [part for name in followed for part in ("--constraint", name)]
            subprocess.run(
                [
                    *(f"{folder}/bin/uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
                    *("--no-header", "--no-annotate", "--generate-hashes", "--output-file", path),
                    *(*wanted, *constraints, *sys.argv[1:]),
                ],
                check=True,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
            )
            (ROOT / path).write_text(HEADER + (ROOT / path).read_text())


if __name__ == "__main__":
    main()
