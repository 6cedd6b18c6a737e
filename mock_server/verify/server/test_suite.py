"""The checks of ``verify server`` as pytest tests: ``pytest --pyargs mock_server.verify.server --base-url URL``.

Without ``--base-url`` a server of our own is verified. ``--verify-key``, ``--verify-other-key``, ``--verify-seed`` and
``--verify-secret`` are the other options; pytest's own ``-k`` chooses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mock_server.models import discover
from mock_server.verify.server.case import Case
from mock_server.verify.server.command import Options, open_target
from mock_server.verify.server.judge import ContractJudge
from mock_server.verify.server.run import all_cases
from mock_server.verify.server.target import NotExercised, Target


def pytest_generate_tests(metafunc: Any) -> None:
    """One test for each case."""
    if "case" in metafunc.fixturenames:
        cases = all_cases(discover(), metafunc.config.getoption("verify_seed"))
        metafunc.parametrize("case", cases, ids=[case.id for case in cases])


@pytest.fixture(scope="module")
def judge() -> ContractJudge:
    """Looks at every answer."""
    return ContractJudge(discover())


@pytest.fixture(scope="module")
def target(request: pytest.FixtureRequest, judge: ContractJudge) -> Iterator[Target]:
    """The server under test."""
    option = request.config.getoption
    options = Options(
        url=option("verify_url"),
        key=option("verify_key"),
        other_key=option("verify_other_key"),
        callback_secret=option("verify_secret"),
        seed=option("verify_seed"),
    )
    with open_target(options, judge) as opened:
        yield opened


def test_case(case: Case, target: Target, judge: ContractJudge) -> None:
    """What the case tries holds, and every answer on the way fits the contract."""
    seen = len(judge.problems)
    try:
        problem = next(case.tried(target), None)
    except NotExercised as why:
        pytest.skip(f"not exercised: {why}")
    assert problem is None, f"{problem.says if problem else ''}; spec reference: {case.spec_reference}"
    assert [one.says for one in judge.problems[seen:]] == []
