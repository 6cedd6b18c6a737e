"""The intercepting proxy, from a socket: whom it connects, what it refuses, and that nothing makes it stumble."""

from __future__ import annotations

import select
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.core.hosts import PLATFORM_HOSTS
from mock_server.core.interception.hosts import Hosts
from mock_server.web.bounded_http import Patience
from mock_server.web.interception import listener as intercept
from mock_server.web.interception.connect import Farewell
from tests.support.tunnels import (
    BALANCE,
    ESTABLISHED,
    HOST,
    TARGET,
    body,
    connect_head,
    everything,
    get,
    message,
    one,
    proxied,
    status,
    taken,
)


@pytest.fixture(scope="module")
def proxy():
    with proxied(intercept_host=("Extra.Example.",)) as made:
        yield made


ACCEPTED = {
    "as clients write it": connect_head(),
    "in capitals": connect_head("CLOUD.SeaArt.AI:443"),
    "with the dot of the root": connect_head(f"{HOST}.:443"),
    "by an old client without Host": connect_head(version="1.0", host=None),
    "with a Host that leaves out the port": connect_head(host=HOST),
    "with headers for the proxy": connect_head(
        TARGET, "1.1", "", "Proxy-Connection: keep-alive", "Proxy-Authorization: x"
    ),
    "with an empty body": connect_head(TARGET, "1.1", "", "Content-Length: 0"),
    "to a host of --host": connect_head("extra.example:443"),
    "to the port of http": connect_head(f"{HOST}:80"),
}


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("size", [None, 1], ids=["at once", "byte by byte"])
def test_a_tunnel_to_an_intercepted_host_is_established(proxy, name, size):
    with proxy.send(ACCEPTED[name], size) as connection:
        assert taken(connection, len(ESTABLISHED)) == ESTABLISHED


@pytest.mark.parametrize("host", PLATFORM_HOSTS)
def test_every_host_of_the_platform_is_served_over_tls_that_verifies(proxy, host):
    context = proxy.context()
    with context.wrap_socket(proxy.connect(f"{host}:443"), server_hostname=host) as connection:
        connection.sendall(get(host=host))
        assert status(everything(connection)) == 200
        assert connection.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.parametrize(
    "target",
    ["example.com:443", f"x{HOST}:443", f"{HOST}.evil.example:443", "seaart.ai:443", "127.0.0.1:443", "[::1]:443"],
)
def test_a_host_that_is_not_listed_is_refused_by_name(proxy, target):
    answer = proxy.ask(connect_head(target))
    host = target.rpartition(":")[0]
    advice = f"--host {host} adds it" if host[-1].isalpha() else "only names of other machines can be, not addresses"
    assert status(answer) == 403
    assert message(answer).startswith(f"{host} is not intercepted by kirin-mock; {advice}. Intercepted are ")
    assert all(known in message(answer) for known in PLATFORM_HOSTS)
    assert f"403 {host} is not intercepted".encode() in answer.partition(b"\r\n")[0], "clients show the reason phrase"
    assert target in proxy.proxy.interceptor.refused


def test_without_the_list_any_host_would_be_let_in(proxy, monkeypatch):
    monkeypatch.setattr(Hosts, "refusal", lambda self, asked: None)
    assert proxy.ask(connect_head("example.com:443") + b"x")[:12] == b"HTTP/1.1 400"
    with proxy.send(connect_head("example.com:443")) as connection:
        assert taken(connection, len(ESTABLISHED)) == ESTABLISHED


@pytest.mark.parametrize("port", [22, 8443, 65535])
def test_an_intercepted_host_is_served_at_its_usual_ports_only(proxy, port):
    answer = proxy.ask(connect_head(f"{HOST}:{port}"))
    assert status(answer) == 403
    assert message(answer) == f"kirin-mock serves {HOST} at port 443 (https) and 80 (http), not {port}"


MALFORMED = {
    "no port": connect_head(HOST),
    "port 0": connect_head(f"{HOST}:0"),
    "port too large": connect_head(f"{HOST}:65536"),
    "port with a sign": connect_head(f"{HOST}:+443"),
    "port in other digits": connect_head(f"{HOST}:443"[:-1] + "\xb3"),
    "a user": connect_head(f"user@{TARGET}"),
    "a user and a password": connect_head(f"user:pw@{TARGET}"),
    "a host behind a user": connect_head(f"{HOST}:443@example.com:443"),
    "a URL": connect_head(f"https://{HOST}/"),
    "a path": connect_head(f"{TARGET}/"),
    "an escape": connect_head("cloud%2Eseaart.ai:443"),
    "two spaces": b"CONNECT  " + connect_head()[8:],
    "a tab": connect_head().replace(b" HTTP", b"\tHTTP"),
    "no version": connect_head().replace(b" HTTP/1.1", b""),
    "version 2": connect_head(version="2.0"),
    "version 1.10": connect_head(version="1.10"),
    "line feeds alone": connect_head().replace(b"\r\n", b"\n"),
    "one line feed alone": connect_head(TARGET, "1.1", "", "A: b\nC: d"),
    "a folded header": connect_head(TARGET, "1.1", "", "A: b", " c"),
    "a space before the colon": connect_head(TARGET, "1.1", "", "A : b"),
    "no colon": connect_head(TARGET, "1.1", "", "A"),
    "an empty name": connect_head(TARGET, "1.1", "", ": b"),
    "a NUL": connect_head(TARGET, "1.1", "", "A: \0"),
    "a carriage return": connect_head(TARGET, "1.1", "", "A: b\rc"),
    "no Host": connect_head(host=None),
    "two Hosts": connect_head(TARGET, "1.1", "", f"Host: {TARGET}"),
    "another Host": connect_head(host="example.com:443"),
    "another port in Host": connect_head(host=f"{HOST}:80"),
    "a Host that is none": connect_head(host="a b"),
    "a body": connect_head(TARGET, "1.1", "", "Content-Length: 5"),
    "two lengths": connect_head(TARGET, "1.1", "", "Content-Length: 0, 5"),
    "a chunked body": connect_head(TARGET, "1.1", "", "Transfer-Encoding: chunked"),
    "another request behind it": connect_head() + get(),
    "TLS before the answer": connect_head() + b"\x16\x03\x01",
    "lower case": connect_head().replace(b"CONNECT", b"connect"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS handshake": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "NULs": bytes(50),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("size", [None, 1], ids=["at once", "byte by byte"])
def test_what_is_no_proper_connect_is_answered_and_closed(proxy, name, size):
    if size and name in {"another request behind it", "TLS before the answer"}:
        name = "NULs"  # cannot be told from bytes that were sent after the answer
    answer = proxy.ask(MALFORMED[name], size)
    assert status(answer) == 400
    assert message(answer)
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1 4") == 1, "one answer alone"


@pytest.mark.parametrize(
    "head",
    [
        connect_head(TARGET, "1.1", "", f"A: {'a' * 20_000}"),
        connect_head(TARGET, "1.1", "", *["A: b"] * 100),
        b"CONNECT " + b"a" * 99_999,
    ],
    ids=["a long header", "many headers", "a target without end"],
)
def test_a_head_too_large_is_told_so(proxy, head):
    assert status(proxy.ask(head)) == 431
    assert proxy.alive()


@settings(max_examples=150, deadline=None)
@given(content=st.binary(min_size=1, max_size=300))
def test_any_bytes_are_answered_or_closed(proxy, content):
    for sent in (content, b"CONNECT " + content, connect_head()[:-4] + content):
        with proxy.send(sent) as connection:
            connection.shutdown(socket.SHUT_WR)
            answer = everything(connection)
        assert not answer or answer.startswith((b"HTTP/1.1 4", ESTABLISHED))


def test_any_bytes_in_a_tunnel_harm_nobody(proxy):
    @settings(max_examples=100, deadline=None)
    @given(content=st.binary(min_size=1, max_size=300))
    def send(content):
        with proxy.connect() as connection:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            assert b"HTTP" not in everything(connection)

    send()
    assert proxy.alive()


# Requests for whole URLs.


def test_a_whole_url_is_served_whatever_the_host_header_says(proxy):
    sent = get(f"http://{HOST.upper()}:80/api/v1/skill/models/kirin_v1_t2v/spec?a=b", "example.com")
    assert body(proxy.ask(sent))["data"]["api"]["endpoint"] == f"http://{HOST}/model/v1/generation"


def test_a_whole_https_url_outside_of_a_tunnel_is_served_as_https(proxy):
    sent = get(f"https://{HOST}/api/v1/skill/models/kirin_v1_t2v/spec")
    assert body(proxy.ask(sent))["data"]["api"]["endpoint"] == f"https://{HOST}/model/v1/generation"


@pytest.mark.parametrize(
    ("url", "expected", "told"),
    [
        ("http://example.com/", 403, "example.com is not intercepted"),
        ("http://127.0.0.1:1/", 403, "127.0.0.1 is not intercepted"),
        ("http://169.254.169.254/latest/meta-data", 403, "169.254.169.254 is not intercepted"),
        (f"http://{HOST}:443/", 403, "http is served at port 80"),
        (f"http://{HOST}:8080/", 403, "not 8080"),
        (f"http://user:pw@{HOST}/", 400, "not a host"),
        (f"http://{HOST}@example.com/", 400, "not a host"),
        ("http:///", 400, "not a host"),
        (BALANCE, 400, "this is a proxy"),
        ("/", 400, "this is a proxy"),
        (f"ftp://{HOST}/", 400, "this is a proxy"),
    ],
)
def test_a_request_that_is_not_for_an_intercepted_url_is_refused(proxy, url, expected, told):
    answer = proxy.ask(get(url))
    assert status(answer) == expected
    assert told in message(answer)


def test_a_client_that_takes_the_proxy_for_the_server_is_told_where_that_is(proxy):
    assert proxy.own in message(proxy.ask(get("/")))


def test_every_request_to_the_proxy_is_checked_for_itself(proxy):
    with proxy.send(get(f"http://{HOST}{BALANCE}", Connection="keep-alive")) as connection:
        assert status(one(connection)) == 200
        connection.sendall(get(f"http://cloud.vtrix.ai{BALANCE}", Connection="keep-alive"))
        assert status(one(connection)) == 200
        connection.sendall(get("http://example.com/", Connection="keep-alive"))
        assert status(one(connection)) == 403
        assert connection.recv(1) == b""
    with proxy.send(get(f"http://{HOST}{BALANCE}", Connection="keep-alive")) as connection:
        assert status(one(connection)) == 200
        connection.sendall(connect_head())
        late = everything(connection)
        assert status(late) == 400
        assert message(late) == "CONNECT comes first on a connection, and on this one another request came before it"


def test_headers_for_the_proxy_are_not_passed_on(proxy, fresh_key):
    key = fresh_key()
    sent = get(f"http://{HOST}{BALANCE}", Authorization=f"Bearer {key}", Proxy_Authorization="Basic c2VjcmV0")
    assert status(proxy.ask(sent)) == 200
    kept = proxy.ask_secure(get(f"/_mock/requests?key={key}", Authorization=None))
    assert status(kept) == 200
    assert b"proxy-auth" not in kept.lower()


def test_only_so_many_may_be_at_their_first_words(monkeypatch):
    monkeypatch.setattr(intercept, "MAX_WAITING", 3)
    with proxied(Patience(head=600)) as proxy:
        waiting = [proxy.send(b"CONNECT ") for _ in range(3)]
        with proxy.send(b"CONNECT ") as one_too_many:
            assert everything(one_too_many) == b""
        for connection in waiting:
            connection.close()
        assert proxy.ask(b"\0")[:12] == b"HTTP/1.1 400"


def test_refused_targets_are_counted_within_bounds(proxy):
    for number in range(intercept.MAX_REFUSED + 20):
        proxy.ask(connect_head(f"host{number}.example:443"))
    assert len(proxy.proxy.interceptor.refused) == intercept.MAX_REFUSED


def test_a_refused_client_that_still_sends_is_not_cut_off(monkeypatch):
    monkeypatch.setattr(Farewell, "QUIET", 600)
    with proxied(Patience(goodbye=600)) as proxy:
        for refused in (proxy.send(connect_head("example.com:443")), proxy.send(b"GET /" + b"a" * 99_999)):
            with refused:
                assert status(one(refused)) in {403, 414}
                refused.sendall(b"a" * 1000)
                assert proxy.alive(), "and so what would have come has come"
                assert not select.select([refused], [], [], 0)[0]
