"""``kirin-mock serve``: one server in the foreground."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from mock_server.core.errors import MissingExtra, UsageError
from mock_server.core.folders import require_folder
from mock_server.core.version import __version__
from mock_server.settings import Settings
from mock_server.web.app import Built, create_app
from mock_server.web.control.conformance import verdicts_of
from mock_server.web.serving import LiveServer, listen, listening_url, url_of

if TYPE_CHECKING:
    from mock_server.conformance.report import Verdicts
    from mock_server.web.interception.proxy import Proxy


def serve(settings: Settings) -> int:
    """Serve until interrupted."""
    prepare(settings)
    code = 0
    for ending in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, ending, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup asks to go on
            signal.signal(number, _interrupt)
    try:
        with contextlib.ExitStack() as stack:
            listening = stack.enter_context(listen(settings))
            url = url_of(settings, listening)
            proxy = _proxy(settings, listening_url(listening), stack)
            spare_the_collector()
            built = create_app(settings, stand_in=proxy.stand_in if proxy is not None else None)
            server = LiveServer(
                built,
                lambda: print(_block(settings, url, proxy), flush=True),
                interceptor=proxy.interceptor if proxy is not None else None,
            )
            try:
                server.run(sockets=[listening])
            finally:
                code = conclude(settings, built)
    except KeyboardInterrupt:
        print("stopped", flush=True)
    return code


def prepare(settings: Settings) -> None:
    """Set up logging, and see that what is to be written can be. Raises UsageError."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    if settings.log_format == "off":
        logging.getLogger("kirin-mock").setLevel(logging.ERROR)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # it logs each connection that it closes at the end
    require_folder(settings.media_dir, "--media-dir")
    if settings.conformance is not None:
        require_folder(str(Path(settings.conformance).absolute().parent), "the folder of --conformance")


def _proxy(settings: Settings, url: str, stack: contextlib.ExitStack) -> Proxy | None:
    """The proxy of ``--intercept``, if there is to be one."""
    if settings.intercept is None:
        if settings.intercept_host:
            raise UsageError("--intercept-host needs --intercept PORT, or kirin-mock run")
        return None
    from mock_server.web.interception.proxy import open_proxy

    return stack.enter_context(open_proxy(settings, url, os.environ))


def conclude(settings: Settings, built: Built) -> int:
    """Report the conformance of clients, where that was asked for; the exit code."""
    if settings.conformance is None and not settings.conformance_fail:
        return 0
    from mock_server.conformance.report import concluded

    clean = concluded(*judged(built), settings.conformance)
    return 1 if settings.conformance_fail and not clean else 0


def judged(built: Built) -> tuple[Verdicts, float]:
    """The verdicts on all clients of a server that has ended, and when they began."""
    import asyncio

    from mock_server.conformance.properties import Thresholds

    tenants = list(built.service.tenants.values())
    verdicts = asyncio.run(verdicts_of(built.service, tenants, Thresholds()))
    first_calls = [exchange.at for exchange in islice(built.service.unauthenticated, 1)]
    return verdicts, min([*(tenant.began_at for tenant in tenants), *first_calls], default=0.0)


def spare_the_collector() -> None:
    """What is here now stays; and a server full of tasks should not be searched through at every thousandth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _block(settings: Settings, url: str, proxy: Proxy | None) -> str:
    key = settings.api_key[0] if settings.api_key else "sk-test"
    shown_key = "$KEY" if settings.api_key else key
    keys = f"{len(settings.api_key)} accepted" if settings.api_key else "any key is accepted"
    without_video = (
        []
        if find_spec("av") is not None
        else [f"note  videos are tiny ones of one colour: {MissingExtra('rendering', 'video')}"]
    )
    return os.linesep.join(
        [
            *without_video,
            f"kirin-mock {__version__} on {url}  (timing {settings.timing}, clock {settings.speed.mode}, {keys})",
            f"docs  {url}/docs",
            f'try   curl -s {url}/model/v1/generation -H "Authorization: Bearer {shown_key}"'
            " -H 'Content-Type: application/json'"
            """ -d '{"model": "kirin_v1_t2v", "prompt": "A red apple on a table"}'""",
            *(_how_to_intercept(proxy) if proxy is not None else ()),
        ]
    )


def _how_to_intercept(proxy: Proxy) -> list[str]:
    return [
        f"proxy {proxy.url} stands in for {', '.join(proxy.interceptor.hosts.names)}",
        "      for a client, paste this into its shell:",
        *proxy.changes.exports(),
    ]
