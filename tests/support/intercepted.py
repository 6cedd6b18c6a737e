"""One way to call over every library that ``kirin.intercept()`` covers, for its tests."""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpcore
import httpx
import requests
import urllib3


@dataclass(frozen=True)
class Answer:
    """``headers`` have their names in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


def _answer(status, headers, content):
    return Answer(status, {name.lower(): value for name, value in headers}, content)


def _over_httpx(method, url, headers, body, timeout):
    with httpx.Client(timeout=timeout) as client:
        answer = client.request(method, url, headers=headers, content=body)
    return _answer(answer.status_code, answer.headers.items(), answer.content)


async def _later(body):
    for part in body:
        yield part


def _over_httpx_async(method, url, headers, body, timeout):
    async def work():
        content = body if body is None or isinstance(body, bytes | str) else _later(body)
        async with httpx.AsyncClient(timeout=timeout) as client:
            answer = await client.request(method, url, headers=headers, content=content)
        return _answer(answer.status_code, answer.headers.items(), answer.content)

    return asyncio.run(work())


def _over_httpcore(method, url, headers, body, timeout):
    extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)}
    with httpcore.ConnectionPool() as pool:
        content = body.encode() if isinstance(body, str) else body
        answer = pool.request(method, url, headers=[*(headers or {}).items()], content=content, extensions=extensions)
    return _answer(answer.status, [(n.decode(), v.decode()) for n, v in answer.headers], answer.content)


def _over_requests(method, url, headers, body, timeout):
    answer = requests.request(method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False)
    return _answer(answer.status_code, answer.headers.items(), answer.content)


def _over_urllib3(method, url, headers, body, timeout):
    with urllib3.PoolManager() as pool:
        answer = pool.request(method, url, headers=headers, body=body, timeout=timeout, retries=False, redirect=False)
        return _answer(answer.status, answer.headers.items(), answer.data)


def _over_aiohttp(method, url, headers, body, timeout):
    async def work():
        data = body if body is None or isinstance(body, bytes | str) or hasattr(body, "read") else _later(body)
        within = aiohttp.ClientTimeout(sock_read=timeout)
        async with (
            aiohttp.ClientSession(timeout=within, trust_env=True) as session,
            session.request(method, url, headers=headers, data=data, allow_redirects=False) as answer,
        ):
            return _answer(answer.status, answer.headers.items(), await answer.read())

    return asyncio.run(work())


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **told):
        return None


def _over_urllib(method, url, headers, body, timeout):
    given = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(url, given, headers or {}, method=method)
    try:
        with urllib.request.build_opener(_Stays).open(request, timeout=timeout) as answer:
            return _answer(answer.status, answer.headers.items(), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers.items(), error.read())


def _connection(parts, timeout):
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.netloc, timeout=timeout)


def _over_http_client(method, url, headers, body, timeout):
    parts = urlsplit(url)
    connection = _connection(parts, timeout)
    try:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, headers or {})
        with connection.getresponse() as answer:
            return _answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def _chunks_httpx(url):
    with httpx.stream("GET", url) as answer:
        yield from answer.iter_bytes()


def _chunks_httpx_async(url):
    return _drawn(_httpx_async_chunks(url))


async def _httpx_async_chunks(url):
    async with httpx.AsyncClient() as client, client.stream("GET", url) as answer:
        async for chunk in answer.aiter_bytes():
            yield chunk


def _chunks_httpcore(url):
    with httpcore.ConnectionPool() as pool, pool.stream("GET", url) as answer:
        yield from answer.iter_stream()


def _chunks_requests(url):
    with requests.get(url, stream=True, timeout=60) as answer:
        yield from answer.iter_content(65536)


def _chunks_urllib3(url):
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", url, preload_content=False)
        yield from answer.stream(65536)
        answer.release_conn()


def _chunks_aiohttp(url):
    return _drawn(_aiohttp_chunks(url))


async def _aiohttp_chunks(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        async for chunk in answer.content.iter_any():
            yield chunk


def _chunks_urllib(url):
    with urllib.request.urlopen(url) as answer:
        while chunk := answer.read(65536):
            yield chunk


def _chunks_http_client(url):
    parts = urlsplit(url)
    connection = _connection(parts, 60)
    try:
        connection.request("GET", parts.path)
        with connection.getresponse() as answer:
            while chunk := answer.read(65536):
                yield chunk
    finally:
        connection.close()


def _drawn(chunks) -> Iterator[bytes]:
    """What an asynchronous generator yields, one by one."""
    with asyncio.Runner() as runner:

        async def following():
            return await anext(chunks, None)

        try:
            while (chunk := runner.run(following())) is not None:
                yield chunk
        finally:
            runner.run(chunks.aclose())


@dataclass(frozen=True)
class Library:
    """``call`` takes method, URL, headers, body and seconds to wait for a read. ``timed_out`` is what it raises when
    they are over, ``cut`` when an answer breaks off, ``refused`` when there is no connection.
    """

    name: str
    call: Callable[[str, str, dict[str, str] | None, Any, float], Answer]
    chunks: Callable[[str], Iterator[bytes]]
    timed_out: type[Exception]
    cut: tuple[type[Exception], ...]
    refused: type[Exception]

    def get(self, url, headers=None, timeout=60.0):
        """One GET."""
        return self.call("GET", url, headers, None, timeout)


_STANDARD = (http.client.HTTPException, ConnectionError, urllib.error.URLError)
LIBRARIES = [
    Library(
        "httpx", _over_httpx, _chunks_httpx,
        httpx.ReadTimeout, (httpx.ReadError, httpx.RemoteProtocolError), httpx.ConnectError,
    ),
    Library(
        "httpx async", _over_httpx_async, _chunks_httpx_async,
        httpx.ReadTimeout, (httpx.ReadError, httpx.RemoteProtocolError), httpx.ConnectError,
    ),
    Library(
        "httpcore", _over_httpcore, _chunks_httpcore,
        httpcore.ReadTimeout, (httpcore.ReadError, httpcore.RemoteProtocolError), httpcore.ConnectError,
    ),
    Library(
        "requests", _over_requests, _chunks_requests,
        requests.ReadTimeout, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError),
        requests.ConnectionError,
    ),
    Library(
        "urllib3", _over_urllib3, _chunks_urllib3,
        urllib3.exceptions.ReadTimeoutError, (urllib3.exceptions.ProtocolError,),
        urllib3.exceptions.ProtocolError,
    ),
    Library(
        "aiohttp", _over_aiohttp, _chunks_aiohttp,
        aiohttp.SocketTimeoutError, (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError),
        aiohttp.ClientConnectionError,
    ),
    Library("urllib.request", _over_urllib, _chunks_urllib, TimeoutError, _STANDARD, urllib.error.URLError),
    Library("http.client", _over_http_client, _chunks_http_client, TimeoutError, _STANDARD, ConnectionError),
]  # fmt: skip
