"""Clients that are programs: the ready adapters work, and no program, however it behaves, hangs the run."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest

from mock_server.cli.main import main
from mock_server.conformance.properties import Thresholds
from mock_server.core.clock import stopwatch
from mock_server.verify.client.adapters import command_line
from mock_server.verify.client.external import External
from mock_server.verify.client.program_messages import Terms
from mock_server.verify.client.properties import ALL, PROGRAM, QUEUE_ONLY
from mock_server.verify.client.run import Harness, Report
from tests.core.test_packaging import ROOT

CARELESS = "tests.verify.test_verify_client:Careless"
STDIO = [sys.executable, "-m", "mock_server.verify.client.adapters.stdio"]
REFERENCE = [*STDIO, "mock_server.verify.client.reference_clients.light:Light"]
NODE = [sys.executable, "-m", "mock_server.verify.client.adapters.node"]
CURL = [
    *(sys.executable, "-m", "mock_server.verify.client.adapters.command_line", "--submit"),
    "curl -s {base_url}/model/v1/generation -H 'Authorization: Bearer {api_key}' "
    "-H 'Content-Type: application/json' -d {body}",
    *("--poll", "curl -s {base_url}/model/v1/generation/task/{id} -H 'Authorization: Bearer {api_key}'"),
]
_REQUEST = "curl -s {base_url}/model/v1/queue/{model}/requests/{id}/%s -H 'Authorization: Key {api_key}'"
CURL_ON_QUEUE = [
    *(sys.executable, "-m", "mock_server.verify.client.adapters.command_line", "--submit"),
    "curl -s {base_url}/model/v1/queue/{model} -H 'Authorization: Key {api_key}' "
    "-H 'Content-Type: application/json' -d {params}",
    *("--poll", _REQUEST % "status", "--result", _REQUEST % "response"),
]


def verified(command, count, terms=None, **options):
    """A report on a program, after its end."""
    harness = Harness(External(command, terms or Terms()), options.pop("limits", Thresholds()))
    report = Report()
    try:
        report = harness.verify(count, **options)
    finally:
        harness.close(report)
    return report


def not_exercised(report, *, queue):
    """The properties that were not put to the test, of those that this client can be asked."""
    return set(ALL) - (set() if queue else QUEUE_ONLY) - set(report.exercised)


@pytest.mark.parametrize(
    "client",
    [
        "light:Light",
        *(
            pytest.param(one, marks=pytest.mark.soak)
            for one in ("asynchronous:Asynchronous", "queued:Queued", "light:LightQueued")
        ),
    ],
)
def test_a_python_adapter_is_clean_as_a_program_as_well(client):
    report = verified([*STDIO, f"mock_server.verify.client.{client}"], 200)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert report.clean
    assert set(PROGRAM) <= set(report.exercised)
    assert len(not_exercised(report, queue="Queued" in client)) <= 1


@pytest.mark.skipif(shutil.which("node") is None, reason="NOT RUN: no node in PATH, so no client in Node is tried")
@pytest.mark.parametrize("protocol", ["generation", "queue"])
@pytest.mark.soak
def test_a_client_in_node_is_clean(protocol):
    report = verified(NODE if protocol == "generation" else [*NODE, "--queue"], 300)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert report.clean
    assert len(not_exercised(report, queue=protocol == "queue")) <= 1


def test_without_node_its_adapter_says_what_to_install():
    found = subprocess.run(NODE, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr == "There is no program 'node' in PATH: install Node 20 or later.\n"


@pytest.mark.deep
def test_where_time_is_real_the_platform_runs_faster():
    scale = 600.0
    report = verified(REFERENCE, 12, Terms(virtual=False, scale=scale), limits=Thresholds(slack=0.05 * scale))
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert report.runs == 12


@pytest.mark.parametrize("command", [CURL, CURL_ON_QUEUE])
def test_a_command_line_is_played_case_by_case(command):
    report = verified(command, 3, shrink=False)
    assert report.runs == 3
    assert report.stopped is None
    assert report.exercised["W01"] > report.violated["W01"] == 0


@pytest.mark.soak
def test_a_command_line_is_a_client_too():
    report = verified(CURL, 30, shrink=False)
    assert report.runs == 30
    # curl alone tries nothing again
    assert {"A06"} <= set(report.shown) <= {"A06", "A13", "A14", "A23", "W07", "W13"}
    assert report.exercised["A08"] > report.violated["A08"] == 0


@pytest.mark.soak
def test_a_command_line_is_a_client_of_the_queue_too():
    report = verified(CURL_ON_QUEUE, 30, shrink=False)
    assert report.runs == 30
    assert {"A06"} <= set(report.shown) <= {"A06", "A13", "A14", "A23", "W07", "W13"}
    assert report.exercised["Q04"] > report.violated["Q04"] == 0


WAYS = {
    "hangs": ("W14", "it hangs: for 0.4 real seconds it has called nothing and said nothing"),
    "crashes": ("A04", "it ended with exit status 1: Traceback: the client has a bug in line 7"),
    "is_killed": ("A04", "it was ended by signal 6"),
    "floods": ("X01", "it printed 'progress 1 %', which is no JSON"),
    "floods_without_lines": ("X01", "which is no JSON"),
    "prints_junk": ("X01", "it printed 'submitting ...', which is no JSON"),
    "says_what_is_no_message": ("X01", "which is no outcome: "),
    "answers_another_run": ("X01", "it says the outcome of run 8 during run 1"),
    "never_reads": ("W14", "it hangs"),
    "never_stops_calling": ("W14", "it made more than 1000 calls, and had not ended"),
    "closes_its_output": ("A04", "it closed its standard output, and goes on"),
    "leaves_a_process": ("X02", "it ended, and something that it had started goes on"),
    "leaves_a_daemon": ("X02", "it ended, and something that it had started goes on"),
    "does_not_end": ("X02", "it had not ended 0.4 s after its input did"),
    "tells_its_key": ("A21", "the API key is in what it wrote to its standard error"),
    "tells_its_key_and_dies": ("A21", "the API key is in what it wrote to its standard error"),
}
#: What else follows from saying "gave_up" to everything, or from dying.
_FOLLOWS = {"A05", "A06", "A14", "W21"}
_FOLLOWS_OF = {"tells_its_key_and_dies": {"A04", "A16"}}


def program(way):
    return [sys.executable, str(ROOT / "tests" / "support" / "programs.py"), way]


#: One way to break each property, in a few cases; at greater depth every way, in more.
FIRST_WAYS = {property_id: way for way, (property_id, _) in reversed(WAYS.items())}.values()
FEW, MANY = 12, 40
WAYS_TO_TRY = [pytest.param(way, FEW, id=way) for way in FIRST_WAYS]
WAYS_TO_TRY += [pytest.param(way, MANY, id=f"{way} at depth", marks=pytest.mark.soak) for way in WAYS]


@pytest.mark.parametrize(("way", "cases"), WAYS_TO_TRY)
def test_a_program_that_misbehaves_costs_one_clear_finding_and_does_not_hang_the_run(way, cases):
    property_id, says = WAYS[way]
    began = stopwatch()
    report = verified(program(way), cases, Terms(patience=0.4), shrink=False)
    assert stopwatch() - began < 30
    assert set(report.shown) - _FOLLOWS - _FOLLOWS_OF.get(way, set()) == {property_id}
    assert says in report.shown[property_id].fault.says
    assert not report.clean


def test_a_program_that_answers_no_callbacks_is_told_so():
    report = verified(program("never_answers_callbacks"), 40, Terms(patience=0.4), shrink=False)
    assert "it hangs: it has not answered a callback for 0.4 real seconds" in report.shown["W14"].fault.says


NEVER_READY = {
    "hangs_at_the_start": "it said nothing",
    "is_of_another_version": "which is no ready: ",
    "crashes_at_once": "it ended with exit status 1: no such thing",
}


@pytest.mark.parametrize("way", NEVER_READY)
def test_a_program_that_is_never_ready_is_told_so(way):
    report = verified(program(way), 40, Terms(starting=0.4))
    assert report.stopped.startswith(f"{' '.join(program(way))} never was ready: ")
    assert NEVER_READY[way] in report.stopped
    assert not report.clean


def test_a_program_that_cannot_go_on_is_no_clean_one(capsys, tmp_path):
    command = ["verify", "client", "--findings", str(tmp_path), "--", *program("crashes_at_once")]
    assert main(command) == 2
    assert "never was ready: it ended with exit status 1: no such thing" in capsys.readouterr().err


MISTAKES = {
    ("--", "no-such-program"): "no-such-program is no program that can be run",
    ("my_adapter",): "an adapter in Python is named as MODULE:NAME, such as my_adapter:Adapter",
    ("my_adapter.py:Adapter",): "my_adapter.py is a file; name the module: my_adapter:Adapter",
    ("--", "README.md"): "README.md is not executable; start it with its interpreter",
    (): "name an adapter as MODULE:NAME, or a command after --",
    ("--time", "real", "json:loads"): "--time real is for commands",
    ("--scale", "5", "json:loads"): "--scale is for --time real",
    ("json:loads",): "the adapter cannot be made: TypeError: the JSON object must be str",
    ("--findings", "/proc/none", "json:loads"): "--findings /proc/none cannot be written to",
    ("--html", "/no/such/page.html", "json:loads"): "--html /no/such/page.html cannot be written: no such folder",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_in_the_call_costs_one_line(command, capsys, tmp_path):
    kept = () if "--findings" in command else ("--findings", str(tmp_path))
    assert main(["verify", "client", *kept, *command]) == 2
    said = capsys.readouterr().err.strip()
    assert MISTAKES[command] in said
    assert len(said.splitlines()) == 1


def test_a_finding_about_the_end_of_a_program_is_replayed_to_its_end(tmp_path, capsys):
    folder = str(tmp_path)
    command = ["--cases", "3", "--patience", "0.4", "--findings", folder, "--", *program("leaves_a_process")]
    assert main(["verify", "client", *command]) == 1
    (kept,) = tmp_path.glob("X02-*.json")
    capsys.readouterr()
    assert main(["verify", "replay", kept.stem, "--findings", folder]) == 1
    assert "something that it had started goes on" in capsys.readouterr().out


def test_an_unknown_finding_is_told_which_there_are(tmp_path, capsys):
    (tmp_path / "A08-b39cd7.json").write_text("{}")
    assert main(["verify", "replay", "A08-xxxxxx", "--findings", str(tmp_path)]) == 2
    assert "there are A08-b39cd7" in capsys.readouterr().err
    assert main(["verify", "replay", "A08-b39cd7", "http://127.0.0.1:1", "--findings", str(tmp_path)]) == 2
    assert "without a URL" in capsys.readouterr().err


def test_a_finding_is_kept_and_can_be_replayed(tmp_path, capsys):
    folder = str(tmp_path / "kept")
    careless = CARELESS
    assert main(["verify", "client", careless, "--cases", "60", "--findings", folder]) == 1
    out = capsys.readouterr().out
    (kept,) = (tmp_path / "kept").glob("A08-*.json")
    assert f"replay    kirin-mock verify replay {kept.stem} --findings {folder}" in out
    assert main(["verify", "replay", kept.stem, "--findings", folder]) == 1
    told = capsys.readouterr().out
    assert "A08 returns-all-outputs" in told
    assert "client submits" in told
    assert "violated  it returns" in told
    value = json.loads(kept.read_text())
    value["client"]["adapter"] = "mock_server.verify.client.reference_clients.light:Light"
    kept.write_text(json.dumps(value))
    assert main(["verify", "replay", kept.stem, "--findings", folder]) == 0
    assert "satisfied in this case now" in capsys.readouterr().out


def test_a_finding_of_a_program_is_replayed_with_that_program(tmp_path, capsys):
    folder = str(tmp_path)
    assert main(["verify", "client", "--cases", "20", "--findings", folder, "--", *program("prints_junk")]) == 1
    (kept,) = tmp_path.glob("X01-*.json")
    capsys.readouterr()
    assert main(["verify", "replay", kept.stem, "--findings", folder]) == 1
    assert "it printed 'submitting ...'" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "{", "{}", '{"format": 9}', "[]"])
def test_a_finding_that_cannot_be_read_costs_one_line(content, tmp_path, capsys):
    if content is not None:
        (tmp_path / "A08-123abc.json").write_text(content)
    assert main(["verify", "replay", "A08-123abc", "--findings", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_report_is_written_in_every_form(tmp_path):
    files = {form: tmp_path / f"report.{form}" for form in ("json", "junit", "html", "badge")}
    command = [
        "verify",
        "client",
        "tests.verify.test_verify_client:Careless",
        "--cases",
        "60",
        "--findings",
        str(tmp_path),
    ]
    for form, file in files.items():
        command += [f"--{form}", str(file)]
    assert main(command) == 1
    told = json.loads(files["json"].read_text())
    wrong, *others = [one for one in told["properties"] if one["state"] == "violated"]
    assert wrong["id"] == "A08"
    assert {one["id"] for one in others} <= {"A22"}
    assert wrong["violated_in"] < wrong["exercised"]
    assert any("client polls" in line for line in wrong["narrative"])
    states = [part for part in told["coverage"] if part["kind"] == "state"]
    assert {*states[0]["seen"], *states[0]["missing"]} == {"in_progress", "completed", "failed"}
    suite = ET.fromstring(files["junit"].read_text())  # noqa: S314 - our own
    assert suite.get("failures") == str(1 + len(others))
    assert len(suite.findall("testcase")) == len(ALL) == int(suite.get("tests"))
    assert "returns-all-outputs" in files["html"].read_text()
    picture = ET.fromstring(files["badge"].read_text())  # noqa: S314 - our own
    assert f"{len(ALL) - 1 - len(others) - told_unexercised(told)} of" in "".join(picture.itertext())


def told_unexercised(told):
    return sum(one["state"] == "not exercised" for one in told["properties"])


def test_thresholds_may_stand_in_a_file(tmp_path, capsys):
    slow = tmp_path / "patient.yaml"
    slow.write_text("base: polite\npoll_gap: 8\n")
    command = ["verify", "client", "mock_server.verify.client.reference_clients.light:Light", "--cases", "40"]
    command += ["--findings", str(tmp_path)]
    assert main([*command, "--strictness", str(slow)]) == 1
    assert "FAIL   W09" in capsys.readouterr().out
    slow.write_text('{"poll_gap": 5}')
    assert main([*command, "--strictness", str(slow)]) == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("poll_gab: 8", 'poll_gab" is no threshold; did you mean poll_gap?'),
        ("poll_gap: soon", 'poll_gap must be a number of seconds from 0 on, not "soon"'),
        ("most_failures: 1.5", "most_failures must be a whole number from 0 on, not 1.5"),
        ("poll_gap: -1", "poll_gap must be a number of seconds from 0 on, not -1"),
        ("base: lax", 'base must be one of default, strict, polite, not "lax"'),
        ("7", "must be an object of thresholds: "),
        ("{", "is neither YAML nor JSON"),
    ],
)
def test_a_wrong_file_of_thresholds_is_told_in_one_line(content, says, tmp_path, capsys):
    file = tmp_path / "thresholds.yaml"
    file.write_text(content)
    assert main(["verify", "client", "json:loads", "--strictness", str(file)]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert len(told.strip().splitlines()) == 1


def test_what_the_documentation_shows_of_the_protocol_is_valid():
    schema = json.loads((ROOT / "contracts" / "adapter.schema.json").read_text())
    validator = jsonschema_rs.validator_for(schema)
    text = (ROOT / "docs" / "adapters.md").read_text("utf-8")
    lines = text.split("```")[1].strip().splitlines()
    messages = []
    for line in lines:
        if line.startswith(("harness", "client   {")):
            messages.append(line.partition("  ")[2].strip())
        elif line.startswith(" ") and messages and not line.strip().startswith("..."):
            messages[-1] += line.strip()
    assert len(messages) == 9
    for message in messages:
        value = json.loads(message.replace(", ...}", "}"))
        assert validator.is_valid(value), message


def test_a_template_is_filled_word_by_word():
    options = command_line.options_of(["--submit", "curl --prompt {params}", "--poll", "curl {id}"])
    words = shlex.split(options.submit)
    assert words == ["curl", "--prompt", "{params}"]
    assert list(command_line.values({"a": [{"b": 1}, {"b": 2}, {}]}, "a.*.b")) == [1, 2]
    assert command_line.first_text({"error": {"code": "007"}}, "status.code|error.code") == "007"
