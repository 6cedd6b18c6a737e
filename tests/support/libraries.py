"""The reference client over other libraries: requests and aiohttp, which need a URL of real HTTP."""

from __future__ import annotations

import aiohttp
import httpx
import requests
from yarl import URL

from mock_server.verify.client.kit import Reply
from mock_server.verify.client.reference_clients.asynchronous import Asynchronous
from mock_server.verify.client.reference_clients.light import LightAnswer
from mock_server.verify.client.reference_clients.queued import Queued
from mock_server.verify.client.reference_clients.reference import Policy, Reference


def _reply(status, headers, content):
    return LightAnswer(Reply(status, [(name.lower().encode(), value.encode()) for name, value in headers], content))


class _Requests:
    def __init__(self, url):
        self._url = url

    def get(self, path, headers=None):
        return self._sent("GET", path, headers)

    def post(self, path, json, headers):
        return self._sent("POST", path, headers, json=json)

    def put(self, path, headers):
        return self._sent("PUT", path, headers)

    def _sent(self, method, path, headers, **body):
        with requests.Session() as session:
            session.trust_env = False
            try:
                url = path if "://" in path else self._url + path
                answer = session.request(method, url, headers=headers, timeout=60, **body)
            except requests.RequestException as error:
                raise httpx.ReadError(str(error)) from None
        return _reply(answer.status_code, answer.headers.items(), answer.content)


class WithRequests(Reference):
    """Sends with requests."""

    def __init__(self, kit):
        Policy.__init__(self, kit)
        self.http = _Requests(kit.open_http_bridge())


class QueueWithRequests(Queued):
    """Sends with requests, over the queue protocol, and goes wherever the URLs in answers lead."""

    urls = {}  # noqa: RUF012 - a submit puts another one in its place

    def __init__(self, kit):
        Policy.__init__(self, kit)
        self.http = _Requests(kit.open_http_bridge())

    def submit(self, intent):
        answer = super().submit(intent)
        self.urls = answer.json() if answer.status_code == 200 and self.understood(answer) else {}
        return answer

    def request_path(self, what):
        return self.urls.get(f"{what}_url") or super().request_path(what)


class _Aiohttp:
    def __init__(self, url):
        self._url = url

    async def get(self, path, headers=None):
        return await self._sent("GET", path, headers)

    async def post(self, path, json, headers):
        return await self._sent("POST", path, headers, json=json)

    async def _sent(self, method, path, headers, **body):
        url = path if "://" in path else self._url + path
        try:
            async with aiohttp.ClientSession() as session:
                session._retry_connection = False  # by itself it sends a GET again at once, which W08 tells of
                # As it is: by itself it would write the query of a signed URL in another way.
                async with session.request(method, URL(url, encoded=True), headers=headers, **body) as answer:
                    return _reply(answer.status, answer.headers.items(), await answer.read())
        except aiohttp.ClientError as error:
            raise httpx.ReadError(str(error)) from None


class WithAiohttp(Asynchronous):
    """Sends with aiohttp."""

    def __init__(self, kit):
        Policy.__init__(self, kit)
        self.work = None
        self.http = _Aiohttp(kit.open_http_bridge())
