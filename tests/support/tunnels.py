"""Raw clients of the intercepting proxy: what is sent is what a test says, byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from urllib.parse import urlsplit

from mock_server.cli.run import serving
from mock_server.settings import of_keywords
from tests.support.raw import FIN, RST

HOST = "cloud.seaart.ai"
TARGET = f"{HOST}:443"
BALANCE = "/api/v1/user/balance"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxied:
    """A server and its proxy."""

    def __init__(self, built, proxy):
        self.built, self.proxy = built, proxy
        self.port = urlsplit(proxy.url).port
        self.own = proxy.interceptor.own_url
        self.trusted = proxy.changes.set["SSL_CERT_FILE"]

    def send(self, content, size=None):
        """A connection on which this was sent, in pieces of a size if one is given."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):  # it may have heard enough before all is sent
            for start in range(0, len(content), size or max(len(content), 1)):
                connection.sendall(content[start : start + size] if size else content)
        return connection

    def ask(self, content, size=None):
        """Everything that comes back until the other side closes."""
        with self.send(content, size) as connection:
            return everything(connection)

    def connect(self, authority=f"{HOST}:443"):
        """A connection after CONNECT was answered."""
        connection = self.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        assert taken(connection, len(ESTABLISHED)) == ESTABLISHED
        return connection

    def context(self):
        return ssl.create_default_context(cafile=self.trusted)

    def secure(self, host=HOST, sni=None, context=None):
        """A tunnel in which TLS is spoken."""
        context = context or self.context()
        context.check_hostname = False
        return context.wrap_socket(self.connect(f"{host}:443"), server_hostname=sni or host)

    def ask_secure(self, content, **how):
        """The same as ask, in a tunnel."""
        with self.secure(**how) as connection:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                connection.sendall(content)
            return everything(connection)

    def alive(self):
        """Other calls go on."""
        return status(self.ask_secure(get("/_mock/health"))) == 200


@contextlib.contextmanager
def proxied(patience=None, environment=None, **settings):
    """A server with a proxy."""
    given = of_keywords({"port": 0, "log_format": "off", "intercept": 0, "speed": "manual", **settings})
    with serving(given, environment or {}, patience) as (built, proxy):
        yield Proxied(built, proxy)


def connect_head(target=TARGET, version="1.1", host: str | None = "", *more):
    """A CONNECT request; a Host of None is none."""
    lines = [f"CONNECT {target} HTTP/{version}", *([] if host is None else [f"Host: {host or target}"]), *more]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def get(path=BALANCE, host=HOST, method="GET", body=b"", **headers):
    """A request of one connection."""
    fields = {"Host": host, "Authorization": "Bearer k", "Connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def taken(connection, count):
    """Exactly so many bytes, or fewer if it ends."""
    content = b""
    while len(content) < count and (part := connection.recv(count - len(content))):
        content += part
    return content


def everything(connection):
    """All until it ends, however it does."""
    content = b""
    with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
        while part := connection.recv(65536):
            content += part
    return content


class ByHand:
    """TLS in a tunnel with every segment in hand, ``size`` bytes in each, and the end of the connection as it was."""

    def __init__(self, proxy, size=65536):
        self._incoming, self._outgoing, self._size = ssl.MemoryBIO(), ssl.MemoryBIO(), size
        self._side = proxy.context().wrap_bio(self._incoming, self._outgoing, server_hostname=HOST)
        self._connection = proxy.connect()

    def shake(self):
        """The handshake, but for what the client says last."""
        while True:
            try:
                return self._side.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._incoming.write(self._connection.recv(65536))

    def send(self, content):
        """Send this, and what is left of the handshake."""
        self._side.write(content)
        self._flush()

    def _flush(self):
        sent = self._outgoing.read()
        for start in range(0, len(sent), self._size):
            self._connection.sendall(sent[start : start + self._size])

    def rest(self):
        """All until the end, and how the connection ended."""
        content = b""
        with self._connection:
            while True:
                try:
                    part = self._side.read(65536)
                except ssl.SSLWantReadError:
                    try:
                        received = self._connection.recv(65536)
                    except ConnectionResetError:
                        return content, RST
                    if not received:
                        return content, FIN
                    self._incoming.write(received)
                except ssl.SSLZeroReturnError:
                    return content, FIN
                else:
                    if not part:
                        return content, FIN
                    content += part


def one(connection):
    """One answer of a connection that goes on."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        assert part, head
        head += part
    length = int(next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split()[1])
    return head + taken(connection, length)


def status(answer):
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer.split(b" ", 2)[1])


def body(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def message(answer):
    """What an answer of the gateway's shape says."""
    told = body(answer)
    assert told["data"] is None
    assert told["status"]["code"] == status(answer) == told["status"]["error_code"] // 100
    return told["status"]["message"]
