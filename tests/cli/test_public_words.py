"""The public words are the field's own: no private word of earlier versions stands in help texts, settings, published
contracts, answers of the control API, class names, headings and the README.
"""

import argparse
import ast
import json
import re

import httpx
import pytest

from mock_server import MockServer
from mock_server.cli.main import main, parser
from mock_server.settings import Settings
from tests.core.test_packaging import ROOT

#: Private words, as they stand in names: ``world_of``, ``WorldView`` and ``worlds`` have them all alike.
IN_NAMES = frozenset(
    """
    world worlds desk stage talk making scene scenes coded stranger strangers deed deeds news tells telling told course
    draw book advice ways wording gallery visit studio pose conduct sheet hold held profile profiles hand door met
    drawing pipes story played ran said heard unfit script scripts refused wrong rests
    """.split()  # noqa: SIM905 - a table of words
)
#: Private words and phrases in sentences.
IN_SENTENCES = re.compile(
    r"\b(worlds?|desks?|strangers?|deeds?|news|gallery|studio|tells of|told|held|conduct(s|ed)?|rests on|scripts?|"
    r"profiles?|max-hold|good for|is good|optional part|for ever|in vain|whoever|mend(s|ed)?|bears?|gives? up|"
    r"refuse[sd]?|by default any|bears the name of|in place of)\b",
    re.IGNORECASE,
)

#: Names that stay, and why.
ALLOWED_NAMES = {
    "hold": "a key of scenarios, as tasks have /hold in the control API's document",
    "story": "the key of a scenario that says what it is for",
    "said": "what an adapter answers, in version 1 of its protocol",
    "wrong": "the beginning of the names of faults that give a wrong length or a wrong type",
    "Scene": "a scene of a video",
}


def private_parts(name):
    """The private words that a name is made of."""
    parts = {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    return set() if name in ALLOWED_NAMES else (parts & IN_NAMES) - set(ALLOWED_NAMES)


def private_words(text):
    """The private words and phrases of a text; those of code in it are for others to find."""
    return sorted({found[0].lower() for found in IN_SENTENCES.finditer(text)})


def helps(one):
    """The help of a parser and of all below it, by their commands."""
    yield one.prog, one.format_help()
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in dict.fromkeys(action.choices.values()):
                yield from helps(below)


HELPS = dict(helps(parser()))


def test_all_commands_are_looked_at():
    assert {"kirin-mock serve", "kirin-mock verify client", "kirin-mock scenarios show"} <= set(HELPS)


@pytest.mark.parametrize("command", HELPS)
def test_no_help_has_a_private_word(command):
    assert private_words(HELPS[command]) == []


@pytest.mark.parametrize("name", Settings.model_fields)
def test_no_setting_has_a_private_word(name):
    assert private_parts(name) == set()
    assert private_words(Settings.model_fields[name].description) == []


def fields_of(value):
    """The names of all fields that a JSON Schema or an OpenAPI document describes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "properties" and isinstance(inner, dict):
                yield from inner
            yield from fields_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from fields_of(inner)


@pytest.mark.parametrize("name", ["scenarios.schema.json", "adapter.schema.json", "openapi.json"])
def test_no_field_of_a_published_contract_has_a_private_word(name):
    fields = set(fields_of(json.loads((ROOT / "contracts" / name).read_text("utf-8"))))
    assert len(fields) > 10
    assert {field for field in fields if private_parts(field)} == set()


#: Below these stand what clients sent and got, and what scenarios and faults are called.
NOT_OURS = frozenset({"body", "answer", "headers", "request", "metadata", "library", "does"})


def keys_of(value):
    """The names of all fields of an answer that are ours."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in NOT_OURS:
                yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


SHOWN = (
    "health",
    "clock",
    "tasks",
    "tasks/{task}",
    "callbacks",
    "account",
    "requests",
    "history",
    "conformance",
    "inbox/news",
    "scenarios",
    "scenarios/explain?task={task}",
)


@pytest.fixture(scope="module")
def driven():
    """The answers of the control API of a server that was used, by their paths."""
    with MockServer(speed="manual", timing="instant", media="tiny") as kirin:
        headers = {"Authorization": f"Bearer {kirin.api_key}"}
        with httpx.Client(base_url=kirin.url, headers=headers, trust_env=False) as client:
            rule = {"name": "slow", "match": {"tenant": "sk-*", "nth": 1}, "faults": [{"fault": "late", "times": 1}]}
            answers = {"post": client.post("/_mock/scenarios", json=rule).json()}
            body = {"model": "kirin_v1_t2v", "prompt": "A", "callback_url": f"{kirin.url}/_mock/inbox/news"}
            task = client.post("/model/v1/generation", json=body).json()["id"]
            client.post("/model/v1/generation", json={"model": "kirin_v1_t2v"})
            answers["advance"] = client.post("/_mock/clock/advance", json={"seconds": 400}).json()
            for path in SHOWN:
                answer = client.get(f"/_mock/{path.format(task=task)}")
                assert answer.status_code == 200, answer.text
                answers[path] = answer.json()
        return answers


@pytest.mark.parametrize("path", ["post", "advance", *SHOWN])
def test_no_field_of_the_control_api_has_a_private_word(path, driven):
    keys = set(keys_of(driven[path]))
    assert keys
    assert {key for key in keys if private_parts(key)} == set()


REPORTS = {
    "client": ["verify", "client", "mock_server.verify.client.reference_clients.light:Light", "--cases", "3"],
    "server": ["verify", "server", "--models", "kirin_v1_t2v", "--only", "prompt has 2500"],
}


@pytest.mark.parametrize("kind", REPORTS)
def test_no_field_of_a_report_has_a_private_word(kind, tmp_path):
    report = tmp_path / "report.json"
    assert main([*REPORTS[kind], "--json", str(report)]) == 0
    keys = set(keys_of(json.loads(report.read_text("utf-8"))))
    assert len(keys) > 8
    assert {key for key in keys if " " not in key and private_parts(key)} == set()


def class_names():
    """The classes of the package by their files."""
    for file in sorted((ROOT / "mock_server").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield file.relative_to(ROOT).as_posix(), node.name


def test_no_class_has_a_private_word_for_a_name():
    names = list(class_names())
    assert len(names) > 200
    assert [(file, name) for file, name in names if private_parts(name)] == []


def prose_of(page):
    """A page of Markdown without its code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE))


def headings():
    """The headings of all documents, with their files."""
    for file in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        name = file.relative_to(ROOT).as_posix()
        for heading in re.findall(r"^#+ .*$", prose_of(file.read_text("utf-8")), re.MULTILINE):
            yield name, heading


def test_no_heading_of_a_document_has_a_private_word():
    found = list(headings())
    assert len(found) > 50
    assert [(name, heading) for name, heading in found if private_words(heading)] == []


def test_the_readme_has_no_private_word():
    assert private_words(prose_of((ROOT / "README.md").read_text("utf-8"))) == []


TWINS = {
    "a class": (private_parts, "WorldView"),
    "a field": (private_parts, "tells_of"),
    "a flag": (private_words, "--max-hold HOLD"),
    "a sentence": (private_words, "a key that is good for one hour"),
    "a heading": (private_words, "## What is refused"),
    "an upper case": (private_words, "Scripts of what can happen"),
}


@pytest.mark.parametrize("kind", TWINS)
def test_a_private_word_is_found(kind):
    look, text = TWINS[kind]
    assert look(text)


@pytest.mark.parametrize("name", ["Scene", "WrongLength", "tenant", "hold", "occurred_at", "holdings"])
def test_other_names_are_let_pass(name):
    assert private_parts(name) == set()


def test_code_in_a_document_is_let_pass():
    page = "Say `--profile`.\n\n```console\n$ kirin-mock serve --profile fast\n```\n\nThe rest.\n"
    assert private_words(prose_of(page)) == []
    assert private_words(page) == ["profile"]
