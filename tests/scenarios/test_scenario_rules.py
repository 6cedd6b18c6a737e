"""Rules: which tasks a scenario is for, which of several is chosen, what is refused, and how that is explained."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest

from mock_server import MockServer
from tests.support.driving import SUBMIT, URL_IMAGE
from tests.support.scenario_users import RuleUser

PNG, JPG = "https://pictures.example.com/cat.png", "https://pictures.example.com/dog.jpg"
PROTOCOLS = ["generation", "wrapper", "queue"]
PLACES = ["header", "prompt", "negative_prompt", "external_task_id"]
SHOTS = [{"index": 1, "prompt": "calm", "duration": "2"}, {"index": 2, "prompt": "a dark Storm", "duration": "3"}]


def _t2v(**params):
    return "kirin_v1_t2v", {"prompt": "A red apple", **params}


def _v15(**params):
    return "kirin_v1_5_i2v", {"image": URL_IMAGE, **params}


def _multi(*images):
    return "kirin_v1_6_multi_i2v", {"prompt": "A cat", "image_list": [{"image": image} for image in images]}


def _v3(**params):
    return "kirin_v3_i2v", {"image": URL_IMAGE, "prompt": "A cat", **params}


def _shots(*shots):
    return _v3(multi_shot=True, shot_type="customize", multi_prompt=list(shots))


def _rule(name, match=None, **task):
    said = {"name": name, "task": task or {"after": 1}}
    return said if match is None else {**said, "match": match}


@pytest.fixture
def user(manual_server, fresh_key):
    with RuleUser(manual_server, fresh_key()) as made:
        yield made


@pytest.fixture
def users():
    """Makes clients of one server that nobody else uses: by key, or without one."""
    with MockServer(speed="manual") as server, ExitStack() as stack:
        yield lambda key=None: stack.enter_context(RuleUser(server, key))


ZOOM, PAN = (_v15(mode="pro", camera_control={"type": "simple", "config": {way: 3}}) for way in ("zoom", "pan"))
MATCHES = {
    "everything": ({}, _t2v(), None), "a model": ({"model": "kirin_v1_t2v"}, _t2v(), _v3()),
    "a star in the model": ({"model": "kirin_v1_*"}, _multi(PNG), _v3()),
    "a star for nothing": ({"model": "kirin_v3_i2v*"}, _v3(), _t2v()),
    "a question mark in the model": ({"model": "kirin_v?_i2v"}, _v3(), _v15()),
    "the whole model": ({"model": ["v3", "*_t2v"]}, _t2v(), _v3()),
    "one of several models": ({"model": ["kirin_v3_i2v", "kirin_v1_*"]}, _v15(), ("kirin_v2_master_i2v", _v15()[1])),
    "a parameter": ({"params": {"mode": "pro"}}, _t2v(mode="pro"), _t2v(mode="std")),
    "a parameter that is there": ({"params": {"mode": "pro"}}, _v15(mode="pro"), _v15()),
    "two": ({"params": {"mode": "pro", "duration": "10"}}, _t2v(mode="pro", duration="10"), _t2v(mode="pro")),
    "a path": ({"params": {"camera_control.type": "simple"}}, ZOOM, _v15(mode="pro")),
    "three deep": ({"params": {"camera_control.config.zoom": 3}}, ZOOM, PAN),
    "first": ({"params": {"image_list[0].image": {"glob": "*.png"}}}, _multi(PNG, JPG), _multi(JPG, PNG)),
    "second": ({"params": {"image_list[1].image": JPG}}, _multi(PNG, JPG), _multi(JPG)),
    "any": ({"params": {"image_list[*].image": {"glob": "*.png"}}}, _multi(JPG, JPG, PNG), _multi(JPG, JPG)),
    "any is": ({"params": {"multi_prompt[*].duration": "3"}}, _shots(*SHOTS), _shots({**SHOTS[0], "duration": "5"})),
    "one of": ({"params": {"duration": {"one_of": ["7", "10"]}}}, _t2v(duration="10"), _t2v(duration="5")),
    "glob": ({"params": {"prompt": {"glob": "A ?? apple*"}}}, _t2v(prompt="A :) apple!"), _t2v()),
    "whole glob": ({"params": {"prompt": {"glob": "red*"}}}, _t2v(prompt="red!"), _t2v()),
    "contains": ({"params": {"negative_prompt": {"contains": "blur"}}}, _t2v(negative_prompt="no blur!"), _t2v()),
    "present": ({"params": {"negative_prompt": {"present": True}}}, _t2v(negative_prompt=""), _t2v()),
    "absent": ({"params": {"negative_prompt": {"present": False}}}, _t2v(), _t2v(negative_prompt="x")),
    "element": ({"params": {"image_list[1]": {"present": True}}}, _multi(PNG, PNG), _multi(PNG)),
    "true": ({"params": {"multi_shot": True}}, _shots(*SHOTS), _v3(multi_shot=False)),
    "false": ({"params": {"multi_shot": False}}, _v3(multi_shot=False), _shots(*SHOTS)),
    "true is not 1": ({"params": {"cfg_scale": {"one_of": [True, 0.5]}}}, _t2v(cfg_scale=0.5), _t2v(cfg_scale=1)),
    "1 is not true": ({"params": {"multi_shot": {"one_of": [1, False]}}}, _v3(multi_shot=False), _shots(*SHOTS)),
    "bare true is not 1": ({"params": {"cfg_scale": True}}, None, _t2v(cfg_scale=1)),
    "bare 1 is not true": ({"params": {"multi_shot": 1}}, None, _shots(*SHOTS)),
    "text is no number": ({"params": {"cfg_scale": {"one_of": ["1", 0]}}}, _t2v(cfg_scale=0), _t2v(cfg_scale=1)),
    "external id": ({"external_task_id": "a-*"}, _t2v(external_task_id="a-1"), _t2v(external_task_id="ba-1")),
    "no external id": ({"external_task_id": "*"}, _t2v(external_task_id="x"), _t2v()),
    "external ids": ({"external_task_id": ["a?", "b"]}, _t2v(external_task_id="a1"), _t2v(external_task_id="b1")),
    "brackets": ({"external_task_id": "[ab]*"}, _t2v(external_task_id="[ab]c"), _t2v(external_task_id="a")),
    "prompt": ({"prompt": "STORM"}, _t2v(prompt="A big storm."), _t2v(prompt="A big sturm.")),
    "prompt in any case": ({"prompt": "straße"}, _t2v(prompt="STRASSE"), _t2v(prompt="STRASE")),
    "one of several texts": ({"prompt": ["rain", "snow"]}, _t2v(prompt="It snows"), _t2v(prompt="It is dry")),
    "a shot's prompt": ({"prompt": "storm"}, _shots(*SHOTS), _shots({**SHOTS[0], "duration": "5"})),
    "no prompt at all": ({"prompt": "e"}, _v15(prompt="e"), _v15()),
    "all at once": ({"model": "*t2v", "prompt": "apple", "params": {"mode": "pro"}}, _t2v(mode="pro"), _t2v()),
}  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", MATCHES)
def test_a_rule_is_for_the_tasks_it_describes_and_for_no_other(user, case, protocol):
    match, right, wrong = MATCHES[case]
    user.add(_rule("it", match))
    assert right is None or user.chosen(right, protocol=protocol) == "it"
    assert wrong is None or user.chosen(wrong, protocol=protocol) is None


def test_a_rule_can_be_for_certain_keys(users):
    users().add(_rule("poor", {"tenant": "poor-*"}), _rule("rich", {"tenant": ["rich", "very-?"]}))
    assert [users(key).chosen() for key in ("poor-1", "rich", "very-1", "richer")] == ["poor", "rich", "rich", None]


COUNTS = {"..x..": {"nth": 3}, ".x.x.x": {"every": 2}, "xx...": {"times": 2}, "x..": {"once": True}}
COUNTS[".x.x..."] = {"every": 2, "times": 2}


@pytest.mark.parametrize(("pattern", "match"), COUNTS.items())
def test_a_rule_that_counts_is_for_those_of_its_tasks_that_it_says(user, pattern, match):
    user.add(_rule("it", {"model": "kirin_v1_t2v", **match}))
    for place, mark in enumerate(pattern):
        assert user.chosen(_v3()) is None
        assert user.chosen(protocol=PROTOCOLS[place % 3]) == (None if mark == "." else "it")


def test_counts_are_kept_for_each_key(users):
    users().add(_rule("it", {"nth": 2}))
    one, two = users("one"), users("two")
    assert [one.chosen(), two.chosen(), two.chosen(), one.chosen(), one.chosen()] == [None, None, "it", "it", None]


def test_a_count_includes_the_submits_that_an_earlier_rule_took(user):
    user.add(_rule("first", {"once": True}), _rule("third", {"nth": 3}))
    assert [user.chosen() for _ in range(4)] == ["first", None, "third", None]


def test_header_marker_rules_of_the_key_rules_for_all_and_files_come_in_this_order(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text("scenarios:\n" + "".join(f"- {{name: file{n}, match: {{}}, task: {{after: 1}}}}\n" for n in (1, 2)))
    with (
        MockServer(speed="manual", scenarios=str(file)) as server,
        RuleUser(server) as anyone, RuleUser(server, "k-1") as user, RuleUser(server, "k-2") as other,
    ):  # fmt: skip
        user.add(_rule("mine1", {}))
        anyone.add(_rule("all1", {}), _rule("all2", {}))
        anyone.add(_rule("all3", {}))
        user.add(_rule("mine2", {}))
        anyone.add(_rule("named"), _rule("marked"))
        marked = _t2v(prompt="An apple [[mock: marked]]")
        for words, name, by in (("named", "named", "header"), (None, "marked", "marker")):
            told = user.explained(marked, words)
            assert (told["scenario"], told["by"]) == (name, by)
        for name in ("mine2", "mine1", "all3", "all1", "all2"):
            assert user.chosen() == name
            owner = user if name.startswith("mine") else anyone
            assert other.chosen() == (name if owner is anyone else "all3")
            assert owner.delete(f"/_mock/scenarios/{name}").json() == {"removed": 1}
        assert user.chosen() == other.chosen() == "file1"


def test_the_first_rule_that_matches_is_the_only_one(user):
    user.add(
        _rule("no", {"model": "*v3*"}), _rule("yes", {"prompt": "red"}, after=5), _rule("late", {}, status_word="x")
    )
    assert user.submit().json()["status"] == "in_progress"
    assert user.chosen() == "yes"
    assert user.chosen(_t2v(prompt="A pear")) == "late"


def test_a_scenario_without_match_is_for_those_of_its_key_only_who_call_it_by_name(users):
    users("one").add(_rule("named"), _rule("other", {"model": "kirin_v3_i2v"}))
    assert [users("one").chosen(words=words) for words in (None, "named", "other")] == [None, "named", "other"]
    assert users("two").submit(words="named").status_code == 400


def test_a_task_keeps_its_scenario_when_the_rule_is_taken_back(user):
    user.add(_rule("doomed", {}, fail="002001095", after=3))
    task = user.submit().json()["id"]
    user.delete("/_mock/scenarios")
    user.add(_rule("good", {}, after=1))
    user.post("/_mock/clock/advance", json={"seconds": 3})
    assert user.get(f"{SUBMIT}/task/{task}").json()["error"]["code"] == "002001095"


@pytest.mark.parametrize(("match", "status"), [({}, 502), ({"times": 5}, 200)])
def test_faults_hit_tasks_made_earlier_unless_the_rule_counts(user, match, status):
    task = user.submit().json()["id"]
    user.add({"name": "bad", "match": match, "faults": [{"fault": "error", "on": "poll", "status": 502}]})
    assert user.get(f"{SUBMIT}/task/{task}").status_code == status


def test_use_takes_what_another_scenario_does(user):
    user.add({"name": "a", "match": {"prompt": "apple"}, "use": "task/slow"})
    user.add(_rule("base", after=7), {"name": "b", "match": {"prompt": "pear"}, "use": "base"})
    user.add({"name": "c", "match": {"prompt": "plum"}, "use": "b"})
    for prompt, name, does in (
        ("apple", "a", {"running": 600}),
        ("pear", "b", {"after": 7}),
        ("plum", "c", {"after": 7}),
    ):
        told = user.explained(_t2v(prompt=prompt))
        assert (told["scenario"], told["does"]["task"]) == (name, does)


@pytest.mark.parametrize("used", ["nobody", "a", "b"])
def test_a_use_that_cannot_be_is_refused_and_nothing_is_posted(user, used):
    rules = [_rule("good", {}), {"name": "a", "match": {}, "use": used}, {"name": "b", "use": "a"}]
    answer = user.post("/_mock/scenarios", json={"scenarios": rules})
    assert (answer.status_code, answer.json()["status"]["error_code"]) == (400, 40001)
    assert re.search("nobody|uses itself", answer.json()["status"]["message"])
    assert user.names() == []


def test_delete_takes_back_one_rule_or_all_of_the_key(users):
    one, two, anyone = users("one"), users("two"), users()
    one.add(_rule("a", {}), _rule("b", {}))
    two.add(_rule("a", {}))
    anyone.add(_rule("c", {}))
    assert one.delete("/_mock/scenarios/a").status_code == 200
    assert one.delete("/_mock/scenarios/a").status_code == 404
    assert (one.names(), two.names()) == (["b", "c"], ["a", "c"])
    assert one.delete("/_mock/scenarios").json() == {"removed": 1}
    assert (one.names(), two.names()) == (["c"], ["a", "c"])
    assert anyone.delete("/_mock/scenarios").status_code == 200
    assert one.names() == two.names() == []


def test_reset_keeps_posted_scenarios_unless_told(users):
    user, anyone = users("one"), users()
    user.add(_rule("it", {"once": True}))
    anyone.add(_rule("named"))
    for body in (None, {"scenarios": False}):
        assert [user.chosen() for _ in range(3)] == ["it", None, None]
        assert anyone.post("/_mock/reset", json=body).status_code == 200
        assert user.names() == ["it", "named"]
    for one, left in ((user, ["named"]), (anyone, [])):
        assert one.post("/_mock/reset", json={"scenarios": True}).status_code == 200
        assert user.names() == left


REASONS = {
    "model": ({"model": "kirin_v3*"}, "kirin_v3*"), "mode": ({"params": {"mode": "pro"}}, "pro"),
    "camera_control.type": ({"params": {"camera_control.type": {"one_of": ["simple"]}}}, "simple"),
    "duration": ({"model": "*t2v", "params": {"duration": {"glob": "1?"}}}, "1?"),
    "negative_prompt": ({"params": {"negative_prompt": {"present": True}}}, "present"),
    "external_task_id": ({"external_task_id": ["order-*", "o2"]}, "order-*"), "prompt": ({"prompt": "storm"}, "storm"),
    "tenant": ({"tenant": "zz*"}, "zz*"), "match": ({"nth": 2}, "2"), "for every": ({"every": 3}, "3"),
}  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_explain_names_for_each_rule_tried_the_key_that_was_not_true(user, protocol):
    rules = [_rule(f"r{n}", match) for n, (match, _) in enumerate(REASONS.values())]
    user.add(*rules, _rule("good", {}), _rule("never-tried", {}))
    made = _t2v(duration="5", external_task_id="my 1/2")
    told = user.explained(made, protocol=protocol)
    assert (told["scenario"], told["by"], told["does"]["task"]) == ("good", "rule", {"after": 1.0})
    *failed, good = told["tried"]
    assert [(tried["scenario"], tried["matched"]) for tried in failed] == [(f"r{n}", False) for n in range(10)]
    for (key, (_, wanted)), tried in zip(REASONS.items(), failed, strict=True):
        assert key in tried["why"]
        assert wanted in tried["why"]
    assert (good["scenario"], good["matched"]) == ("good", True)
    assert user.get("/_mock/scenarios/explain", params={"task": "my 1/2"}).json() == told
    for query, status in (({"task": "none"}, 404), ({}, 400)):
        assert user.get("/_mock/scenarios/explain", params=query).status_code == status


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("words", ["stuck", "hold=0.25", "hold=25%"])
def test_a_scenario_is_called_by_name_or_in_words_from_the_header_and_from_markers(user, protocol, place, words):
    user.add(_rule("stuck", hold=0.25), _rule("other", {}, refuse="40201"))
    made = _t2v() if place == "header" else _t2v(**{place: f"before [[mock: {words}]] after"})
    told = user.explained(made, words if place == "header" else None, protocol=protocol)
    assert (told["by"], told["does"]["task"]) == ("header" if place == "header" else "marker", {"hold": 0.25})
    assert (told["scenario"] == "stuck") == (words == "stuck")


def test_words_take_quoted_texts_lists_and_one_fault_beside_the_task(user):
    words = "fail=00200398 message='no \"luck\" at all' after=3s fault=latency seconds=2 on=poll,result times=3"
    does = user.explained(words=words)["does"]
    assert does["task"] == {"fail": "00200398", "message": 'no "luck" at all', "after": 3.0}
    (fault,) = does["faults"]
    assert fault == {"fault": "latency", "seconds": 2.0, "on": ["poll", "result"], "times": 3}
    assert user.explained(words="progress=0.1,0.9,0.9 queued=500ms")["does"]["task"]["progress"] == [0.1, 0.9, 0.9]


WORDS = {
    "": "empty", "nobody": "nobody", "fail": "fail", "fail=": "fail", "fail=00200398 after": "after",
    "fail=00200398,after=3s": "fail", "after=soon": "after", "after=-3s": "after", "after=3 s": '"s"',
    "queued=1y": "queued", "aftr=3s": "aftr", "fail=x1 refuse=40201": "rejected", "refuse=40201 after=3": "rejected",
    "hold=140%": "hold", "hold=100%": "hold", "running=fast": "running", "output=three": "output", "output=0": "output",
    "progress=0.1,2": "progress", "status_word=": "status_word", "message=hi": "message", "at=40%": "at",
    "fail=x1 at=40% after=3s": "after", "fail=x1 fail=x2": "fail", "fail='x": "quotation", "=3": "=3",
    "task/slow after=3s": "slow", "slow,stuck-at-40": "slow,stuck-at-40", "match=x": "match",
    "fault=latencyy": "latencyy",
    "fault=latency": "seconds", "fault=latency seconds=2 on=polls": "polls", "fault=reset when=later": "when",
    "fault=reset chance=140%": "chance", "fault=reset skip=-1": "skip", "fault=reset fault=drop": "fault",
    "fault=drop on=poll": "on", "fault=error status=700": "status", "on=poll": "on", "nth=2 after=3s": "nth",
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("words", WORDS)
def test_wrong_words_are_refused_with_a_message_that_names_them(user, place, words):
    user.add(_rule("rule", {}))
    made = _t2v() if place == "header" else _t2v(**{place: f"x [[mock: {words}]]"})
    for protocol in ("generation", "queue"):
        answer = user.submit(made, words if place == "header" else None, protocol)
        assert answer.status_code == 400
        if protocol == "queue":
            message = answer.json()["detail"]
            assert answer.json() == {"detail": message}
        else:
            message = answer.json()["status"]["message"]
            assert answer.json() == {"status": {"code": 400, "message": message, "error_code": 40001}, "data": None}
        assert WORDS[words] in message
        assert ("X-Mock-Scenario" if place == "header" else "[[mock") in message
    assert user.get("/_mock/tasks").json()["tasks"] == []


@pytest.mark.parametrize("marker", ["[[mock:]]", "[[mock: progress=[0.1,0.9]]]", "[[mock: after=3s"])
def test_a_marker_that_cannot_be_read_is_refused_and_not_passed_over(user, marker):
    answer = user.submit(_t2v(prompt=f"An apple {marker}"))
    assert answer.status_code == 400
    assert "[[mock" in answer.json()["status"]["message"]


INVALID = {
    "kirin_v1_t2v": ({"prompt": "x", "duration": 5}, "002001099", "error_message"),
    "kirin_v1_5_i2v": ({"prompt": "x"}, "00200301", "error_message"),
    "kirin_v1_6_multi_i2v": ({"prompt": "x"}, "40001", "message"),
    "kirin_v3_i2v": ({"image": PNG, "prompt": ""}, "006001099", "error_message"),
    "kirin_v2_master_i2v": ({"prompt": "x"}, "002015099", "error_message"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", INVALID)
def test_a_wrong_body_is_refused_as_its_document_says_whatever_its_scenario(user, model, protocol):
    user.add(_rule("rule", {}, refuse="40201"))
    params, code, key = INVALID[model]
    marked = {**params, "negative_prompt": "[[mock: refuse=50301]]"}
    for made, words in ((params, None), (params, "refuse=42901"), (params, "fail=x1 after=0"), (marked, None)):
        answer = user.submit((model, made), words, protocol)
        beside = ("detail", answer.json()["error"][key]) if protocol == "queue" else ("status", "failed")
        assert (answer.status_code, answer.json()[beside[0]]) == (400, beside[1])
        assert (answer.json()["error"]["code"], key in answer.json()["error"]) == (code, True)


def test_what_is_posted_is_listed_in_the_order_of_trying_and_shown_by_name(users):
    user, anyone = users("one"), users()
    anyone.add(_rule("all", {}))
    user.add(_rule("a", {"prompt": "storm"}, hold=0.4), _rule("named"))
    assert user.names() == ["a", "named", "all"]
    assert users("two").names() == ["all"]
    assert user.chosen(_t2v(prompt="storm")) == "a"
    assert [(rule["matched"], rule["chosen"]) for rule in user.rules()] == [(1, 1), (0, 0), (0, 0)]
    shown = user.get("/_mock/scenarios/a").json()
    assert (shown["name"], shown["match"], shown["task"]) == ("a", {"prompt": ["storm"]}, {"hold": 0.4})
    assert user.get("/_mock/scenarios/task/slow").json()["task"] == {"running": 600.0}
    assert user.get("/_mock/scenarios/none").status_code == 404
    assert users("two").get("/_mock/scenarios/a").status_code == 404
