"""``verify client --max-spend``: what a client's tasks cost, and whether its books agree with the account."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from mock_server.cli.main import main
from mock_server.conformance.properties import Thresholds
from mock_server.verify.client.inprocess import InProcess
from mock_server.verify.client.reference_clients.light import Light, LightQueued
from mock_server.verify.client.run import Harness

SEEDS = [0, pytest.param(1, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.soak)]
CASES = 120


class BuysTwice(Light):
    """Sends every submit a second time, under another id."""

    def body(self, intent):
        body = super().body(intent)
        body["input"][0]["params"]["external_task_id"] += "-first"
        self.http.post("/model/v1/generation", body, self.headers())
        return super().body(intent)


class BuysAgainWhenUnsure(Light):
    """Makes a new id for each try, so that a lost answer is a second task."""

    tries = 0

    def body(self, intent):
        if "external_task_id" not in intent.params:
            self.tries += 1
            self.order = f"{self.order[:32]}-{self.tries}"
        return super().body(intent)


class BuysAgainAtTheEnd(Light):
    """Takes a task that is completed for one that it should make again."""

    def ended(self, task):
        found = super().ended(task)
        if found.said == "completed":
            params = {"prompt": "A red apple", "external_task_id": f"{self.order}-again"}
            self.http.post("/model/v1/generation", {"model": "kirin_v1_t2v", **params}, self.headers())
        return found


class PaysForFailures(Light):
    """Books a price for every task, also for those that failed."""

    def ended(self, task):
        found = super().ended(task)
        return replace(found, cost="0.14") if found.said == "failed" else found


class BooksAnything(Light):
    """Books a price for bodies that were refused."""

    def rejected(self, answer):
        return replace(super().rejected(answer), cost="0.14")

    def ended(self, task):
        found = super().ended(task)
        return replace(found, cost="1.4") if found.said == "failed" else found


class ForgetsWhatItBought(Light):
    """Reports a completed task as cancelled, and so books nothing."""

    def ended(self, task):
        found = super().ended(task)
        return replace(found, said="cancelled", cost=None) if found.said == "completed" else found


@cache
def _report(client, seed, max_spend=0.0):
    return Harness(InProcess(client), Thresholds(max_spend=max_spend), seed).verify(CASES, shrink=False)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("client", [Light, pytest.param(LightQueued, marks=pytest.mark.soak)])
def test_a_right_client_spends_nothing_more_and_its_books_agree(client, seed):
    report = _report(client, seed)
    assert {name: shown.fault.says for name, shown in report.shown.items()} == {}
    assert min(report.exercised["B01"], report.exercised["B02"]) > 20


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("client", [BuysTwice, BuysAgainWhenUnsure, BuysAgainAtTheEnd])
def test_a_client_that_buys_more_than_was_asked_for_spends_too_much(client, seed):
    report = _report(client, seed)
    assert report.shown["B01"].fault.says.startswith("its 2 tasks cost ")
    assert "B02" not in report.shown


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("client", [PaysForFailures, BooksAnything, ForgetsWhatItBought])
def test_books_that_disagree_with_the_account_are_seen(client, seed):
    report = _report(client, seed)
    assert report.shown["B02"].fault.says.startswith("its outcomes say ")
    assert "B01" not in report.shown


def test_a_budget_allows_what_it_says_and_without_one_money_is_not_judged():
    assert "B01" not in _report(BuysTwice, 0, 1000.0).shown
    assert {"B01", "B02"}.isdisjoint(_report(BuysTwice, 0, None).exercised)


def test_a_finding_about_money_is_replayed_with_its_budget(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["verify", "client", "tests.verify.test_spending:BuysTwice", "--cases", "30", "--only", "B0"]
    assert main([*command, "--max-spend", "0"]) == 1
    finding = re.search(r"verify replay (B01-\w+)", capsys.readouterr().out)[1]
    assert main(["verify", "replay", finding]) == 1
    assert "more than was asked for" in capsys.readouterr().out
    assert main([*command, "--max-spend", "nan"]) == 2
