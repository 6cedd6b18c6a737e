"""The command line of ``verify server`` for servers that are not ours: preflight, price, incomplete runs, resuming."""

from __future__ import annotations

import http.server
import socket
import threading

import pytest

from mock_server import MockServer
from mock_server.cli.main import main
from mock_server.core.errors import UsageError
from mock_server.verify.server.reach import Reach, header_of
from mock_server.verify.server.receiver import Listener

FEW = ["verify", "server", "--models", "kirin_v1_t2v", "--only", "prompt"]


class Page(http.server.BaseHTTPRequestHandler):
    """Answers everything in one way: ``status`` and a body that is no JSON, or JSON."""

    status, content, headers_too = 200, b"<html>welcome</html>", {}

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(self.status)
        for name, value in self.headers_too.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def do_POST(self):
        self.do_GET()

    def do_PUT(self):
        self.do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def page():
    """Starts a server that answers everything in one way."""
    servers = []

    def start(status=200, content=b"<html>welcome</html>", headers=None):
        handler = type("Answers", (Page,), {"status": status, "content": content, "headers_too": headers or {}})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({}, "answers no JSON"),
        ({"status": 401, "content": b"{}"}, "does not accept the key"),
        ({"status": 404, "content": b"{}"}, "knows none of the platform's paths"),
        ({"status": 503, "content": b"{}"}, "answers 503 to everything"),
        ({"status": 308, "headers": {"location": "https://elsewhere.example/"}}, "redirects every call"),
    ],
)
def test_a_hopeless_run_ends_with_one_sentence(page, how, says, capsys):
    assert main([*FEW, page(**how)]) == 3
    told = capsys.readouterr()
    assert says in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_wrong_second_key_is_said(capsys):
    with MockServer(api_key=["sk-verify"]) as server:
        assert main([*FEW, server.url, "--other-key", "sk-nobody"]) == 3
    assert "--other-key" in capsys.readouterr().err


def test_a_run_that_leaves_cases_untried_is_incomplete(capsys):
    with MockServer() as server:
        assert main([*FEW, server.url, "--max-calls", "10"]) == 4
    told = capsys.readouterr()
    assert "INCOMPLETE" in told.out.splitlines()[-1]
    assert "clean" not in told.out.splitlines()
    assert "at most" in told.err


def test_what_a_server_lacks_can_be_said(capsys):
    command = ["verify", "server", "--models", "kirin_v1_t2v", "--only", "refuses by account and gateway"]
    with MockServer(admin_token="sesame") as server:
        assert main([*command, server.url]) == 4
        assert "--without control" in capsys.readouterr().out
        assert main([*command, server.url, "--without", "control"]) == 4  # nothing at all was exercised
        assert main([*command, "--only", "answers odd calls", server.url, "--without", "control"]) == 0


def test_only_what_is_free_makes_no_task(capsys):
    with MockServer(admin_token="sesame") as server:
        assert main([*FEW, server.url, "--free-only"]) == 4
    told = capsys.readouterr()
    assert "were not tried" in told.out
    assert "at most 0.00 USD" in told.err
    calls = int(told.out.partition(" cases, ")[2].partition(" calls")[0])
    assert f"at most {calls} calls" in told.err


def test_an_interrupted_run_goes_on_from_its_file(tmp_path, capsys):
    file = str(tmp_path / "run")
    with MockServer() as server:
        assert main([*FEW, server.url, "--resume", file, "--max-calls", "30"]) == 4
        capsys.readouterr()
        assert main([*FEW, server.url, "--resume", file]) == 0
        assert "cases are done" in capsys.readouterr().err
        assert main([*FEW, server.url, "--resume", file, "--seed", "1"]) == 2
    assert "another run" in capsys.readouterr().err


def test_no_money_is_spent_elsewhere_without_leave():
    reach = Reach()
    with pytest.raises(UsageError, match=r"12\.50 USD"):
        reach.require_leave("https://api.example.org", 12.5, None)
    reach.require_leave("https://api.example.org", 0.0, None)
    reach.require_leave("https://api.example.org", 12.5, 20.0)
    reach.require_leave("http://127.0.0.1:8787", 12.5, None)
    Reach(yes=True).require_leave("https://api.example.org", 12.5, None)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--header", "no colon"], "--header"),
        (["--proxy", "nowhere"], "--proxy"),
        (["--ca", "/no/such/file"], "--ca"),
        (["--callback-listen", "127.0.0.1:0"], "--callback-base"),
        (["--callback-base", "http://hooks.example", "--callback-listen", "here"], "HOST:PORT"),
        (["--without", "luck"], "--without"),
        (["--patience", "0"], "--patience"),
    ],
)
def test_a_wrong_flag_gets_one_clear_line(flags, says, capsys):
    assert main([*FEW, "http://127.0.0.1:1", *flags]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_headers_go_with_every_call(page):
    assert header_of("X-Team: blue, green") == ("X-Team", "blue, green")
    with pytest.raises(ValueError, match="X-Name"):
        header_of("bad name: x")


def test_callbacks_come_in_at_one_public_address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listener = Listener("127.0.0.1", port, "https://hooks.example.org/kirin/")
    try:
        assert listener.base == "https://hooks.example.org/kirin"
        assert listener.known_path("/kirin/callback/abc?x=1") == "/callback/abc"
    finally:
        listener.close()
