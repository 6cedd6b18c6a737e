"""Endpoint: one model's API as data plus a few pure functions. ``endpoints/`` has one file for each model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from mock_server.contract import schema
from mock_server.contract.rules import Evidence, Json, Rule
from mock_server.contract.schema import Parameter
from mock_server.core.errors import Mistake
from mock_server.core.images import Limits, Picture
from mock_server.core.queue_words import ErrorType
from mock_server.lifecycle.timeline import Failure

Shape = Literal["flat", "data"]
Pictures = Mapping[str, Picture]


@dataclass(frozen=True, slots=True)
class Code:
    """One row of a model's table of error codes; ``error_type`` is what the queue side calls a task that fails with
    it (assumed).
    """

    code: str
    meaning: str
    source: str
    evidence: Evidence = "documented"
    error_type: ErrorType = "INFERENCE_FAILURE"


@dataclass(frozen=True)
class ErrorTable:
    """How a model answers mistakes: its documented codes, and which of them each kind of mistake gets."""

    codes: tuple[Code, ...]
    other: str
    by_mistake: Mapping[Mistake, str]
    generation_failed: str
    unauthenticated: str | None = None
    unavailable: str | None = None
    message_key: Literal["error_message", "message"] = "error_message"

    def code_of(self, mistake: Mistake) -> str:
        """The code a refused body gets."""
        return self.by_mistake.get(mistake, self.other)

    def error_type_of(self, code: str) -> ErrorType:
        """What the queue side calls a task that fails with a code."""
        if code == self.other:
            return "REQUEST_INVALID"
        return next((row.error_type for row in self.codes if row.code == code), "INFERENCE_FAILURE")

    def body(self, code: str, message: str) -> dict[str, Any]:
        """The ``error`` object of this model."""
        return {"code": code, self.message_key: message}


@dataclass(frozen=True, slots=True)
class ImageParameter:
    """Where a model takes an image: ``path`` leads there, ``*`` standing for each element of a list."""

    path: tuple[str, ...]
    limits: Limits


@dataclass(frozen=True, slots=True)
class ShotFormat:
    """One of several shots: its seconds, what happens in it, and its place as the request has it."""

    seconds: int
    prompt: str
    index: int


@dataclass(frozen=True, slots=True)
class ClipFormat:
    """What the document promises of the video: pixels, frames per second, seconds; ``title`` is what happens in it.
    ``first`` and ``last`` are the paths of the pictures it starts and ends on, ``together`` of those that are all to be
    seen; ``shots`` are there if there is more than one way to look.
    """

    width: int
    height: int
    fps: int
    seconds: int
    title: str
    first: str | None = None
    last: str | None = None
    together: tuple[str, ...] = ()
    shots: tuple[ShotFormat, ...] = ()
    sound: bool = False


class ContentOf(Protocol):
    """Builds one content item of the output: params, the task's id and the URL in, the item out."""

    def __call__(self, params: Json, task_id: str, url: str) -> dict[str, Any]:
        """Build it."""


@dataclass(frozen=True)
class Endpoint:
    """All that makes one model different from another. ``example`` is a set of parameters that shows what it is for,
    ``queue_content`` a content item as the older form of the queue protocol has it; ``foresee`` says whether a task is
    bound to fail, and ``foreseen`` with which codes, each with what makes it.
    """

    model: str
    short: str
    title: str
    summary: str
    shape: Shape
    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    errors: ErrorTable
    content: ContentOf
    content_schema: Json
    clip: Callable[[Json, Pictures], ClipFormat]
    images: tuple[ImageParameter, ...] = ()
    foresee: Callable[[Json, Pictures], Failure | None] = lambda _params, _pictures: None
    foreseen: tuple[tuple[str, str], ...] = ()
    example: Json = field(default_factory=dict)
    queue_content: Callable[[dict[str, Any]], dict[str, Any]] = lambda item: item
    facts: tuple[tuple[str, str, Evidence], ...] = ()

    @cached_property
    def params_schema(self) -> dict[str, Any]:
        """The bare parameters with their rules, as published."""
        return schema.params_schema(self.parameters, self.rules)

    @cached_property
    def always(self) -> dict[str, Any]:
        """The rules that apply to every body, as one fragment over the bare parameters."""
        return schema.anchored(self.rules)

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """The parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}


def failed_body(endpoint: Endpoint, code: str, message: str) -> dict[str, Any]:
    """A task failure, as a refused submit answers it."""
    return {"status": "failed", "error": endpoint.errors.body(code, message)}
