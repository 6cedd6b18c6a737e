"""The demo: five requests, five videos as promised, and a clear word when one is not."""

from __future__ import annotations

import httpx
import pytest

from mock_server import MockServer
from mock_server.cli import demo
from mock_server.cli.main import main
from mock_server.models import discover


def test_the_demo_saves_a_video_of_every_model(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path), "--speed", "50"]) == 0
    told = capsys.readouterr().out
    assert {path.stem for path in tmp_path.glob("*.mp4")} == set(discover())
    for path in tmp_path.glob("*.mp4"):
        assert path.name in told
        assert demo.probe(path)[0] == 5
    assert str(tmp_path) in told.replace("\n", "")


def test_a_video_that_is_not_as_promised_fails_the_demo(tmp_path):
    with MockServer(timing="instant") as server, httpx.Client(trust_env=False, timeout=60) as client:
        session = demo.Demo(server, tmp_path, client)
        video = session.follow("kirin_v1_t2v", {"prompt": "a"}, lambda done, state: None)
        task_id = server.inbox("demo").bodies[0]["id"]
        session._require_promised(task_id, video)
        for wrong in ({"seconds": 4.9}, {"width": 1278}, {"fps": 24}):
            broken = demo.Video(**{**{name: getattr(video, name) for name in video.__slots__}, **wrong})
            with pytest.raises(demo.DemoFailed, match="seconds, width, height"):
                session._require_promised(task_id, broken)


def test_a_task_that_fails_fails_the_demo(tmp_path):
    with MockServer(timing="instant") as server, httpx.Client(trust_env=False, timeout=60) as client:
        session = demo.Demo(server, tmp_path, client)
        with pytest.raises(demo.DemoFailed, match="002001099"):
            session.follow("kirin_v1_t2v", {"prompt": ""}, lambda done, state: None)
