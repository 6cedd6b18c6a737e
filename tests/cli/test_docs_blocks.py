"""Every code block of README.md and docs/*.md does what its page says."""

from __future__ import annotations

import re

import pytest

from mock_server import MockServer
from tests.core.test_packaging import ROOT
from tests.support.pages import Reader, blocks_of, commands, is_error, json_values, pattern, shape

#: Pages with one long report in them, and the test that compares it.
ELSEWHERE = {"naive-client.md": "tests/verify/test_verify_client.py"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN_HERE = [page for page in PAGES if page.name not in ELSEWHERE]
#: Blocks that carry the comment ``not run``, with its reason. A page that adds one changes this number.
NOT_RUN = 19


@pytest.mark.parametrize(
    "page",
    [  # the pages beside the README are run at greater depth
        pytest.param(page, id=page.stem, marks=() if page.stem == "README" else pytest.mark.deep)
        for page in RUN_HERE
        if any(block.not_run is None for block in blocks_of(page))
    ],
)
def test_every_block_does_what_the_page_says(page, tmp_path):
    blocks = [block for block in blocks_of(page) if block.not_run is None]
    with MockServer(speed=20) as server:
        reader = Reader(tmp_path, server.url)
        for block, following in zip(blocks, [*blocks[1:], None], strict=True):
            try:
                reader.run(block)
            except Exception as error:
                raise AssertionError(f"{page.name}, line {block.line}: {error}") from error
            if block.language in {"bash", "console"} and (following is None or following.language != "json"):
                assert not any(map(is_error, reader.printed)), f"{page.name}, line {block.line}: {reader.printed}"


def test_what_is_not_run_says_why():
    reasons = [block.not_run for page in RUN_HERE for block in blocks_of(page) if block.not_run is not None]
    assert len(reasons) == NOT_RUN, reasons
    for reason in reasons:
        assert len(reason.split()) >= 3, f"{reason!r} is no reason"


def test_every_test_that_a_page_or_a_reason_names_exists():
    for page in PAGES:
        for named in re.findall(r"\btests/[\w/]+\.(?:py|sh)\b", page.read_text("utf-8")):
            assert (ROOT / named).is_file(), f"{page.name} names {named}"


def test_every_target_of_make_that_a_page_names_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text("utf-8")):
            assert f"\n{target}:" in makefile, f"{page.name} names make {target}"


def test_every_link_between_pages_leads_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for target, anchor in re.findall(r"\]\((?!https?://)([^)#\s]*)(#[^)\s]*)?\)", page.read_text("utf-8")):
            there = (page.parent / target).resolve() if target else page
            assert there.exists(), f"{page.name} links to {target}"
            if anchor:
                assert anchor in _anchors(there), f"{page.name} links to {target}{anchor}"


def _anchors(page):
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def test_the_readme_has_at_most_200_lines():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200


def test_the_checks_of_this_file_can_fail(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```bash\nfalse\n```\n\n```console\n$ echo one\ntwo\n```\n\n```bash\necho '{\"a\": 1}'\n```\n\n"
                    '```json\n{"a": "1"}\n```\n\n```python\n\ndef test_no():\n    assert False\n```\n\n'
                    "```yaml\nscenarios:\n- {nam: a}\n```\n")  # fmt: skip
    failing = Reader(tmp_path, "http://127.0.0.1:9")
    for block in blocks_of(page):
        if "echo '{" in block.text:
            failing.run(block)
        else:
            with pytest.raises(AssertionError):
                failing.run(block)
    assert [is_error(value) for value in json_values('{"error": 1} {"a": 1} {"detail": ""}')] == [True, False, True]
    assert commands("$ a \\\n  b\nc\n$ d") == [("a \\\n  b", ["c"]), ("d", [])]
    assert re.search(pattern("one ... (3)"), "one two (3)")
    assert shape({"a": [1, 2.0], "b": None}) == {"a": ["number"], "b": "NoneType"}
