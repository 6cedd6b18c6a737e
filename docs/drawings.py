"""Draws docs/kirin-mock.svg and docs/wings.svg: ``python docs/drawings.py``.

The wings are those of the import rules in pyproject.toml, and what stands beside each is the first sentence of its
docstring. Standard library only; the same repository gives the same bytes. A test compares them.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
FONT = "ui-sans-serif, system-ui, Segoe UI, Helvetica, Arial, sans-serif"
INK, MUTED, PAPER, LINE, FILL, ACCENT = "#1f2933", "#52606d", "#ffffff", "#9aa5b1", "#f0f4f8", "#0b69a3"


def layers() -> list[list[str]]:
    """The wings, highest layer first, as pyproject.toml has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (rule,) = (one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    found = [[wing.strip() for wing in layer.split("|")] for layer in rule["layers"]]
    return [layer for layer in found if layer != ["__main__"]]


def purpose(wing: str) -> str:
    """The first line of a wing's docstring, without its marks for code."""
    folder = ROOT / "mock_server" / wing
    source = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return (ast.get_docstring(ast.parse(source.read_text("utf-8"))) or "").splitlines()[0].replace("``", "")


def _text(
    x: int, y: int, words: str, size: int = 14, colour: str = INK, anchor: str = "middle", bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    style = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}'
    return f'<text x="{x}" y="{y}" {style}>{escape(words)}</text>'


def _box(x: int, y: int, width: int, height: int, colour: str = LINE, fill: str = FILL) -> str:
    style = f'rx="8" fill="{fill}" stroke="{colour}" stroke-width="1.5"'
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" {style}/>'


def _arrow(x: int, y: int, to_x: int, to_y: int, colour: str = ACCENT) -> str:
    marker = "accent" if colour == ACCENT else "muted"
    style = f'stroke="{colour}" stroke-width="1.8" marker-end="url(#{marker})"'
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" {style}/>'


def _svg(width: int, height: int, title: str, parts: list[str]) -> str:
    markers = "".join(
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
        for name, colour in (("accent", ACCENT), ("muted", MUTED))
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{FONT}" role="img">'
    )
    paper = f'<rect width="{width}" height="{height}" rx="10" fill="{PAPER}"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<defs>{markers}</defs>", paper, *parts, "</svg>", ""])


def overview() -> str:
    """The picture of the README: who talks to whom."""
    calls = (
        ("submit a task", True),
        ("poll it", True),
        ("callbacks, signed", False),
        ("mp4 videos", False),
    )
    parts = [_box(30, 30, 200, 180), _text(130, 105, "your client", 18, bold=True)]
    parts.append(_text(130, 130, "unchanged, offline", 13, MUTED))
    parts += [_box(500, 30, 290, 180, ACCENT, PAPER), _text(645, 62, "kirin-mock", 18, bold=True)]
    held = ("five models, two protocols", "tasks, clock, balance per API key", "errors and faults on demand")
    parts += [_text(645, 100 + 28 * row, words, 14) for row, words in enumerate(held)]
    for row, (words, forward) in enumerate(calls):
        y = 62 + 40 * row
        ends = (238, y, 492, y) if forward else (492, y, 238, y)
        parts += [_arrow(*ends), _text(365, y - 8, words, 13)]
    parts += [_box(30, 280, 200, 56), _text(130, 303, "kirin-mock verify", 14, bold=True)]
    parts += [_text(130, 323, "is the client right?", 13, MUTED), _arrow(130, 272, 130, 218, MUTED)]
    parts += [_box(500, 280, 290, 56), _text(645, 303, "you and your tests", 14, bold=True)]
    parts += [_text(645, 323, "time, scenarios, journal of every call", 13, MUTED), _arrow(645, 272, 645, 218, MUTED)]
    parts.append(_text(655, 250, "control API", 13, MUTED, "start"))
    return _svg(820, 360, "Your client talks to kirin-mock; you steer kirin-mock and read what happened", parts)


def wings() -> str:
    """The picture of docs/architecture.md: each layer with its wings, and what each is for."""
    parts, y = [], 20
    for number, layer in enumerate(layers()):
        if number:
            parts.append(_arrow(104, y, 104, y + 20, MUTED))
            y += 24
        for wing in layer:
            parts += [_box(20, y, 168, 40), _text(104, y + 25, wing, 15, bold=True)]
            parts.append(_text(204, y + 25, purpose(wing), 13, MUTED, "start"))
            y += 46
        y -= 4
    return _svg(960, y + 22, "The wings of mock_server: each imports only what stands lower", parts)


def drawings() -> dict[Path, str]:
    """Each drawing by its file."""
    return {ROOT / "docs" / "kirin-mock.svg": overview(), ROOT / "docs" / "wings.svg": wings()}


if __name__ == "__main__":
    for path, drawing in drawings().items():
        path.write_text(drawing, "utf-8")
