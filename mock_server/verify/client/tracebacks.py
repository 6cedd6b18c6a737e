"""Tells of the crash of a client: in a line, and as a whole traceback."""

from __future__ import annotations

import re
import sysconfig
import traceback
from pathlib import Path

from mock_server.verify.client.platform import KEY

_STDLIB = sysconfig.get_path("stdlib")
#: The lines that mark a part of a line of code; they differ between versions of Python.
_MARKS = re.compile(r"^ +[~^][~^ ]*\n", re.MULTILINE)
#: Characters of a traceback that are kept.
MOST_OF_TRACE = 16_000


def brief(error: BaseException) -> str:
    """What it is, and where the client's own code was then."""
    said = str(error).encode("utf-8", "backslashreplace").decode()[:200]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _foreign(frame.filename)]
    where = f", at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {said}{where}" if said else f"{type(error).__name__}{where}"


def _foreign(file: str) -> bool:
    """Whether a file is of a library, or of this harness."""
    parts = Path(file).parts
    return file.startswith(("<", _STDLIB)) or "site-packages" in parts or "mock_server" in parts


def trace_of(error: BaseException) -> str:
    """The whole traceback from the client's own code on, without the API key."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None and _foreign(where.tb_frame.f_code.co_filename):
        where = where.tb_next
    try:
        told = "".join(traceback.format_exception(type(error), error, where))
    except Exception as broken:  # noqa: BLE001 - an exception of a client may not even say what it is
        told = f"{type(error).__name__}, whose text cannot be had: {type(broken).__name__}"
    return bounded(_MARKS.sub("", told.replace(KEY, "KEY")))


def bounded(told: str) -> str:
    """The beginning and the end of a long text."""
    if len(told) <= MOST_OF_TRACE:
        return told
    return f"{told[: MOST_OF_TRACE // 4]}\n...\n{told[-3 * MOST_OF_TRACE // 4 :]}"
