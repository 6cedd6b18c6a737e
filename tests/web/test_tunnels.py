"""Inside of a tunnel of the intercepting proxy: TLS, HTTP as strict as at the own port, faults, and own URLs."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct

import pytest

from mock_server.web.bounded_http import Patience
from mock_server.web.serving import LiveServer
from tests.support.raw import FIN, RST
from tests.support.tunnels import (
    BALANCE,
    HOST,
    TARGET,
    ByHand,
    body,
    connect_head,
    everything,
    get,
    message,
    one,
    proxied,
    status,
)
from tests.support.values import image_bytes
from tests.web.test_malformed import BROKEN


@pytest.fixture(scope="module", params=["the usual loop", "asyncio's own loop"])
def proxy(request):
    """On both loops: they hand over early bytes, and close, in different ways."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "asyncio's own loop":
            patch.setattr(LiveServer, "run", lambda self, sockets: asyncio.run(self.serve(sockets)))
        with proxied() as made:
            yield made


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}.", f"{HOST}:443"])
def test_urls_in_answers_name_the_intercepted_host_over_https(proxy, host):
    made = body(proxy.ask_secure(get("/api/v1/skill/models/kirin_v1_t2v/spec", host)))
    assert made["data"]["api"]["endpoint"] == f"https://{HOST}/model/v1/generation"


def test_a_tunnel_to_the_port_of_http_speaks_plain_http(proxy):
    with proxy.connect(f"{HOST}:80") as connection:
        connection.sendall(get("/api/v1/skill/models/kirin_v1_t2v/spec"))
        endpoint = body(everything(connection))["data"]["api"]["endpoint"]
    assert endpoint == f"http://{HOST}/model/v1/generation"


MISDIRECTED = {
    "another intercepted host": get(host="cloud.vtrix.ai"),
    "a host that is not intercepted": get(host="example.com"),
    "this machine": get(host="127.0.0.1"),
    "another port": get(host=f"{HOST}:8443"),
    "another host in the URL": get(f"https://cloud.vtrix.ai{BALANCE}"),
    "another scheme in the URL": get(f"http://{HOST}{BALANCE}"),
}


@pytest.mark.parametrize("name", MISDIRECTED)
def test_a_request_for_another_host_than_the_tunnels_is_misdirected(proxy, name):
    answer = proxy.ask_secure(MISDIRECTED[name])
    assert status(answer) == 421
    assert f"this tunnel is to {TARGET}" in message(answer)


@pytest.mark.parametrize("sni", ["cloud.vtrix.ai", "example.com"])
def test_a_handshake_that_names_another_host_is_misdirected(proxy, sni):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for host in (HOST, sni):
        assert status(proxy.ask_secure(get(host=host), sni=sni, context=context)) == 421


def test_a_handshake_may_name_no_host(proxy):
    context = proxy.context()
    context.check_hostname = False
    with context.wrap_socket(proxy.connect()) as connection:
        connection.sendall(get())
        assert status(everything(connection)) == 200


def test_a_whole_url_of_the_tunnels_host_is_served(proxy):
    assert status(proxy.ask_secure(get(f"https://{HOST}{BALANCE}?a=b"))) == 200


def test_every_request_of_a_kept_connection_is_checked(proxy):
    with proxy.secure() as connection:
        connection.sendall(get(Connection="keep-alive"))
        assert status(one(connection)) == 200
        connection.sendall(get(Connection="keep-alive", host="cloud.vtrix.ai"))
        assert status(one(connection)) == 421
        assert connection.recv(1) == b"", "it is closed then"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get().replace(f"Host: {HOST}\r\n".encode(), b""), 400),
        (get().replace(b"Host:", f"Host: {HOST}\r\nHost:".encode()), 400),
        (get(host="a b"), 400),
        (get(host=f"user@{HOST}"), 400),
        (get().replace(b"HTTP/1.1", b"HTTP/1.0").replace(f"Host: {HOST}\r\n".encode(), b""), 200),
        (get(**{f"A{count}": "b" for count in range(220)}), 431),
    ],
    ids=["none", "two", "no name", "a user", "none in 1.0", "too many headers"],
)
def test_a_request_names_its_host_once(proxy, request_, expected):
    assert status(proxy.ask_secure(request_)) == expected


SMUGGLED = {
    "length and chunks": get(method="POST", Content_Length="4", Transfer_Encoding="chunked", body=b"0\r\n\r\n" + get()),
    "two lengths": get(method="POST", body=b"12345").replace(
        b"\r\n\r\n", b"\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\n"
    ),
    "a length with a sign": get(method="POST", Content_Length="+5", body=b"12345"),
    "a length in hex": get(method="POST", Content_Length="0x5", body=b"12345"),
    "chunked not last": get(method="POST", Transfer_Encoding="chunked, identity", body=b"0\r\n\r\n"),
    "a chunk of no size": get(method="POST", Transfer_Encoding="chunked", body=b"x\r\n\r\n0\r\n\r\n"),
    "a chunk of a huge size": get(
        method="POST", Transfer_Encoding="chunked", body=b"fffffffffffffffff\r\n\r\n0\r\n\r\n"
    ),
    "a space before the colon": get().replace(b"Connection:", b"Connection :"),
    "a folded header": get().replace(b"Connection:", b" folded\r\nConnection:"),
    "a NUL in a header": get(A="\0"),
    "no HTTP": b"\0\1\2\r\n\r\n",
    "version 9": get().replace(b"HTTP/1.1", b"HTTP/9.9"),
    "a method nobody knows": get(method="BREW"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT": get(TARGET, method="CONNECT"),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_readers_could_read_apart_is_refused_in_json(proxy, name):
    calls = _calls(proxy)
    answer = proxy.ask_secure(SMUGGLED[name])
    assert status(answer) == 400
    assert message(answer)
    assert _calls(proxy) <= calls + 1, "nothing behind it was served"
    assert proxy.alive()


def _calls(proxy):
    tenants = proxy.built.service.tenants.values()
    return sum(tenant.journal.calls for tenant in tenants) + proxy.built.service.unauthenticated.calls


def test_what_follows_a_refused_request_is_not_looked_at(proxy):
    calls = _calls(proxy)
    assert status(proxy.ask_secure(get(host="example.com", Connection="keep-alive") + get())) == 421
    with proxy.secure() as connection:
        connection.sendall(SMUGGLED["length and chunks"] + get())
        assert everything(connection).count(b"HTTP/1.1 400") == 1
    assert _calls(proxy) == calls


_SUBMIT = {"Content_Type": "application/json", "Transfer_Encoding": "chunked"}
ENDLESS = {
    "a header": get().removesuffix(b"\r\n") + b"A: ",
    "a target": b"GET /",
    "the extension of a chunk": get("/model/v1/generation", method="POST", **_SUBMIT, body=b"1;"),
    "a trailer": get("/model/v1/generation", method="POST", **_SUBMIT, body=b"0\r\nA: "),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_bounded(proxy, name):
    calls = _calls(proxy)
    answer = proxy.ask_secure(ENDLESS[name] + b"a" * 2_000_000)
    wanted = {
        "a target": (414, "the URL of a request has at most 16384 bytes"),
        "a header": (431, "the head of a request has at most 65536 bytes"),
    }
    assert (status(answer), message(answer)) == wanted.get(name, wanted["a header"])
    assert _calls(proxy) == calls
    assert proxy.alive()


def test_trailers_become_no_headers(proxy, fresh_key):
    key = fresh_key()
    trailed = b"2\r\n{}\r\n0\r\nHost: evil.example\r\nX-Late: evil\r\n\r\n"
    sent = get("/model/v1/generation", method="POST", **_SUBMIT, Authorization=f"Bearer {key}", body=trailed)
    assert status(proxy.ask_secure(sent)) == 400
    journal = proxy.ask_secure(get(f"/_mock/requests?key={key}", Authorization=None))
    assert b"/model/v1/generation" in journal
    assert b"evil" not in journal


@pytest.mark.parametrize("upgrade", ["websocket", "h2c"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_upgrade_is_not_done(proxy, upgrade, method):
    sent = get("/api/v1/nothing", method=method, Connection="upgrade", Upgrade=upgrade, Content_Length="2", body=b"{}")
    answer = proxy.ask_secure(sent)
    assert status(answer) == 404
    assert b"upgrade:" not in answer.lower()
    assert b"connection: close" in answer.lower(), "what may follow is not HTTP any more"


def test_a_client_that_would_speak_http_2_falls_back(proxy):
    context = proxy.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with proxy.secure(context=context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
        connection.sendall(get())
        assert status(everything(connection)) == 200


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_body_is_answered_as_at_the_servers_own_port(proxy, http, name):
    headers = {"Content_Type": "application/json", "Content_Length": len(BROKEN[name])}
    answer = proxy.ask_secure(get("/model/v1/generation", method="POST", body=BROKEN[name], **headers))
    usual = {"Authorization": "Bearer k", "Content-Type": "application/json"}
    own = http.post(f"{proxy.own}/model/v1/generation", content=BROKEN[name], headers=usual)
    assert (status(answer), body(answer)) == (own.status_code, own.json())


# Handshakes.


def test_a_request_in_one_segment_with_the_end_of_the_handshake_is_not_lost(proxy):
    by_hand = ByHand(proxy)
    by_hand.shake()
    by_hand.send(get())  # behind the last words of the handshake, which were not sent yet
    assert status(by_hand.rest()[0]) == 200


def test_a_handshake_may_come_byte_by_byte(proxy):
    by_hand = ByHand(proxy, size=1)
    by_hand.shake()
    by_hand.send(get())
    assert status(by_hand.rest()[0]) == 200


def test_clients_that_go_silent_are_not_waited_for():
    with proxied(Patience(0.05, 0.05, 0.05)) as proxy:
        for silent in (
            proxy.send(b""),
            proxy.send(b"CONN"),
            proxy.send(connect_head()[:-2]),
            proxy.connect(),
            proxy.secure(),
        ):
            with silent:
                assert everything(silent) == b""
        with proxy.secure() as connection:
            connection.sendall(get()[:-2])
            assert everything(connection) == b""
        with proxy.connect(f"{HOST}:80") as connection:
            assert everything(connection) == b""
        assert proxy.alive()


def test_clients_that_vanish_leave_no_trace(proxy, caplog, capfd):
    for connection in (proxy.send(b"CONN"), proxy.send(connect_head()), proxy.connect(), proxy.secure()):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    with proxy.connect() as connection:
        connection.sendall(b"\x16\x03\x01\x00\x05hello")
        everything(connection)
    untrusting = ssl.create_default_context(cadata=None)
    with proxy.connect() as connection, pytest.raises(ssl.SSLCertVerificationError):
        untrusting.wrap_socket(connection, server_hostname=HOST)
    assert proxy.alive()
    assert proxy.proxy.interceptor.waiting == set()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert capfd.readouterr() == ("", "")


def test_a_server_that_ends_ends_its_tunnels():
    with proxied() as proxy:
        open_ones = [proxy.send(b"CONNECT "), proxy.connect(), proxy.secure()]
    for connection in open_ones:
        with connection:
            assert everything(connection) == b""


# What a server does to connections, and its own URLs.


@pytest.mark.parametrize(
    ("fault", "ends_with", "complete"),
    [
        ({"fault": "reset"}, RST, None),
        ({"fault": "reset", "when": "during"}, RST, False),
        ({"fault": "truncate"}, FIN, False),
        ({"fault": "empty"}, FIN, None),
        ({"fault": "drip", "size": 100, "gap": 0.001}, FIN, True),
    ],
    ids=["reset", "reset during", "truncate", "empty", "drip"],
)
def test_faults_of_a_connection_reach_through_a_tunnel(http, fault, ends_with, complete):
    rule = {"name": "bad", "match": {}, "faults": [{**fault, "on": "balance"}]}
    with proxied(speed="1") as proxy:
        http.post(f"{proxy.own}/_mock/scenarios", json=rule).raise_for_status()
        by_hand = ByHand(proxy)
        by_hand.shake()
        by_hand.send(get())
        content, end = by_hand.rest()
    assert end == ends_with
    if complete is None:
        assert content == b""
    else:
        promised = int(content.lower().partition(b"content-length: ")[2].split()[0])
        assert (len(content.partition(b"\r\n\r\n")[2]) == promised) is complete


def test_an_upload_is_an_image_by_its_url_on_any_intercepted_host(proxy, http, fresh_key):
    key = fresh_key()
    picture = image_bytes("PNG", 400, 400)
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + picture + b"\r\n--x--\r\n"
    multipart = {"Content_Type": "multipart/form-data; boundary=x", "Content_Length": len(part)}
    sent = get("/api/v1/storage/files", method="POST", body=part, Authorization=f"Bearer {key}", **multipart)
    url = body(proxy.ask_secure(sent))["data"]["url"]
    assert url.startswith(f"https://{HOST}/files/")
    for form in (
        url,
        url.replace("https:", "http:"),
        url.replace(HOST, "cloud.vtrix.ai"),
        url.replace(HOST, f"{HOST}:443"),
    ):
        made = _submit(proxy, http, key, {"image": form})
        assert made["status"] == "in_progress", form
    broken = _submit(proxy, http, key, {"image": f"https://{HOST}/files/{'0' * 32}/a.png"})
    assert broken["error"]["code"] == "00200302"
    assert "answered 404" in broken["error"]["error_message"], "it was fetched, from the server itself"


def _submit(proxy, http, key, data, base=None):
    content = {"model": "kirin_v1_5_i2v", "data": data}
    return http.post(
        f"{base or proxy.own}/model/v1/generation", json=content, headers={"Authorization": f"Bearer {key}"}
    ).json()


def test_callbacks_to_an_intercepted_host_come_to_the_server_itself(proxy, http, fresh_key):
    key = fresh_key()
    inbox = f"https://{HOST}/_mock/inbox/{key}"
    made = _submit(proxy, http, key, {"image": "https://pictures.example.com/a.png", "callback_url": inbox})
    headers = {"Authorization": f"Bearer {key}"}
    http.post(f"{proxy.own}/_mock/clock/advance", json={"seconds": 600}, headers=headers).raise_for_status()
    found = http.get(f"{proxy.own}/_mock/inbox/{key}/messages").json()["messages"]
    assert [message["body"]["id"] for message in found][:1] == [made["id"]]
    assert found[-1]["body"]["status"] == "completed"


def test_without_a_proxy_such_a_callback_goes_nowhere(manual_server, http, fresh_key):
    key = fresh_key()
    url = f"https://{HOST}/_mock/inbox/{key}"
    content = {"model": "kirin_v1_t2v", "prompt": "a", "callback_url": url}
    headers = {"Authorization": f"Bearer {key}"}
    made = http.post(f"{manual_server.url}/model/v1/generation", json=content, headers=headers).json()
    http.post(f"{manual_server.url}/_mock/clock/advance", json={"seconds": 600}, headers=headers).raise_for_status()
    task = http.get(f"{manual_server.url}/_mock/tasks/{made['id']}", headers=headers).json()
    assert all("not known to be on this machine" in str(one) for one in task["deliveries"])
    assert task["deliveries"]
