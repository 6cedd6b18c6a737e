"""Scenarios from text: files in YAML or JSON, and the few words of a header or a marker. Every mistake is named by its
place and its line.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mock_server.contract.messages import nearest, path_text, shown
from mock_server.core.errors import ScenarioMistake
from mock_server.core.renamed import with_new_keys
from mock_server.scenarios.faults.every import CALL_FAULTS, CALLBACK_FAULTS
from mock_server.scenarios.faults.kinds import CallbackFault, CallFault
from mock_server.scenarios.model import Condition, Effects, Match, Scenario
from mock_server.scenarios.old_keys import FAULT_KEYS, as_written, with_new_names
from mock_server.scenarios.yaml12 import Lines, NotYaml, Place, parsed

MAX_SCENARIOS = 10_000
_FAULT_NAMES: dict[str, type[CallFault | CallbackFault]] = {
    **{str(one.__dataclass_fields__["fault"].default): one for one in CALL_FAULTS},
    **{str(one.__dataclass_fields__["fault"].default): one for one in CALLBACK_FAULTS},
}


@cache
def _adapter() -> TypeAdapter[Scenario]:
    return TypeAdapter(Scenario)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file."""
    schema = TypeAdapter(dict[str, list[Scenario]]).json_schema()
    scenario, defs = schema["additionalProperties"], schema["$defs"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenarios of kirin-mock",
        "type": "object",
        "additionalProperties": False,
        "required": ["scenarios"],
        "properties": {"scenarios": scenario},
        "$defs": defs,
    }


@dataclass(frozen=True, slots=True)
class Placed:
    """A scenario and where it stands, for messages; ``use_at`` is where it says ``use``."""

    scenario: Scenario
    at: Callable[[], str]
    use_at: Callable[[], str]


def read_text(text: str, named: str) -> list[Scenario]:
    """The scenarios of a file in YAML or JSON. Raises ScenarioMistake with the line."""
    return [placed.scenario for placed in read_placed(text, named)]


def read_placed(text: str, named: str) -> list[Placed]:
    """The same, with their places."""
    try:
        value, lines = parsed(text)
    except NotYaml as error:
        line = f", line {error.line}" if error.line is not None else ""
        raise ScenarioMistake(f"{named}{line}: {error}") from None
    return read_value(value, named, lines)


def read_value(value: Any, named: str, lines: Callable[[], Lines] = dict) -> list[Placed]:
    """The scenarios of a parsed file, which has one of them, or a list below ``scenarios``. Raises ScenarioMistake."""
    listed, prefix = _listed(value, named, lines)
    if len(listed) > MAX_SCENARIOS:
        raise ScenarioMistake(f"{named}: at most {MAX_SCENARIOS} scenarios, not {len(listed)}")
    found: list[Placed] = []
    names: set[str] = set()
    for place, one in enumerate(listed):
        at: Place = (*prefix, place) if prefix or isinstance(value, list) else ()
        scenario = _one(one, named, at, lines)
        if scenario.name in names:
            raise ScenarioMistake(f"{_where(named, at, lines)}: the name {scenario.name} is taken by one before it")
        names.add(scenario.name)
        found.append(Placed(scenario, partial(_where, named, at, lines), partial(_where, named, (*at, "use"), lines)))
    return found


def _listed(value: Any, named: str, lines: Callable[[], Lines]) -> tuple[list[Any], tuple[str, ...]]:
    if isinstance(value, dict) and "scenarios" in value:
        others = [key for key in value if key != "scenarios"]
        if others:
            told = f"{shown(others[0], quote=False)} does not belong beside scenarios"
            raise ScenarioMistake(f"{_where(named, (others[0],), lines)}: {told}")
        if not isinstance(value["scenarios"], list):
            told = f"scenarios must be a list, not {shown(value['scenarios'])}"
            raise ScenarioMistake(f"{_where(named, ('scenarios',), lines)}: {told}")
        return value["scenarios"], ("scenarios",)
    if isinstance(value, list):
        return value, ()
    if isinstance(value, dict):
        return [value], ()
    told = f"a scenario is an object with a name, or several below scenarios, not {shown(value)}"
    raise ScenarioMistake(f"{named}: {told}")


def _one(value: Any, named: str, at: Place, lines: Callable[[], Lines]) -> Scenario:
    try:
        return _adapter().validate_python(with_new_names(value))
    except ValidationError as invalid:
        error = _foremost(invalid)
    place = tuple(step for step in error["loc"] if not _is_tag(step, error["loc"]))
    name = value.get("name") if isinstance(value, dict) else None
    whose = f" (scenario {shown(name, quote=False)})" if isinstance(name, str) else ""
    place = as_written(value, place)
    raise ScenarioMistake(f"{_where(named, (*at, *place), lines)}{whose}: {_told(error, place)}")


_INCOMPLETE = {"missing", "missing_argument", "unexpected_keyword_argument", "float_type"}


def _foremost(invalid: ValidationError) -> Any:
    """Of several mistakes, which may be those of variants, the one that says most."""
    errors = invalid.errors(include_url=False)
    return min(errors, key=lambda error: (error["type"] != "value_error", error["type"] in _INCOMPLETE))


_TAG = re.compile(r"Uniform|LogNormal|\[key\]|(float|int|str|function-|literal\[|constrained|nullable|tuple).*")


def _is_tag(step: str | int, loc: Sequence[str | int]) -> bool:
    """Whether a step of pydantic's location is the name of a variant and no place in the file."""
    if isinstance(step, int):
        return False
    place = loc.index(step)
    variant = place > 1 and isinstance(loc[place - 1], int) and loc[place - 2] == "faults"
    return variant or _TAG.fullmatch(step) is not None


def _where(named: str, at: Place, lines: Callable[[], Lines]) -> str:
    known = lines()
    for size in range(len(at), -1, -1):
        if at[:size] in known:
            return f"{named}, line {known[at[:size]]}"
    return named


def _told(error: Any, place: Sequence[str | int]) -> str:
    """One mistake in words."""
    path = path_text(place) if place else "it"
    say = _SENTENCES.get(error["type"], _plainly)
    return say(path, place, error)


def _plainly(path: str, place: Sequence[str | int], error: Any) -> str:
    said = re.sub(r"^(Input|String|Value) should ", "must ", error["msg"])
    return f"{path}: {said[0].lower()}{said[1:]}, not {shown(error['input'])}"


def _not_valid(path: str, place: Sequence[str | int], error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{path}: {message}" if place else message


def _no_fault(path: str, place: Sequence[str | int], error: Any) -> str:
    given = error["input"].get("fault") if isinstance(error["input"], dict) else None
    if not isinstance(given, str):
        return f"{path}.fault is required: the name of a fault, one of {', '.join(_FAULT_NAMES)}"
    return f"{path}.fault: there is no fault {shown(given)}{nearest(given, _FAULT_NAMES)}"


def _no_number(path: str, place: Sequence[str | int], error: Any) -> str:
    if isinstance(error["input"], dict):
        return f"{path} must be seconds, {{uniform: [1, 3]}} or {{median: 2, sigma: 0.5}}"
    return _plainly(path, place, error)


_SENTENCES: dict[str, Callable[[str, Sequence[str | int], Any], str]] = {
    "unexpected_keyword_argument": lambda path, place, _: f"{path} is not known here{_known(place)}",
    "union_tag_invalid": _no_fault,
    "union_tag_not_found": _no_fault,
    "missing": lambda path, _place, _error: f"{path} is required",
    "dataclass_type": lambda path, _, error: f"{path} must be an object, not {shown(error['input'])}",
    "tuple_type": lambda path, _, error: f"{path} must be text or a list, not {shown(error['input'])}",
    "literal_error": lambda path, place, error: (
        f"{path} must be empty, missing, or a number of videos from 1 to 16, not {shown(error['input'])}"
        if place and place[-1] == "output"
        else _plainly(path, place, error)
    ),
    "too_long": lambda path, _, error: f"{path} has more than {error['ctx']['max_length']}, which is the most",
    "model_attributes_type": lambda path, _, error: (
        f"{path} must be an object with the name of a fault, such as {{fault: reset}}, not {shown(error['input'])}"
    ),
    "value_error": _not_valid,
    "float_type": _no_number,
    "string_pattern_mismatch": lambda path, _, error: (
        f"{path} must be letters, digits, dots and dashes, with at most one slash as in group/name, "
        f"not {shown(error['input'])}"
    ),
}


def _known(place: Sequence[str | int]) -> str:
    """A hint at the names known where a name is not."""
    owner: Any = {1: Scenario}.get(len(place))
    if len(place) == 2:
        owner = {"task": Effects, "match": Match}.get(str(place[0]))
    elif len(place) == 4 and place[1] == "params":
        owner = Condition
    if owner is None:
        return ""
    return nearest(str(place[-1]), [one.name for one in fields(owner)])


def read_words(text: str, named: str) -> Scenario | str:
    """What a header or a marker says: the name of a scenario, or a scenario of its own in words as
    ``fail=00200398 after=3s``. Raises ScenarioMistake.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        told = "a quotation mark is not closed, or a backslash ends it"
        raise ScenarioMistake(f"{named}: {told}: {shown(text)}") from None
    if len(words) == 1 and "=" not in words[0]:
        return words[0]
    said: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise ScenarioMistake(f"{named}: {shown(word)} is not said as name=value, such as fail=CODE or after=3s")
        if name in said:
            raise ScenarioMistake(f"{named}: {name} is said twice")
        said[name] = value
    if not said:
        raise ScenarioMistake(f"{named} is empty; it takes the name of a scenario, or words such as fail=CODE after=3s")
    if set(said) == {"scenario"}:
        return str(said["scenario"])
    return _of_words(said, named)


def _of_words(said: dict[str, str], named: str) -> Scenario:
    """The scenario that words describe: those that the fault has are the fault's, the others the task's."""
    if "fault" in said:
        said = with_new_keys(said, FAULT_KEYS, "faults[].")
    own = _fields_of_fault(said["fault"], named) if "fault" in said else set()
    known = own | {one.name for one in fields(Effects)} - {"fields"}
    for name in said:
        if name not in known:
            hint = nearest(name, [*sorted(known), "fault", "scenario"])
            raise ScenarioMistake(f"{named}: {shown(name, quote=False)} is not known{hint}")
    fault = {name: _value(name, value) for name, value in said.items() if name in own}
    task = {name: _value(name, value) for name, value in said.items() if name not in fault}
    try:
        return _adapter().validate_python({"name": _name_of(said), "task": task, "faults": [fault] if fault else []})
    except ValidationError as invalid:
        error = _foremost(invalid)
    place = [step for step in error["loc"] if not _is_tag(step, error["loc"]) and step not in {"task", "faults", 0}]
    raise ScenarioMistake(f"{named}: {_told(error, place)}")


def _fields_of_fault(name: str, named: str) -> set[str]:
    cls = _FAULT_NAMES.get(name)
    if cls is None:
        raise ScenarioMistake(f"{named}: there is no fault {shown(name)}{nearest(name, _FAULT_NAMES)}")
    return {one.name for one in fields(cls)}


def _name_of(said: Mapping[str, str]) -> str:
    """A name that the same words always have."""
    return f"in-words-{hashlib.blake2b(repr(sorted(said.items())).encode(), digest_size=4).hexdigest()}"


def _value(name: str, value: str) -> Any:
    """Lists are written with commas in words."""
    return value.split(",") if name in {"on", "events", "progress"} and value != "any" else value
