"""Becomes Node with the adapter beside this file, wherever it is installed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def main() -> None:
    """Run the adapter, with what is given as its arguments."""
    node = shutil.which("node")
    if node is None:
        sys.exit("There is no program 'node' in PATH: install Node 20 or later.")
    os.execv(node, [node, str(Path(__file__).with_name("adapter.mjs")), *sys.argv[1:]])  # noqa: S606 - that is its job


if __name__ == "__main__":
    main()
