"""A certificate authority for one run. Its keys live in memory; its certificate in a private folder, for a while.

Clients get one file of certificates to trust: this authority's, and those that they would have trusted without it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import ssl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mock_server.core.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    import trustme

#: Variables that name a file of certificates. A client that follows one of them must find this authority there.
TRUST_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT")
#: The same, of single programs: replaced only where they are set.
OTHER_TRUST_VARIABLES = (
    "AWS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "GIT_SSL_CAINFO",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HTTPLIB2_CA_CERTS",
    "NIX_SSL_CERT_FILE",
    "PIP_CERT",
)
#: A larger file is no list of certificates; in bytes.
MAX_BUNDLE = 8 << 20

_FILE_DESCRIPTORS = Path("/dev/fd")


class CertificateAuthority:
    """Signs one certificate for all hosts. Raises MissingExtra."""

    def __init__(self) -> None:
        try:
            import trustme
        except ImportError:
            raise MissingExtra("intercepting https", "intercept") from None
        self._authority = trustme.CA(
            path_length=0, organization_name="kirin-mock", organization_unit_name="temporary CA, key in memory only"
        )

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, as PEM."""
        return self._authority.cert_pem.bytes()

    def context(self, names: Sequence[str]) -> ssl.SSLContext:
        """What a server that goes by these names speaks TLS with: HTTP/1.1 only."""
        leaf = self._authority.issue_cert(*names, organization_name="kirin-mock")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        load = load_by_pipes if _FILE_DESCRIPTORS.is_dir() else load_encrypted
        load(context, leaf)
        return context


def load_by_pipes(context: ssl.SSLContext, leaf: trustme.LeafCert) -> None:
    """Hand a certificate and its key to OpenSSL, which reads files only, by two pipes: nothing is written to a disk."""
    with _pipe(leaf.cert_chain_pems[0].bytes()) as certificate, _pipe(leaf.private_key_pem.bytes()) as key:
        context.load_cert_chain(certificate, key)


@contextlib.contextmanager
def _pipe(content: bytes) -> Iterator[str]:
    """A path that these bytes can be read from once. They are fewer than any system's pipe holds."""
    reading, writing = os.pipe()
    try:
        try:
            os.write(writing, content)
        finally:
            os.close(writing)
        yield str(_FILE_DESCRIPTORS / str(reading))
    finally:
        os.close(reading)


def load_encrypted(context: ssl.SSLContext, leaf: trustme.LeafCert) -> None:
    """The same where there are no such paths: by a file that is removed at once, the key in it encrypted."""
    from cryptography.hazmat.primitives import serialization

    password = secrets.token_bytes(32)
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    with tempfile.TemporaryDirectory(prefix="kirin-mock-ca-") as folder:
        path = Path(folder) / "certificate.pem"
        path.write_bytes(leaf.cert_chain_pems[0].bytes() + key)
        context.load_cert_chain(path, password=password)


@contextlib.contextmanager
def trust_file(certificate: bytes, environment: Mapping[str, str]) -> Iterator[Path]:
    """A file of what to trust: ``certificate``, and what is trusted in ``environment``. It is removed at the end, with
    the private folder that it is in. Raises UsageError.
    """
    trusted = b"".join((certificate, *_trusted(environment)))
    try:
        folder = tempfile.TemporaryDirectory(prefix="kirin-mock-ca-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UsageError(f"no temporary folder for the CA certificate: {error.strerror or error}") from None
    with folder as name:
        path = Path(name) / "trusted.pem"
        try:
            path.write_bytes(trusted)
        except OSError as error:
            raise UsageError(f"the CA certificate cannot be written: {error.strerror or error}") from None
        yield path


def _trusted(environment: Mapping[str, str]) -> Iterator[bytes]:
    """The certificates that the variables name, and those of the system unless SSL_CERT_FILE is set."""
    named = [environment.get(name) or "" for name in (*TRUST_VARIABLES, *OTHER_TRUST_VARIABLES)]
    paths = [named[0] or ssl.get_default_verify_paths().cafile or "", *named[1:]]
    for path in dict.fromkeys(map(Path.resolve, map(Path, filter(None, paths)))):
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BUNDLE)
        except OSError:
            continue  # a folder, or not there: it was of no use before either
        yield from _certificates(content)


def _certificates(content: bytes) -> Iterator[bytes]:
    """The certificates in a PEM file, and nothing else: a key that lies beside one is not copied."""
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    for piece in content.split(begin)[1:]:
        body, found, _ = piece.partition(end)
        if found:
            yield b"\n" + begin + body + end + b"\n"
