"""The clients that are tried are those that are pinned, and those that the page speaks of."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = [
    *(ROOT / "requirements" / name for name in ("run.txt", "dev.txt")),
    ROOT / "tests" / "clients" / "requirements.txt",
    ROOT / "contracts" / "clients" / "requirements.txt",
]


def pinned(path):
    """The version of each package of a list."""
    lines = path.read_text().splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if "==" in line.split("--hash")[0])


PINNED = pinned(REQUIREMENTS[2])


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_is_pinned_with_a_hash_and_no_word_about_where_it_comes_from(path):
    first, *packages = path.read_text().replace("\\\n", "").splitlines()
    assert first.startswith("#")
    assert all(" --hash=sha256:" in line and "==" in line for line in packages)
    assert "://" not in path.read_text()


@pytest.mark.parametrize("name", ["seacloudai-sdk", "seaart-sdk"])
def test_the_version_that_is_tried_is_the_one_the_page_speaks_of(name):
    assert version(name) == PINNED[name]
    assert f"{name} {PINNED[name]}" in (ROOT / "docs" / "real-clients.md").read_text()


def test_what_the_clients_share_with_the_server_has_one_version():
    ours = {name: version for path in REQUIREMENTS[:2] for name, version in pinned(path).items()}
    for path in REQUIREMENTS:
        theirs = pinned(path)
        assert {name: ours[name] for name in theirs if name in ours} == {
            name: theirs[name] for name in theirs if name in ours
        }
