r"""Lets a command line be verified: one command submits, one polls, and templates say how to call them.

    kirin-mock verify client -- python -m kirin_mock.adapters.command_line \
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

from mock_server.verify.client.adapters.stdio import serve
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


def all_texts(answer: Any, paths: str) -> list[str]:
    """All that the first of the paths leads to that leads anywhere."""
    found = ([str(one) for one in values(answer, path)] for path in paths.split("|"))
    return next((texts for texts in found if texts), [])


class CommandLine:
    """A user who types the commands: submits once, polls every so often, and fetches the result where that is a command
    of its own.
    """

    def __init__(self, kit: Kit, options: argparse.Namespace) -> None:
        self._kit = kit
        self._options = options
        self._filled: dict[str, str] = {}

    def run(self, intent: Intent, deadline: float) -> Outcome:
        """See Adapter."""
        kit = self._kit
        ends_by = kit.now() + deadline
        external_id = str(intent.params.get("external_task_id") or uuid.uuid4().hex)
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
        if task_id is None or self._has_error(answer):  # an error may name the call by an id as well
            code = first_text(answer, self._options.code)
            said = first_text(answer, self._options.message)
            return Outcome("gave_up") if code is None else Outcome("rejected", code=code, message=said)
        self._filled["id"] = task_id
        return self._followed(ends_by)

    def _followed(self, ends_by: float) -> Outcome:
        while self._kit.now() + self._options.every < ends_by:
            self._kit.sleep(self._options.every)
            answer = self._typed(self._options.poll)
            if self._says(answer, "completed") and not self._has_error(answer) and self._options.result:
                answer = self._typed(self._options.result)
            if self._says(answer, "failed") or (self._says(answer, "completed") and self._has_error(answer)):
                code, said = (first_text(answer, path) for path in (self._options.code, self._options.message))
                return Outcome("failed", first_text(answer, self._options.id), code=code, message=said)
            if self._says(answer, "completed"):
                urls = all_texts(answer, self._options.urls)
                cost = first_text(answer, self._options.cost)
                return Outcome("completed", first_text(answer, self._options.id), urls, cost=cost)
        return Outcome("timeout")

    def _says(self, answer: Any, word: str) -> bool:
        """Whether the status is one that means ``completed`` or ``failed``, in upper or lower case."""
        status = first_text(answer, self._options.status)
        wanted: str = getattr(self._options, word)
        return status is not None and status.lower() in wanted.lower().split("|")

    def _has_error(self, answer: Any) -> bool:
        return any(one for path in self._options.error.split("|") for one in values(answer, path))

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
        prog="python -m kirin_mock.adapters.command_line",
        description="An adapter for a command line. Placeholders: " + ", ".join(f"{{{name}}}" for name in PLACEHOLDERS),
        epilog="KIRIN_BASE_URL and KIRIN_API_KEY are in the environment of both commands. Placeholders need no quotes "
        "of their own. A PATH leads into what a command prints: names with dots between them, * for each of a list, | "
        "between two paths of which the first that leads anywhere counts. A task that is completed with an error has "
        "failed. Nothing is tried again, and no HTTP status "
        "is seen: what the commands print is all there is.",
        allow_abbrev=False,
    )
    parser.add_argument("--submit", metavar="TEMPLATE", type=_template, required=True, help="the command that submits")
    parser.add_argument(
        "--poll", metavar="TEMPLATE", type=_template, required=True, help="the command that asks how {id} stands"
    )
    parser.add_argument(
        "--result",
        metavar="TEMPLATE",
        type=_template,
        help="the command that fetches the result; the poll, if left out",
    )
    parser.add_argument("--every", metavar="SECONDS", type=float, default=5.0, help="pause between polls; default 5")
    defaults = {
        "id": "id|request_id",
        "status": "status",
        "error": "error",
        "urls": "outputs.*.url|output.*.content.*.url",
        "cost": "usage.cost",
        "code": "error.code|provider_error.code|error_type|status.error_code",
        "message": "error.error_message|error.message|error|status.message|detail",
    }
    for name, path in defaults.items():
        parser.add_argument(f"--{name}", metavar="PATH", default=path, help=f"where {name} stands; default {path}")
    for name, words in {"completed": "completed", "failed": "failed|cancelled|canceled"}.items():
        parser.add_argument(
            f"--{name}", metavar="WORD", default=words, help=f"the status that means it; default {words}, in any case"
        )
    return parser.parse_args(arguments)


def main() -> None:
    """Serve."""
    options = options_of(sys.argv[1:])
    serve(partial(CommandLine, options=options))


if __name__ == "__main__":
    main()
