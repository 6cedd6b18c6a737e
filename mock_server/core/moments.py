"""Moments: Unix seconds as float, always whole microseconds, so that steps of time add up exactly."""

from __future__ import annotations


def moment(seconds: float) -> float:
    """The nearest moment the clock can show."""
    return round(seconds, 6)
