"""What a task costs, from ``fixtures/prices.json``. Every price is assumed: no document gives any."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import orjson

from mock_server.core.resources import resource
from mock_server.platform.account import money


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = orjson.loads(resource("fixtures", "prices.json").read_bytes())
    return table


@cache
def _cost(model: str, mode: str, seconds: str, sound: bool) -> str:
    prices = _table()["models"][model]
    cost = Decimal(prices["per_second"][mode]) * int(seconds)
    if sound:
        cost *= Decimal(prices["sound_times"])
    return money(cost)


def cost_of(model: str, params: Mapping[str, Any]) -> str:
    """The price of a task in USD, as a decimal string."""
    return _cost(model, params.get("mode", "std"), params.get("duration", "5"), params.get("sound") == "on")


def discount() -> float:
    """The discount shown in ``usage``; 1 is none."""
    shown: float = _table()["discount"]
    return shown
