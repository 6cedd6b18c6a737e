"""Where the camera is at each moment of a shot. Pure numbers; nothing is drawn here.

Distances are in widths and heights of the frame, to the right and upwards; turns in degrees, clockwise; the view is
how much of the scene is seen, 1 at the start, less when it narrows. All are the camera's: what it sees moves the other
way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: What one unit of a camera control does by the end of a shot. A turn to the side sweeps further than a step aside.
STEP, SWEEP, ROLL, VIEW = 0.02, 0.03, 2.0, 0.045


@dataclass(frozen=True, slots=True)
class CameraTransform:
    """Where the camera is, and how much it sees."""

    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0
    view: float = 1.0

    def towards(self, other: CameraTransform, part: float) -> CameraTransform:
        """Part of the way to another pose; the view changes by the same factor in equal parts."""
        return CameraTransform(
            self.x + (other.x - self.x) * part,
            self.y + (other.y - self.y) * part,
            self.turn + (other.turn - self.turn) * part,
            self.view * (other.view / self.view) ** part,
        )


REST = CameraTransform()
CameraPath = tuple[CameraTransform, ...]

#: The moves that have a name, through which poses they go.
NAMED: dict[str, CameraPath] = {
    "down_back": (REST, CameraTransform(y=-0.1, view=1.35)),
    "forward_up": (REST, CameraTransform(y=0.1, view=0.7)),
    "right_turn_forward": (REST, CameraTransform(x=0.2), CameraTransform(x=0.2, view=0.7)),
    "left_turn_forward": (REST, CameraTransform(x=-0.2), CameraTransform(x=-0.2, view=0.7)),
}


def simple(axis: str, value: float) -> CameraPath:
    """The way of one axis of a simple camera control."""
    ends = {
        "horizontal": CameraTransform(x=STEP * value),
        "vertical": CameraTransform(y=STEP * value),
        "pan": CameraTransform(x=SWEEP * value),
        "tilt": CameraTransform(y=SWEEP * value),
        "roll": CameraTransform(turn=ROLL * value),
        "zoom": CameraTransform(view=math.exp(VIEW * value)),
    }
    return REST, ends[axis]


def way_of(control: Mapping[str, Any]) -> tuple[CameraPath, str]:
    """The way of a ``camera_control``, and its name for people."""
    kind = control.get("type", "simple")
    if kind in NAMED:
        return NAMED[kind], kind
    moved = {axis: value for axis, value in (control.get("config") or {}).items() if value}
    axis, value = next(iter(moved.items()), ("pan", 0))
    return simple(axis, value), f"{axis} {value:+g}"


def drift(draw: int, depth: float) -> CameraPath:
    """The gentle move where none is asked for: closing in, towards one of the corners."""
    aside = depth * 0.4
    return REST, CameraTransform((aside, -aside)[draw & 1], (aside, -aside)[draw >> 1 & 1], view=1 - depth)


def pose(way: CameraPath, part: float) -> CameraTransform:
    """Where the camera is after ``part`` of its way, from 0 to 1; it starts and stops softly at each pose."""
    legs = len(way) - 1
    leg = min(int(part * legs), legs - 1)
    along = part * legs - leg
    return way[leg].towards(way[leg + 1], along * along * (3 - 2 * along))


def reach(way: CameraPath, aspect: float) -> tuple[float, float]:
    """How far beyond the frame it ever sees, to each side: in widths, and in heights. ``aspect`` is width by height."""
    sides, ups = 0.0, 0.0
    for place in range(33):
        at = pose(way, place / 32)
        angle = math.radians(abs(at.turn))
        wide = at.view * (math.cos(angle) + math.sin(angle) / aspect)
        high = at.view * (math.cos(angle) + math.sin(angle) * aspect)
        sides = max(sides, abs(at.x) + wide / 2 - 0.5)
        ups = max(ups, abs(at.y) + high / 2 - 0.5)
    return sides, ups
