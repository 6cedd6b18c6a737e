"""The clients that are tried are those that are pinned, and those that the page speaks of."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINNED = dict(
    line.split(" ")[0].split("==")
    for line in (Path(__file__).with_name("requirements.txt")).read_text().splitlines()[1:]
)


def test_everything_is_pinned_with_a_hash():
    lines = Path(__file__).with_name("requirements.txt").read_text().splitlines()[1:]
    assert all(line.count(" --hash=sha256:") == 1 for line in lines)


@pytest.mark.parametrize("name", ["seacloudai-sdk", "seaart-sdk"])
def test_the_version_that_is_tried_is_the_one_the_page_speaks_of(name):
    assert version(name) == PINNED[name]
    assert f"{name} {PINNED[name]}" in (ROOT / "docs" / "real-clients.md").read_text()


def test_what_the_clients_share_with_the_server_has_one_version():
    written = (ROOT / "requirements" / name for name in ("run.txt", "dev.txt"))
    ours = dict(
        line.split(";")[0].split("==") for path in written for line in path.read_text().splitlines() if "==" in line
    )
    assert {name: ours[name] for name in PINNED if name in ours} == {
        name: PINNED[name] for name in PINNED if name in ours
    }
