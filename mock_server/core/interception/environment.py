"""What a client's environment must say, so that its calls come to the proxy and it trusts what answers there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mock_server.core.interception.trust import OTHER_TRUST_VARIABLES, TRUST_VARIABLES

#: Hosts that are reached directly: this machine.
DIRECT = "localhost,127.0.0.1,::1"
#: For Node.js without a proxy of its own; a newer one finds that there is nothing to do.
NODE_MODULE = Path(__file__).with_name("node_proxy.cjs")

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_PROXY_VARIABLE = re.compile(r"(no_?)?((https?|all|ftp|wss?|socks[45]?|grpc|rsync)_)?proxy", re.IGNORECASE | re.ASCII)
#: The same, of single programs, which heed them before those of all: replaced where they are set.
_OTHER_PROXY_VARIABLE = re.compile(
    r"(?:npm_config|pnpm_config|yarn|global_agent|pip|uv|cargo|bundle|cgi)_(no_?)?(?:https?_)?proxy",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is set in an environment, and what is taken out of it."""

    set: Mapping[str, str]
    removed: tuple[str, ...]

    def of(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment with the changes made."""
        kept = {name: value for name, value in environment.items() if name not in self.removed}
        return {**kept, **self.set}

    def exports(self) -> Iterator[str]:
        """Lines for a POSIX shell that make the changes."""
        if self.removed:
            yield f"unset {' '.join(sorted(self.removed))}"
        for name, value in self.set.items():
            yield f"export {name}={shlex.quote(value)}"


def changes(proxy_url: str, own_url: str, trusted: Path, environment: Mapping[str, str]) -> Changes:
    """What a client of the proxy needs. Its own variables that would lead around the proxy are replaced or removed;
    ``own_url`` is given as KIRIN_MOCK_URL, for control calls.
    """
    made = {form: proxy_url for name in _PROXIES for form in (name, name.lower())}
    made |= {"NO_PROXY": DIRECT, "no_proxy": DIRECT}
    made |= dict.fromkeys(TRUST_VARIABLES, str(trusted))
    made |= {name: str(trusted) for name in OTHER_TRUST_VARIABLES if environment.get(name)}
    for name in environment:
        if (found := _OTHER_PROXY_VARIABLE.fullmatch(name)) is not None:
            made[name] = DIRECT if found[1] else proxy_url
    made["NODE_USE_ENV_PROXY"] = "1"
    made["NODE_OPTIONS"] = _with_module(environment.get("NODE_OPTIONS", ""))
    made["KIRIN_MOCK_URL"] = own_url
    return Changes(made, tuple(_leading_around(environment, made)))


def _with_module(options: str) -> str:
    """NODE_OPTIONS with the module that is loaded first."""
    escaped = re.sub(r'(["\\])', r"\\\1", str(NODE_MODULE))
    wanted = f'--require="{escaped}"'
    return options if wanted in options else f"{wanted} {options}".rstrip()


def _leading_around(environment: Iterable[str], made: Mapping[str, str]) -> Iterator[str]:
    return (name for name in environment if _PROXY_VARIABLE.fullmatch(name) is not None and name not in made)
