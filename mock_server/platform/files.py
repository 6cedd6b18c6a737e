"""Uploaded files: each belongs to one tenant, and its URL needs no key. Sizes are in bytes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from mock_server.core.blobs import Blobs
from mock_server.platform.tenant import Tenant

FILES_PATH = "/files/"
_PATH = re.compile(r"/files/([0-9a-f]{32})/[^/]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class File:
    """One upload. ``url`` is where it is, on the server as the uploading client addressed it."""

    id: str
    tenant: str
    media_type: str
    digest: str
    url: str


class Files:
    """All uploads by id; their bytes are among the blobs."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._by_id: dict[str, File] = {}

    def add(self, tenant: Tenant, name: str, media_type: str, content: bytes, base_url: str) -> File:
        """Keep an upload. Its name survives in the URL as far as a URL likes it, its extension always."""
        file_id = tenant.name("file", tenant.uploaded)
        tenant.uploaded += 1
        digest = hashlib.blake2b(content, digest_size=20).hexdigest()
        self._blobs.keep(digest, content)
        url = f"{base_url}{FILES_PATH}{file_id}/{_url_name(name)}"
        file = self._by_id[file_id] = File(file_id, tenant.key, media_type, digest, url)
        return file

    def find(self, path: str) -> File | None:
        """The file at a path of this server."""
        found = _PATH.fullmatch(path)
        return self._by_id.get(found[1]) if found is not None else None

    def named_by(self, url: str, base_url: str) -> File | None:
        """The file that a URL names, written with either of two addresses of this server: ``base_url``, or the one the
        file was uploaded to.
        """
        base, _, path = url.partition(FILES_PATH)
        file = self.find(FILES_PATH + re.split("[?#]", path, maxsplit=1)[0])
        return file if file is not None and base in {base_url, file.url.partition(FILES_PATH)[0]} else None

    def content(self, file: File) -> bytes:
        """The bytes of a file."""
        return self._blobs.find(file.digest) or b""

    def forget(self, key: str | None) -> None:
        """Forget the files of one tenant, or of all."""
        self._by_id = {name: file for name, file in self._by_id.items() if key not in {None, file.tenant}}


def _url_name(name: str) -> str:
    """A file's name made of what needs no escape in a URL."""
    stem, dot, extension = re.split(r"[/\\]", name)[-1].rpartition(".")
    if not dot:
        stem, extension = extension, ""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:80] or "file"
    extension = re.sub(r"[^A-Za-z0-9]+", "", extension)[:10]
    return f"{stem}.{extension}" if extension else stem
