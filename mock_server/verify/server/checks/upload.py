"""Uploads: a file is kept byte for byte below an absolute URL, which is good for an image; and the list of models,
which is filtered and has pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from mock_server.contract.endpoint import Endpoint
from mock_server.models import discover
from mock_server.verify.server.bodies import Bodies
from mock_server.verify.server.case import Case, Problem, Tried
from mock_server.verify.server.checks.common import (
    Asked,
    Json,
    Material,
    about,
    body_of,
    gateway_problems,
    task_of,
    told,
)
from mock_server.verify.server.checks.discovery import LIST, SKILL, data_of, models_of
from mock_server.verify.server.pictures import jpeg, png
from mock_server.verify.server.samples import put
from mock_server.verify.server.target import Exchange, NotExercised, Target

UPLOADS, LISTS, MONEY = "keeps uploads", "lists its models", "shows the balance"
FILES = "/api/v1/storage/files"
_EDGE = "verify-7d1f5b0c-edge"

#: What is uploaded: a name, a type and content.
SENT: tuple[tuple[str, str, bytes], ...] = (
    ("lake.png", "image/png", png(320, 320)),
    ("lake.jpg", "image/jpeg", jpeg(320, 320)),
    ("see in the mist.jpeg", "image/jpeg", jpeg(300, 300)),
    ("漁火 (2).png", "image/png", png(300, 300)),
    ("\r\n--.png".replace("\r\n", "-"), "image/png", png(301, 300) + b"\r\n--" + _EDGE.encode()[:-1]),
)
#: So many pages are looked at.
MOST_PAGES = 50

#: Filters of the list: a query, and whether it finds these models.
FILTERS: tuple[tuple[str, bool], ...] = (
    ("page_size=500", True), ("page_size=1000", True), ("page_size=5000", True), ("page_size=500&page=1", True),
    ("page_size=500&type=video", True), ("page_size=500&type=VIDEO", True), ("page_size=500&type=Video", True),
    ("page_size=500&type=image", False), ("page_size=500&type=audio", False),
    ("page_size=500&provider=kuaishou", True), ("page_size=500&provider=Kuaishou", True),
    ("page_size=500&provider=nobody-of-that-name", False), ("page_size=500&keywords=kling", True),
    ("page_size=500&keywords=KLING", True), ("page_size=500&keywords=no-such-words", False),
    ("page_size=500&page=2000", False), ("page_size=500&keywords=kling&provider=kuaishou&type=video", True),
    ("page_size=500&keywords=kling&type=image", False),
)  # fmt: skip


def cases(material: Material) -> Iterator[Case]:
    """The cases."""
    yield Case(
        "gateway/upload", UPLOADS, "gateway", ("upload",), "an upload is served back by its URL (wire#3)",
        2 * len(SENT), 0.0, _upload, every=True,
    )  # fmt: skip
    yield Case(
        "gateway/upload/wrong", UPLOADS, "gateway", ("upload 400", "upload 415"),
        "an upload without a file is 400, another type 415 (wire#4)", 3, 0.0, _no_upload,
    )  # fmt: skip
    for query, finds in FILTERS:
        yield Case(
            f"gateway/list/{query}", LISTS, "gateway", ("list filters",),
            "type and provider compare without case, keywords match display names (wire#3)", 1, 0.0,
            _filtered(query, finds=finds),
        )  # fmt: skip
    yield Case("gateway/list/pages", LISTS, "gateway", ("list pages",), "the list has pages (wire#3)", 8, 0.0, _pages)
    yield Case("gateway/search", LISTS, "gateway", ("search filters",), "a search filters (wire#3)", 4, 0.0, _search)
    yield Case(
        "gateway/balance",
        MONEY,
        "gateway",
        ("balance",),
        "money is written as decimal strings (wire#3)",
        1,
        0.0,
        _balance,
    )
    for model, endpoint in material.endpoints.items():
        if endpoint.images:
            bodies = material.bodies[model]
            yield Case(
                f"{endpoint.short}/upload", UPLOADS, model, (f"upload {model}",),
                "the URL of an upload is valid as an image URL (wire#3)", 3, 2 * bodies.cost(bodies.cheapest),
                _as_image(endpoint, bodies),
            )  # fmt: skip


def uploaded(target: Target, name: str, kind: str, content: bytes, field: str = "file") -> Exchange:
    """Upload one file."""
    head = f'--{_EDGE}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    head += f"Content-Type: {kind}\r\n\r\n"
    body = head.encode() + content + f"\r\n--{_EDGE}--\r\n".encode()
    return target.call("POST", FILES, content=body, content_type=f"multipart/form-data; boundary={_EDGE}")


def _url(exchange: Exchange) -> str:
    url = data_of(exchange).get("url")
    return url if isinstance(url, str) else ""


def _upload(target: Target) -> Iterator[Problem]:
    seen: set[str] = set()
    for name, kind, content in SENT:
        exchange = uploaded(target, name, kind, content)
        url, asked = _url(exchange), Asked("file", name)
        if not urlsplit(url).netloc:
            yield from about([Problem(f"an upload gives no absolute URL: {told(exchange)}", exchange)], asked)
            continue
        if url in seen:
            yield from about([Problem(f"two uploads have one URL: {url}", exchange)], asked)
        seen.add(url)
        answer = target.fetched(url)
        if answer is None or answer.status != 200:
            status = "nothing" if answer is None else answer.status
            yield from about([Problem(f"the URL of an upload, {url}, answers {status}", exchange)], asked)
        elif answer.content != content:
            says = f"{url} serves {len(answer.content)} bytes; the {len(content)} bytes that were sent were due"
            yield from about([Problem(says, exchange)], asked)
        elif answer.headers.get("content-type", "").partition(";")[0].strip() != kind:
            says = f"{url} is served as {answer.headers.get('content-type')!r}; {kind} was due"
            yield from about([Problem(says, exchange)], asked)


def _no_upload(target: Target) -> Iterator[Problem]:
    exchange = uploaded(target, "a.png", "image/png", b"x", field="other")
    yield from about(gateway_problems(exchange, 400, 40001), Asked("file", "is missing"))
    exchange = target.call("POST", FILES, {"file": "x"})
    yield from about(gateway_problems(exchange, 415, 41501), Asked("Content-Type", "application/json"))


def _as_image(endpoint: Endpoint, bodies: Bodies) -> Tried:
    path = tuple(0 if step == "*" else step for step in endpoint.images[0].path)

    def tried(target: Target) -> Iterator[Problem]:
        url = _url(uploaded(target, "lake.png", "image/png", png(320, 320)))
        if not url:
            raise NotExercised("an upload gives no URL")
        start = bodies.samples.having(path)[0]
        exchange = target.submit(endpoint, put(start, path, lambda _: url))
        if not task_of(exchange):
            yield Problem(f"the URL of an upload, {url}, is rejected as an image: {told(exchange)}", exchange)

    return tried


def _filtered(query: str, *, finds: bool) -> Tried:
    def tried(target: Target) -> Iterator[Problem]:
        exchange = target.call("GET", f"{LIST}?{query}")
        known = [one.get("id") for one in models_of(exchange)]
        wrong = [model for model in discover() if (model in known) is not finds]
        if exchange.status != 200 or wrong:
            says = f"{'lacks' if finds else 'has'} {', '.join(wrong)}" if wrong else f"is {told(exchange)}"
            yield from about([Problem(f"the list {says}", exchange)], Asked("list", query))

    return tried


def _pages(target: Target) -> Iterator[Problem]:
    """Pages of two have every model once, and say how many there are."""
    first = target.call("GET", f"{LIST}?page=1&page_size=2&keywords=kling&type=video")
    data = data_of(first)
    total, pages = data.get("total"), data.get("total_pages")
    if not isinstance(total, int) or not isinstance(pages, int) or not _counts(data, total, pages):
        yield Problem(
            f"page 1 of 2 models each has a total, its number and size, and total_pages: {told(first)}", first
        )
        return
    found = [one.get("id") for one in models_of(first)]
    for page in range(2, min(pages, MOST_PAGES) + 1):
        exchange = target.call("GET", f"{LIST}?page={page}&page_size=2&keywords=kling&type=video")
        found += [one.get("id") for one in models_of(exchange)]
        if data_of(exchange).get("page") != page:
            yield Problem(f"page {page} says that it is page {data_of(exchange).get('page')!r}", exchange)
    lacking = pages <= MOST_PAGES and (len(found) != total or set(discover()) - set(found))
    if lacking or len(set(found)) != len(found):
        yield Problem(f"{pages} pages have {found}; {total} models, each once, were due", first)


def _counts(data: Json, total: int, pages: int) -> bool:
    return pages == -(-total // 2) and (data.get("page"), data.get("page_size")) == (1, 2)


def _search(target: Target) -> Iterator[Problem]:
    for query, finds in (
        ("q=kling&limit=100", True), ("q=KIRIN&output=Video&limit=100", True), ("q=no-such-words&limit=100", False),
        ("q=kling&output=audio&limit=100", False),
    ):  # fmt: skip
        exchange = target.call("GET", f"{SKILL}/search?{query}")
        hits = body_of(exchange).get("hits")
        known = [one.get("name") for one in hits if isinstance(one, dict)] if isinstance(hits, list) else []
        wrong = [model for model in discover() if (model in known) is not finds]
        if exchange.status != 200 or wrong:
            says = f"the search {'does not find' if finds else 'finds'} {', '.join(wrong)}: {told(exchange)}"
            yield from about([Problem(says, exchange)], Asked("search", query))


def _balance(target: Target) -> Iterator[Problem]:
    exchange = target.call("GET", "/api/v1/user/balance")
    data: Json = data_of(exchange)
    for name in ("balance", "total_recharged", "credit_limit", "arrears", "available_balance"):
        value = data.get(name)
        if not isinstance(value, str) or not value.lstrip("-").replace(".", "", 1).isdigit():
            yield from about(
                [Problem(f"it is {value!r}; a decimal string was due", exchange)], Asked(name, "of the balance")
            )
    for name in ("user_id", "currency", "billing_mode"):
        if not isinstance(data.get(name), str) or not data[name]:
            yield from about(
                [Problem(f"it is {data.get(name)!r}; a text was due", exchange)], Asked(name, "of the balance")
            )
