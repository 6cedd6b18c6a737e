"""The wheel, installed as a user would, works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

USE = """
import mock_server
import kirin_mock
from kirin_mock import MockServer
from mock_server.platform.prices import cost_of
from mock_server.core.resources import resource
assert "site" in mock_server.__file__, mock_server.__file__
assert resource("contracts", "openapi.json").is_file()
assert resource("fixtures", "images", "landscape.jpg").is_file()
with MockServer() as server:
    assert server.url.startswith("http://127.0.0.1:")
assert {getattr(kirin_mock, name) is getattr(mock_server, name) for name in kirin_mock.__all__} == {True}
print(cost_of("kirin_v1_t2v", {"duration": "10"}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The built wheel."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(ROOT)]
    subprocess.run(build, check=True, timeout=300)
    return next(out.glob("*.whl"))


def test_the_wheel_carries_contracts_fixtures_and_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in ("contracts/openapi.json", "fixtures/prices.json", "fixtures/kirin_v3_i2v/errors.json"):
        assert f"mock_server/_resources/{wanted}" in names
    assert {"mock_server/py.typed", "kirin_mock/py.typed", "kirin_mock/adapters/node.py"} <= names
    assert "mock_server/core/interception/node_proxy.cjs" in names


def test_the_installed_wheel_works_away_from_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{USE}"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "0.28"
