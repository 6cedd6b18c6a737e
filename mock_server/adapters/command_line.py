r"""Lets a command line be verified: one command submits, one polls, and templates say how to call them.

    kirin-mock verify client -- python -m mock_server.adapters.command_line \
        --submit 'mycli submit {model} --params {params}' --poll 'mycli status {id}'

A template is split into words as a shell would; then each word has its placeholders filled in. What a command prints on
its standard output is to be JSON, in which paths find what matters.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess  # noqa: S404 - running the user's own commands is what this is for
import sys
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from mock_server.adapters.stdio import serve
from mock_server.verify.client.kit import Intent, Kit, Outcome

PLACEHOLDERS = ("model", "params", "body", "external_id", "id", "base_url", "api_key", "callback_url")
_PLACEHOLDER = re.compile(r"(?<![%$])\{([a-z_]+)\}")


def values(answer: Any, path: str) -> Iterator[Any]:
    """All that a path such as ``output.*.content.*.url`` leads to."""
    name, _, rest = path.partition(".")
    if name == "*":
        inner = answer if isinstance(answer, list) else []
    else:
        inner = [answer[name]] if isinstance(answer, dict) and name in answer else []
    for one in inner:
        yield from values(one, rest) if rest else [one]


def first_text(answer: Any, paths: str) -> str | None:
    """The first text or number that one of the paths, separated by ``|``, leads to."""
    found = (one for path in paths.split("|") for one in values(answer, path) if isinstance(one, str | int))
    return next((str(one) for one in found), None)


class CommandLine:
    """A user who types the commands: submits once, and polls every so often."""

    def __init__(self, kit: Kit, options: argparse.Namespace) -> None:
        self._kit = kit
        self._options = options
        self._filled: dict[str, str] = {}

    def run(self, intent: Intent, deadline: float) -> Outcome:
        """See Adapter."""
        kit = self._kit
        ends_by = kit.now() + deadline
        external_id = uuid.uuid4().hex
        own = {"external_task_id": external_id, **({"callback_url": kit.callback_url} if intent.with_callbacks else {})}
        body = {"model": intent.model, "input": [{"params": {**intent.params, **own}}]}
        self._filled = {
            "model": intent.model,
            "params": json.dumps(dict(intent.params), ensure_ascii=False),
            "body": json.dumps(body, ensure_ascii=False),
            "external_id": external_id,
            "base_url": kit.base_url,
            "api_key": kit.api_key,
            "callback_url": kit.callback_url,
        }
        answer = self._typed(self._options.submit)
        task_id = first_text(answer, self._options.id)
        if task_id is None:
            code = first_text(answer, self._options.code)
            said = first_text(answer, self._options.message)
            return Outcome("gave_up") if code is None else Outcome("rejected", code=code, message=said)
        self._filled["id"] = task_id
        return self._followed(ends_by)

    def _followed(self, ends_by: float) -> Outcome:
        while self._kit.now() + self._options.every < ends_by:
            self._kit.sleep(self._options.every)
            answer = self._typed(self._options.poll)
            status = first_text(answer, self._options.status)
            if status == self._options.completed:
                urls = [str(url) for url in values(answer, self._options.urls)]
                cost = first_text(answer, self._options.cost)
                return Outcome("completed", first_text(answer, self._options.id), urls, cost=cost)
            if status == self._options.failed:
                code, said = (first_text(answer, path) for path in (self._options.code, self._options.message))
                return Outcome("failed", first_text(answer, self._options.id), code=code, message=said)
        return Outcome("timeout")

    def _typed(self, template: str) -> Any:
        """What a command prints; None when it is no JSON."""
        words = [_filled_in(word, self._filled) for word in shlex.split(template)]
        own = {"KIRIN_BASE_URL": self._kit.base_url, "KIRIN_API_KEY": self._kit.api_key}
        done = subprocess.run(  # noqa: S603 - as above
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={**os.environ, **own}, check=False
        )
        try:
            return json.loads(done.stdout)
        except ValueError:
            return None


def _filled_in(word: str, filled: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: filled.get(found[1], found[0]), word)


def _template(value: str) -> str:
    """A template whose program is there and whose placeholders are known."""
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: {value!r}") from None
    if not words or ("{" not in words[0] and shutil.which(words[0]) is None):
        raise argparse.ArgumentTypeError(f"there is no program {words[0] if words else value!r}")
    for name in _PLACEHOLDER.findall(value):
        if name not in PLACEHOLDERS:
            raise argparse.ArgumentTypeError(f"{{{name}}} is no placeholder; they are {', '.join(PLACEHOLDERS)}")
    return value


def options_of(arguments: list[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m mock_server.adapters.command_line",
        description="An adapter for a command line. Placeholders: " + ", ".join(f"{{{name}}}" for name in PLACEHOLDERS),
        epilog="KIRIN_BASE_URL and KIRIN_API_KEY are in the environment of both commands. Placeholders need no quotes "
        "of their own. A PATH leads into what a command prints: names with dots between them, * for each of a list, | "
        "between two paths of which the first that leads anywhere counts. Nothing is tried again, and no HTTP status "
        "is seen: what the commands print is all there is.",
        allow_abbrev=False,
    )
    parser.add_argument("--submit", metavar="TEMPLATE", type=_template, required=True, help="the command that submits")
    parser.add_argument(
        "--poll", metavar="TEMPLATE", type=_template, required=True, help="the command that asks how {id} stands"
    )
    parser.add_argument("--every", metavar="SECONDS", type=float, default=5.0, help="pause between polls; default 5")
    defaults = {
        "id": "id",
        "status": "status",
        "urls": "output.*.content.*.url",
        "cost": "usage.cost",
        "code": "error.code|status.error_code",
        "message": "error.error_message|error.message|status.message",
    }
    for name, path in defaults.items():
        parser.add_argument(f"--{name}", metavar="PATH", default=path, help=f"where {name} stands; default {path}")
    for word in ("completed", "failed"):
        parser.add_argument(f"--{word}", metavar="WORD", default=word, help=f"the status that means it; default {word}")
    return parser.parse_args(arguments)


def main() -> None:
    """Serve."""
    options = options_of(sys.argv[1:])
    serve(partial(CommandLine, options=options))


if __name__ == "__main__":
    main()
