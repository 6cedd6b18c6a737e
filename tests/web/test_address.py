"""How a call addressed the server: which hosts can stand in a URL, and what a proxy forwards."""

from __future__ import annotations

import httpx
import pytest

from mock_server import MockServer
from mock_server.core.clock import stopwatch
from mock_server.web.address import is_host

GOOD = ("localhost", "127.0.0.1:80", "mock.example:8787", "[::1]", "[::1]:8787", "[::ffff:10.0.0.1]:1", "a-b_c.d~e")
WRONG = ("", "h:0", "h:65536", "h:99999", "[1.2]", "[:::::]", "[]", "[::1]x", "a b", "a/b", "a:b", "é", "a" * 256)


@pytest.mark.parametrize("host", GOOD)
def test_a_host_that_can_stand_in_a_url_is_one(host):
    assert is_host(host)


@pytest.mark.parametrize("host", WRONG)
def test_any_other_text_is_none(host):
    assert not is_host(host)


def _base_url(server, **headers):
    answer = httpx.post(
        f"{server.url}/model/v1/queue/kirin_v1_t2v",
        json={"prompt": "x"},
        headers={"Authorization": "Key sk-address", **headers},
        trust_env=False,
        timeout=30,
    )
    return answer.json()["status_url"].partition("/model/")[0]


def test_what_a_proxy_forwards_is_read_from_the_first_element_of_its_header():
    with MockServer(trust_proxy=True, admin_token="t") as server:
        assert _base_url(server, Forwarded='for=1.2.3.4; Proto=HTTPS;host="a.example:8443", host=b') == (
            "https://a.example:8443"
        )
        assert _base_url(server, Forwarded="host=a.example:99999;proto=gopher") == server.url


def test_a_forwarded_header_of_any_length_takes_no_time():
    with MockServer(trust_proxy=True, admin_token="t") as server:
        _base_url(server)
        began = stopwatch()
        for text in ("a" * 16_000, "a=" * 8_000, ";" * 16_000, '"' * 16_000):
            assert _base_url(server, Forwarded=text) == server.url
        assert stopwatch() - began < 5
