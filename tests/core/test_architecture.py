"""The drawings and docs/architecture.md describe the code as it is, and each wing says what it may import."""

from __future__ import annotations

import ast
import importlib.util
import re

import pytest

from tests.core.test_packaging import ROOT

PACKAGE = ROOT / "mock_server"
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
#: A row of a walk: the step, the files, the functions.
ROWS = re.findall(r"^\| .+ \| (`[\w/.`, ]+`) \| (`[\w.`, ]+`) \|$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def drawings():
    spec = importlib.util.spec_from_file_location("drawings", ROOT / "docs" / "drawings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drawings_are_up_to_date(drawings):
    for path, drawing in drawings.drawings().items():
        assert path.read_text("utf-8") == drawing, f"run python docs/drawings.py: {path.name} is old"


def test_the_drawing_of_the_wings_has_exactly_the_wings_that_exist(drawings):
    exist = {path.stem for path in PACKAGE.iterdir() if (path / "__init__.py").exists() or path.suffix == ".py"}
    drawn = re.findall(r'<text [^>]*font-weight="600">([\w]+)</text>', (ROOT / "docs" / "wings.svg").read_text("utf-8"))
    assert sorted(drawn) == sorted(exist - {"__init__", "__main__"})
    assert [wing for layer in drawings.layers() for wing in layer] == drawn


def _names(path):
    """Every function and ``Class.method`` that a file defines."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{inner.name}" for inner in node.body if hasattr(inner, "name"))


def test_every_step_of_the_walks_names_a_function_that_its_file_has():
    assert len(ROWS) >= 30
    for files, functions in ROWS:
        defined = {name for file in re.findall(r"[\w/]+\.py", files) for name in _names(PACKAGE / file)}
        for function in re.findall(r"[\w.]+", functions):
            assert function in defined, f"{function} is not in {files}"


def test_every_other_file_that_the_page_names_exists():
    for named in re.findall(r"`((?:\w+/)+(?:\w+\.\w+)?)`", PAGE):
        assert (PACKAGE / named).exists() or (ROOT / named).exists(), named


def test_every_wing_says_what_it_may_import_and_no_wing_that_stands_higher(drawings):
    layers = drawings.layers()
    heights = {wing: len(layers) - number for number, layer in enumerate(layers) for wing in layer}
    for folder in sorted({path.parent for path in PACKAGE.rglob("__init__.py")} - {PACKAGE}):
        docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
        lines = docstring.splitlines()
        assert len(lines) >= 2, folder
        assert lines[1].startswith("May import: "), folder
        wing = folder.relative_to(PACKAGE).parts[0]
        is_wing = folder.parent == PACKAGE
        named = [name.partition(".")[0] for name in re.findall(r"``([\w.]+)``", lines[1].split(". ")[0])]
        for other in named:
            if other in heights and not (other == wing and (not is_wing or wing == "core")):
                assert heights[other] < heights[wing], f"{folder} may not import {other}"
        if is_wing and heights[wing] > 1:
            below = [other for other in heights if heights[other] == heights[wing] - 1]
            assert set(below) <= set(named), f"{folder} does not name {below}"
