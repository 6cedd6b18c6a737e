"""The language of shapes finds what is wrong, and accepts what is right."""

from __future__ import annotations

import pytest

from tests.support.shapes import fits

SUBMITTED = {"request_id": "mmsu_1"}
RIGHT = [
    ({"a": 1, "b": [{"c": 1}]}, {"a": "integer", "b": [{"c": "=1"}]}),
    ({"a": 0}, {"a": 0}),
    ({"a": 5.0}, {"a": 5}),
    ({}, {"?a": "string"}),
    ({"a": "x"}, {"?a": "string"}),
    ({"b": 1}, {"!a": "", "b": "any"}),
    ({"a": "mmsu_1"}, {"a": "@request_id"}),
    ({"a": "mmsu_1"}, {"a": "^mmsu_"}),
    ({"a": "x"}, {"a": "in:x,y"}),
    ({"a": "GET, HEAD"}, {"a": "has:HEAD"}),
    ({"a": "5"}, {"a": "decimal"}),
    ({"b": 1}, {"$any": [{"a": "any"}, {"b": "any"}]}),
]
WRONG = [
    ({"a": 1}, {"a": "integer", "b": [{"c": "=1"}]}),
    ({"a": True, "b": [{"c": 1}]}, {"a": "integer", "b": [{"c": "=1"}]}),
    ({"a": 1, "b": []}, {"a": "integer", "b": [{"c": "=1"}]}),
    ({"a": 1, "b": [{"c": 2}]}, {"a": "integer", "b": [{"c": "=1"}]}),
    ({"a": 1, "b": [{"c": 1}, {"c": 2}]}, {"a": "integer", "b": [{"c": "=1"}]}),
    ({"a": 1, "b": [{"c": 1}], "d": 2}, {"a": "integer", "b": [{"c": "=1"}]}),
    ({"a": "0"}, {"a": 0}),
    ({"a": False}, {"a": 0}),
    ({"a": 1}, {"?a": "string"}),
    ({"b": 1}, {"?a": "string"}),
    ({"a": 1, "b": 1}, {"!a": "", "b": "any"}),
    ({"a": "mmsu_2"}, {"a": "@request_id"}),
    ({"a": None}, {"a": "@other"}),
    ({"a": "mmsu_"}, {"a": "^mmsu_"}),
    ({"a": "x,y"}, {"a": "in:x,y"}),
    ({"a": "GETS"}, {"a": "has:GET"}),
    ({"a": 5}, {"a": "decimal"}),
    ({"c": 1}, {"$any": [{"a": "any"}, {"b": "any"}]}),
    ([], {}),
]


@pytest.mark.parametrize(("value", "shape"), RIGHT)
def test_what_is_right_fits(value, shape):
    assert fits(value, shape, submitted=SUBMITTED)


@pytest.mark.parametrize(("value", "shape"), WRONG)
def test_what_is_wrong_does_not_fit(value, shape):
    assert not fits(value, shape, submitted=SUBMITTED)


def test_an_open_shape_allows_further_keys_at_any_depth_and_nothing_else():
    shape = {"a": [{"b": "string"}], "!c": ""}
    assert fits({"a": [{"b": "x", "d": 1}], "e": 1}, shape, at_least=True)
    assert not fits({"a": [{"d": 1}]}, shape, at_least=True)
    assert not fits({"a": [{"b": "x"}], "c": 1}, shape, at_least=True)
