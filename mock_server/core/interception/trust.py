"""A certificate authority for one run. Its keys live in memory; its certificate in a private folder, for a while.

Clients get one file of certificates to trust: this authority's, and those that they would have trusted without it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import ssl
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mock_server.core.errors import MissingExtra, UsageError

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
#: So long a pipe that a variable names may take to give all of it, in real seconds.
PIPE_PATIENCE = 5.0

_FILE_DESCRIPTORS = Path("/dev/fd")
#: What every pipe holds without a reader, in bytes.
_PIPE_HOLDS = 4096
#: As long as certificates can be: a client's clock may be a made-up one.
_VALID_FROM, _VALID_TO = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate for names, and its key, as PEM."""

    certificate: bytes
    key: bytes


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

    def issue(self, names: Sequence[str]) -> Leaf:
        """A certificate for host names, which are put into it as they are. trustme's own way takes only those that
        the rules of internationalized names allow; in use are others too, such as names with an underscore.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

        signer = x509.load_pem_x509_certificate(self.certificate)
        signing = serialization.load_pem_private_key(self._authority.private_key_pem.bytes(), None)
        if not isinstance(signing, ec.EllipticCurvePrivateKey):  # pragma: no cover - what trustme makes by default
            raise TypeError("the authority's key is of another kind than expected")
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "kirin-mock")]))
            .issuer_name(signer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_VALID_FROM)
            .not_valid_after(_VALID_TO)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .sign(signing, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Leaf(made.public_bytes(serialization.Encoding.PEM), private)

    def context(self, names: Sequence[str]) -> ssl.SSLContext:
        """What a server that goes by these names speaks TLS with: HTTP/1.1 only."""
        leaf = self.issue(names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        by_pipes = _FILE_DESCRIPTORS.is_dir() and len(leaf.certificate) <= _PIPE_HOLDS
        load = load_by_pipes if by_pipes else load_encrypted
        load(context, leaf)
        return context


def load_by_pipes(context: ssl.SSLContext, leaf: Leaf) -> None:
    """Hand a certificate and its key to OpenSSL, which reads files only, by two pipes: nothing is written to a disk."""
    with _pipe(leaf.certificate) as certificate, _pipe(leaf.key) as key:
        context.load_cert_chain(certificate, key)


@contextlib.contextmanager
def _pipe(content: bytes) -> Iterator[str]:
    """A path that these bytes can be read from once; at most ``_PIPE_HOLDS``."""
    reading, writing = os.pipe()
    try:
        try:
            os.write(writing, content)
        finally:
            os.close(writing)
        yield str(_FILE_DESCRIPTORS / str(reading))
    finally:
        os.close(reading)


def load_encrypted(context: ssl.SSLContext, leaf: Leaf) -> None:
    """The same where there are no such paths: by a file that is removed at once, the key in it encrypted."""
    from cryptography.hazmat.primitives import serialization

    password = secrets.token_bytes(32)
    key = serialization.load_pem_private_key(leaf.key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    with tempfile.TemporaryDirectory(prefix="kirin-mock-ca-") as folder:
        path = Path(folder) / "certificate.pem"
        path.write_bytes(leaf.certificate + key)
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
    seen: set[tuple[int, int]] = set()
    for path in filter(None, paths):
        try:
            about = Path(path).stat()
            content = b"" if (about.st_dev, about.st_ino) in seen else _content(path, about.st_mode)
        except OSError:
            continue  # not there, or not ours to read: it was of no use before either
        seen.add((about.st_dev, about.st_ino))
        yield from _certificates(content)


def _content(path: str, mode: int) -> bytes:
    """What is in a file, or comes through a pipe soon enough, as from ``<(command)`` in a shell; nothing of devices.
    Raises OSError.
    """
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        return b""
    until, content = time.monotonic() + PIPE_PATIENCE, bytearray()
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while len(content) < MAX_BUNDLE:
            part = file.read(1 << 20)
            if part:
                content += part
            elif part is not None or not select.select([file], [], [], max(until - time.monotonic(), 0.0))[0]:
                break  # the end, or nothing more in time
    return bytes(content)


def _certificates(content: bytes) -> Iterator[bytes]:
    """The certificates in a PEM file, and nothing else: a key that lies beside one is not copied."""
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    for piece in content.split(begin)[1:]:
        body, found, _ = piece.partition(end)
        if found:
            yield b"\n" + begin + body + end + b"\n"
