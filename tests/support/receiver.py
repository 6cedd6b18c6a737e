"""A receiver of callbacks that hands them to whichever client is at work."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler


class Receiver(BaseHTTPRequestHandler):
    """Hands what is posted to the client at work."""

    on_news: Callable[..., int]

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(type(self).on_news(headers, raw))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass
