"""Becomes Node with the adapter beside this file, wherever it is installed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def main() -> None:
    """Run the adapter, with what is given as its arguments; ``--queue`` is the reference client of that protocol."""
    node = shutil.which("node")
    if node is None:
        sys.exit("There is no program 'node' in PATH: install Node 20 or later.")
    here = Path(__file__).parent
    clients = [str(here / "queue_client.mjs") if given == "--queue" else given for given in sys.argv[1:]]
    os.execv(node, [node, str(here / "adapter.mjs"), *clients])  # noqa: S606 - that is its job


if __name__ == "__main__":
    main()
