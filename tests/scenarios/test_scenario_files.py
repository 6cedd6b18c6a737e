"""Scenario files: read as they are written, read again when they change, refused by line, and warned about."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import jsonschema_rs
import pytest
import yaml

from mock_server import MockServer
from mock_server.cli.main import main
from mock_server.core.clock import pause
from mock_server.core.errors import UsageError
from mock_server.core.resources import resource
from tests.support.driving import BODIES, SUBMIT
from tests.support.scenario_users import DEADLINE, FileUser

ROOT = resource("contracts").parent
APPLE = BODIES[0]


def _rules(*names, match="{}"):
    return "scenarios:\n" + "".join(f"- name: {name}\n  match: {match}\n  task: {{after: 1}}\n" for name in names)


@pytest.fixture
def reading():
    """Makes a client of a server that reads a file or a folder."""
    with ExitStack() as stack:
        enter = stack.enter_context
        yield lambda path: enter(FileUser(enter(MockServer(speed="manual", scenarios=str(path)))))


FILES = {
    "rules.yaml": _rules("a", "b"),
    "rules.yml": "- name: a\n  match: {}\n  task: {after: 1}\n- {name: b, match: {}, task: {after: 1}}\n",
    "rules.json": json.dumps({"scenarios": [{"name": n, "match": {}, "task": {"after": 1}} for n in "ab"]}, indent=1),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_in_its_order_as_yaml_and_as_json(tmp_path, reading, name):
    (tmp_path / name).write_text(FILES[name])
    user = reading(tmp_path / name)
    assert user.names() == ["a", "b"]
    assert user.chosen() == "a"


def test_a_folder_is_read_whole_and_follows_files_that_come_and_go(tmp_path, reading):
    (tmp_path / "README.md").write_text("scenarios: [")
    (tmp_path / "one.json").write_text(FILES["rules.json"])
    for name in ("two.yaml", "three.yml"):
        (tmp_path / name).write_text(_rules(name))
    user = reading(tmp_path)
    assert set(user.names()) == {"a", "b", "two.yaml", "three.yml"}
    (tmp_path / "more.yaml").write_text(_rules("c"))
    user.until(lambda: "c" in user.names())
    (tmp_path / "one.json").unlink()
    user.until(lambda: set(user.names()) == {"c", "two.yaml", "three.yml"})


@pytest.mark.parametrize("way", ["written", "replaced", "reloaded"])
def test_a_file_that_changes_is_read_again(tmp_path, reading, way):
    path, other = tmp_path / "rules.yaml", tmp_path / "other"
    path.write_text(_rules("a", "b"))
    user = reading(path)
    changed = other if way == "replaced" else path
    changed.write_text(_rules("c"))
    changed.replace(path)
    assert way != "reloaded" or user.post("/_mock/scenarios/reload").status_code == 200
    user.until(lambda: user.files()["loads"] > 1)
    assert user.names() == ["c"]
    assert user.chosen() == "c"


def test_a_wrong_file_is_refused_with_line_and_reason_and_the_old_rules_stay(tmp_path, reading):
    path = tmp_path / "rules.yaml"
    path.write_text(_rules("a"))
    user = reading(path)
    for text, told in ((_rules("b") + "  tsak: {}\n", "line 5.*tsak"), ("scenarios: [", "line 1")):
        path.write_text(text)
        user.until(lambda told=told: re.search(f"rules.yaml, {told}", user.files()["mistake"] or ""))
        refused = user.post("/_mock/scenarios/reload")
        assert (refused.status_code, bool(re.search(f"rules.yaml, {told}", refused.text))) == (409, True)
        assert (user.names(), user.files()["loads"]) == (["a"], 1)
        assert user.chosen() == "a"
    path.unlink()
    user.until(lambda: "not there" in user.files()["mistake"])
    assert user.names() == ["a"]
    path.write_text(_rules("c"))
    user.until(lambda: user.names() == ["c"])
    assert user.files()["mistake"] is None


@pytest.mark.parametrize(
    ("name", "how", "kept"),
    [("a.yaml", "w", []), ("a.yaml", "a", ["old"]), ("a.yaml", "tee", []), ("b.yaml", "w", ["old"])],
)
def test_a_file_that_is_half_written_is_not_applied_until_it_is_closed(tmp_path, reading, name, how, kept):
    (tmp_path / "a.yaml").write_text(_rules("old"))
    user, path = reading(tmp_path if name == "b.yaml" else tmp_path / name), tmp_path / name
    half, rest = _rules("new1"), _rules("new2").removeprefix("scenarios:\n")
    half = half.removeprefix("scenarios:\n") if how == "a" else half
    with ExitStack() as stack:
        if how == "tee":
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
            file = stack.enter_context(subprocess.Popen(["/usr/bin/env", "tee", str(path)], **pipes)).stdin
        else:
            file = stack.enter_context(path.open(how))
        file.write(half)
        file.flush()
        user.until(lambda: path.read_text().endswith(half))
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert user.names() == ["old"]
            pause(0.02)
        file.write(rest)
    seen = []
    user.until(lambda: seen.append(user.names()) or seen[-1] != ["old"])
    assert sorted(seen[-1]) == ["new1", "new2", *kept]


def _generation(number):
    """Two rules, so that a mixture of two files can be told."""
    task = {"fields": {"generation": number}}
    rules = [{"name": f"{fruit}-{number}", "match": {"prompt": fruit}, "task": task} for fruit in ("apple", "pear")]
    return json.dumps({"scenarios": rules}, indent=1)


@pytest.mark.parametrize("reloaded", [True, False])
def test_no_request_is_lost_and_none_sees_two_files_while_the_file_is_rewritten(tmp_path, reading, reloaded):
    path = tmp_path / "rules.json"
    path.write_text(_generation(0))
    user = reading(path)
    ended, answered = threading.Event(), threading.Semaphore(0)

    def keep_submitting():
        answers = []
        with httpx.Client(base_url=user.base_url, headers=user.headers, trust_env=False, timeout=30) as client:
            while not ended.is_set():
                body = [APPLE, {**APPLE, "prompt": "A pear"}][len(answers) % 2]
                answers.append(client.post(SUBMIT, json=body))
                answered.release()
        return answers

    with ThreadPoolExecutor(3) as pool:
        clients = [pool.submit(keep_submitting) for _ in range(3)]
        try:
            for number in range(1, 51):
                path.write_text(_generation(number))
                assert not reloaded or user.post("/_mock/scenarios/reload").status_code == 200
                assert all(answered.acquire(timeout=DEADLINE) for _ in range(6))
            user.until(lambda: user.names() == ["apple-50", "pear-50"])
        finally:
            ended.set()
    for client in clients:
        generations = []
        for answer in client.result():
            assert answer.status_code == 200
            tried = user.explain(answer)["tried"]
            numbers = {int(rule["scenario"].split("-")[1]) for rule in tried}
            assert numbers == {answer.json()["generation"]}
            generations += numbers
        assert sorted(generations) == generations


def _check(capsys, path, text, *flags):
    path.write_text(text)
    code = main(["scenarios", "check", *flags, str(path)])
    return code, capsys.readouterr().err.strip()


def _one(key, *lines):
    """A rule with a block of its own, whose first line is the fifth."""
    return f"scenarios:\n- name: a\n  story: x\n  {key}:\n" + "".join(f"    {line}\n" for line in lines)


WRONG = {
    "a bracket": ("scenarios:\n- name: a\n  match: {model: [x}\n  task: {}\n", 3, "expected"),
    "a tab": ("scenarios:\n- name: a\n\ttask: {after: 1}\n", 3, "\\t"),
    "JSON": ('{"scenarios": [\n{"name": "a",\n "task": {"after" 1}}\n]}', 3, "expected"),
    "two documents": (_rules("a") + "---\n" + _rules("b"), 5, "document"),
    "a key beside scenarios": (_rules("a") + "rules: []\n", 5, "rules"),
    "scenarios as an object": ("# rules\n\nscenarios: {a: 1}\n", 3, "scenarios"),
    "no object": ("scenarios:\n- name: a\n- hello\n", 3, "hello"),
    "null": ("scenarios:\n- name: a\n-\n", 3, "null"),
    "no name": ("scenarios:\n- name: a\n- match: {}\n", 3, "name"),
    "a name with a space": ("scenarios:\n- name: a\n- name: b c\n", 3, "b c"),
    "a name twice": (_rules("a", "b", "a"), 8, "a is taken"),
    "an alias": ("scenarios:\n- name: a\n  match: &all {}\n- name: b\n  match: *all\n", 5, "alias"),
    "a key twice": (_one("task", "after: 1", "queued: 1", "after: 2"), 7, "after"),
    "a key of a condition": (_one("match", "params:", "  mode:", "    like: pro"), 7, "like"),
    "present as a word": (_one("match", "params:", "  mode: {present: maybe}"), 6, "present"),
    "an empty one_of": (_one("match", "params:", "  mode: {one_of: []}"), 6, "one_of"),
    "two conditions": (_one("match", "params:", "  mode: {glob: a, contains: b}"), 6, "exactly one"),
    "no path": (_one("match", "params:", "  mode: pro", "  'a[x]': 1"), 7, "a[x]"),
    "a key of a length": (_one("task", "queued: 1", "running: {mean: 3}"), 6, "running"),
    "a fault that is none": (_one("faults", "- fault: latencyy"), 5, "latencyy"),
    "a fault without its kind": (_one("faults", "- on: poll"), 5, "fault"),
    "a fault without its key": (_one("faults", "- fault: latency"), 5, "seconds"),
}
for _line in (
    "modle: x", "nth: third", "nth: true", "times: 0", "every: -1", "params: [mode]", "model: {}", "prompt: ''",
):  # fmt: skip
    WRONG[_line] = (_one("match", _line), 5, _line.split(":")[0])
for _line in (
    "fial: x1", "fail: [x]", "fail: x1,after=3s", "fields: [x]", "progress: 0.5", "progress: [0.1, 2]", "after: soon",
    "queued: -3", "after: .inf", "hold: 100%", "output: three", "output: 0", "output: 17", "status_word: ''",
    "running: {uniform: [20, 10]}", "running: {uniform: [1]}", "running: {median: 2, sigma: -1}", "refuse: {}",
):  # fmt: skip
    WRONG[_line] = (_one("task", _line), 5, _line.split(":")[0])
for _line in (
    "secs: 1", "seconds: 1", "on: [poll, polls]", "chance: 120%", "skip: -1", "every: 0", "times: 0", "when: later",
):  # fmt: skip
    WRONG[f"reset {_line}"] = (_one("faults", "- fault: reset", f"  {_line}"), 6, _line.split(":")[0])
for _line, _word in {
    "tsak: {}": "tsak", "match: []": "match", "task: [1]": "task", "faults: {fault: reset}": "faults",
    "source: 5": "source", "task: {refuse: '40201', fail: x1}": "rejected", "task: {fail: x1, at: 140%}": "at",
    "task: {refuse: '40201', hold: 10%}": "rejected", "task: {fail: x1, at: 10%, after: 3}": "after",
    "task: {running: 1, after: 3}": "after", "task: {at: 10%}": "at", "task: {message: hi}": "message",
    "match: {nth: 2, once: true}": "nth", "match: {nth: 2, every: 2}": "nth", "match: {times: 2, once: true}": "once",
    "use: nobody": "nobody", "use: a": "itself", "use: 5": "use",
}.items():  # fmt: skip
    WRONG[_line] = (f"scenarios:\n- name: a\n  story: x\n  {_line}\n", 4, _word)


@pytest.mark.parametrize("case", WRONG)
def test_check_names_the_line_and_the_mistake(tmp_path, capsys, case):
    (text, line, word), path = WRONG[case], tmp_path / "rules.yaml"
    for flags in ((), ("--strict",)):
        code, told = _check(capsys, path, text, *flags)
        assert (code, told.count("\n")) == (1, 0)
        assert re.match(rf"{re.escape(str(path))}, line {line}\b", told), told
        assert word in told.removeprefix(str(path))


def test_check_finds_a_name_that_two_files_have(tmp_path, capsys):
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(_rules("x", name))
    assert main(["scenarios", "check", str(tmp_path)]) == 1
    assert re.search(r"two\.yaml, line 2.*\bx\b", capsys.readouterr().err)


def _two(*matches):
    return "scenarios:\n" + "".join(
        f"- {{name: {n}, match: {m}, task: {{after: 1}}}}\n" for n, m in zip("ab", matches, strict=True)
    )


def _match(match, task="{after: 1}"):
    return f"scenarios:\n- name: a\n  match: {match}\n  task: {task}\n"


T2V, PRO = "{model: kirin_v1_t2v}", "{params: {mode: pro}}"
WARNED = {
    "nothing": ("scenarios:\n- {name: a, match: {}}\n", "nothing"),
    "chance 0": ("scenarios:\n- {name: a, match: {}, faults: [{fault: reset, chance: 0}]}\n", "chance"),
    "no code": (_match("{model: kirin_v1_t2v}", "{fail: 00200398}"), "00200398"),
    "no code to refuse with": (_match("{model: kirin_v3_i2v}", "{refuse: 002001099}"), "002001099"),
    "no model after another": (_two("{model: 'kirin_v3*'}", "{model: kirin_v9}"), "kirin_v9"),
}
for _first, _second in (
    ("{}", T2V), ("{}", "{}"), ("{}", "{once: true}"), (T2V, T2V), ("{prompt: x}", "{prompt: X}"),
    ("{model: 'kirin_v1_*'}", "{model: [kirin_v1_t2v, kirin_v1_5_i2v]}"), ("{model: 'k*'}", "{model: 'kirin_v1_*'}"),
    ("{prompt: wind}", "{prompt: [a wind, windy]}"), (PRO, "{params: {mode: pro, duration: '5'}}"),
    ("{params: {mode: {one_of: [std, pro]}}}", PRO), ("{params: {mode: {present: true}}}", PRO),
    ("{external_task_id: 'a*'}", "{external_task_id: ab}"), ("{tenant: 'k-*'}", "{tenant: k-1}"),
):  # fmt: skip
    WARNED[f"{_first} before {_second}"] = (_two(_first, _second), "b: ")
for _match_said, _word in {
    "{model: [kirin_v1_t2v, kirin_v9]}": "kirin_v9", "{model: 'kling*'}": "kling*", "{params: {modus: pro}}": "modus",
    "{params: {'image_list[0].img': x}}": "image_list[0].img", "{params: {mode: {one_of: [turbo, hyper]}}}": "turbo",
    "{model: kirin_v1_t2v, params: {image: {present: true}}}": "image", "{params: {mode: turbo}}": "turbo",
    "{params: {duration: 5}}": "duration", "{model: kirin_v1_t2v, params: {duration: '7'}}": "duration",
}.items():  # fmt: skip
    WARNED[_match_said] = (_match(_match_said), _word)


@pytest.mark.parametrize("case", WARNED)
def test_check_warns_of_what_cannot_work(tmp_path, capsys, case):
    text, word = WARNED[case]
    for flags, expected in (((), 0), (("--strict",), 1)):
        code, told = _check(capsys, tmp_path / "rules.yaml", text, *flags)
        assert code == expected
        assert re.fullmatch(rf"{re.escape(str(tmp_path))}.*warning.*", told)
        assert word in told.split("warning", 1)[1]


FINE = {
    "some before some": _two("{times: 3}", "{every: 2}") + "- {name: c, match: {}, use: task/slow}\n",
    "by name": "scenarios:\n- {name: a, task: {after: 1}}\n- {name: b, match: {}, task: {after: 2}}\n",
    "a parameter of one of them": _match("{params: {image: {present: true}, duration: '7'}}"),
    "one value that is": _match("{params: {mode: {one_of: [turbo, pro]}}}"),
    "a code of the model": _match("{model: kirin_v1_5_i2v}", "{fail: 00200398}"),
    "a gateway's code": _match("{model: kirin_v1_t2v}", "{refuse: 40201}"),
    "any code for multi": _match("{model: kirin_v1_6_multi_i2v}", "{fail: X-17}"),
}
for _first, _second in (
    ("{model: kirin_v1_t2v, once: true}", T2V), ("{nth: 2}", "{}"), (T2V, "{model: 'kirin_v1_*'}"),
    ("{model: 'kirin_v1_t*'}", "{model: 'kirin_v1_*'}"), ("{params: {mode: pro, duration: '5'}}", PRO),
    (PRO, "{params: {mode: std}}"), (PRO, "{params: {mode: {one_of: [pro, std]}}}"), (PRO, T2V), (T2V, PRO),
    ("{prompt: windy}", "{prompt: wind}"), ("{prompt: x}", "{external_task_id: x}"),
):  # fmt: skip
    FINE[f"{_first} before {_second}"] = _two(_first, _second)


@pytest.mark.parametrize("case", FINE)
def test_check_has_nothing_to_say_about_what_can_work(tmp_path, capsys, case):
    assert _check(capsys, tmp_path / "rules.yaml", FINE[case], "--strict") == (0, "")


def test_check_reads_the_library_and_several_files(tmp_path, capsys):
    (tmp_path / "wrong.yaml").write_text("scenarios: [")
    library = str(ROOT / "fixtures" / "scenarios")
    assert main(["scenarios", "check", "--strict", library]) == 0
    for name in ("wrong.yaml", "none.yaml"):
        assert main(["scenarios", "check", library, str(tmp_path / name)]) == 1
        assert name in capsys.readouterr().err


def test_codes_and_words_stay_as_they_are_written(tmp_path, reading):
    rules = """
    - {name: a, match: {params: {sound: on}}, task: {fail: 00200301, status_word: off}}
    - {name: b, match: {external_task_id: 2024-01-01, prompt: no}, task: {refuse: 002001099}}
    - {name: c, task: {fail: 00200398}, faults: [{fault: reset, on: poll}, {fault: empty, on: [poll, result]}]}
    """
    (tmp_path / "rules.yaml").write_text(rules)
    user = reading(tmp_path)
    a, b, c = (user.get(f"/_mock/scenarios/{name}").json() for name in "abc")
    assert a["task"] == {"fail": "00200301", "status_word": "off"}
    assert (b["task"], b["match"]) == ({"refuse": "002001099"}, {"external_task_id": ["2024-01-01"], "prompt": ["no"]})
    assert (c["task"], [fault["on"] for fault in c["faults"]]) == ({"fail": "00200398"}, [["poll"], ["poll", "result"]])
    assert user.chosen({**BODIES[3], "sound": "on"}) == "a"
    assert user.chosen({**BODIES[3], "sound": "off"}) is None


@pytest.mark.parametrize("case", ["a tab", "fial: x1", "task: {at: 10%}", "use: nobody", "none"])
def test_serve_with_a_wrong_file_ends_with_one_line(tmp_path, case):
    path = tmp_path / "rules.yaml"
    if case != "none":
        path.write_text(WRONG[case][0])
    command = [sys.executable, "-m", "mock_server", "serve", "--port", "0", "--scenarios", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert str(path) in ended.stderr
    assert case == "none" or f"line {WRONG[case][1]}" in ended.stderr
    with pytest.raises(UsageError, match=r"rules\.yaml"):
        MockServer(scenarios=str(path)).start()


TEXTS = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "fixtures" / "scenarios").iterdir())}
TEXTS["docs"] = (ROOT / "docs" / "scenarios.md").read_text("utf-8").split("```yaml\n")[1].split("```")[0]


@pytest.mark.parametrize("name", TEXTS)
def test_the_schema_accepts_the_library_and_the_documented_example(manual_server, http, name):
    schema = http.get(f"{manual_server.url}/_mock/scenarios/schema").json()
    said = yaml.safe_load(re.sub(r"\bon:", '"on":', TEXTS[name]))
    assert [str(error) for error in jsonschema_rs.validator_for(schema).iter_errors(said)] == []


def test_the_schema_refuses_what_the_server_refuses_and_is_published(manual_server, http):
    schema = http.get(f"{manual_server.url}/_mock/scenarios/schema").json()
    assert json.loads((ROOT / "contracts" / "scenarios.schema.json").read_text("utf-8")) == schema
    valid = jsonschema_rs.validator_for(schema).is_valid
    assert valid(yaml.safe_load(_rules("a")))
    for wrong in ({"tasks": {}}, {"match": {"modle": "x"}}, {"task": {"after": -1}}, {"faults": [{"fault": "x"}]}):
        assert not valid({"scenarios": [{"name": "a", **wrong}]})
