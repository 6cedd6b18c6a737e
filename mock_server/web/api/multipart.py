"""Reads the one file of a multipart form. Imported at the first upload only."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from mock_server.core.errors import GatewayError, Trouble

FIELD = "file"

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # the answer says what is wrong with a form


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a form."""

    name: str
    media_type: str
    content: bytes


async def read_file(content_type: str, body: bytes) -> Part:
    """The field ``file`` of a form. Raises GatewayError, naming the field."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(Headers({"content-type": content_type}), stream(), max_files=100, max_fields=100)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeError) as error:
        message = getattr(error, "message", "") or "it has no boundary, or parts that cannot be read"
        raise GatewayError(Trouble.MALFORMED, f"the body is not multipart/form-data: {message}") from None
    try:
        file = form.get(FIELD)
        if isinstance(file, UploadFile):
            return Part(file.filename or FIELD, file.content_type or "", await file.read())
    finally:
        await form.close()
    if FIELD in form:
        raise GatewayError(Trouble.MALFORMED, "file must be a file, with a filename, not a plain field")
    there = f"; the form has {', '.join(sorted({name[:40] for name in form}))}" if form else "; the form is empty"
    raise GatewayError(Trouble.MALFORMED, f"file is required: send the file in the multipart field file{there}")
