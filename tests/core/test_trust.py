"""What clients of the proxy are told to trust and to do, and that no key leaves the memory of the server."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mock_server import MockServer
from mock_server.core.errors import UsageError
from mock_server.core.interception import trust
from mock_server.core.interception.environment import NODE_MODULE, changes
from mock_server.core.interception.hosts import Authority, Hosts, host_name
from mock_server.core.interception.trust import (
    TRUST_VARIABLES,
    CertificateAuthority,
    load_by_pipes,
    load_encrypted,
    trust_file,
)
from mock_server.web.interception.connect import Refusal
from mock_server.web.interception.proxied import ProxiedHttp
from tests.support.tunnels import HOST, get, proxied, status

OTHER = CertificateAuthority().certificate
PEM_KEY = b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"


def _changes(environment, trusted=Path("/run/trusted.pem")):
    return changes("http://127.0.0.1:8080", "http://127.0.0.1:8787", trusted, environment)


@pytest.fixture
def written(monkeypatch):
    """The files that are opened for writing."""
    found = []
    real = os.open

    def opened(path, flags, *rest, **more):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            found.append(path)
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(Path, "write_bytes", lambda self, content: found.append(self) or self.open("wb").write(content))
    return found


def test_a_key_comes_to_openssl_without_a_file(tmp_path, written, monkeypatch):
    del written[:]  # what the folder of this test took
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_by_pipes(context, CertificateAuthority().issue([HOST]))
    assert written == []


def test_where_there_must_be_a_file_its_key_is_encrypted_and_it_is_removed(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    real = ssl.SSLContext.load_cert_chain

    class Context(ssl.SSLContext):
        def load_cert_chain(self, certfile, keyfile=None, password=None):
            seen.append((Path(certfile).read_bytes(), Path(certfile).parent.stat().st_mode & 0o777))
            return real(self, certfile, keyfile, password)

    load_encrypted(Context(ssl.PROTOCOL_TLS_SERVER), CertificateAuthority().issue([HOST]))
    [(content, mode)] = seen
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert content.count(b"PRIVATE KEY") == 2
    assert mode == 0o700
    assert list(tmp_path.iterdir()) == []


def test_such_a_certificate_serves_too(monkeypatch, tmp_path):
    monkeypatch.setattr(trust, "_FILE_DESCRIPTORS", tmp_path / "none")
    with proxied() as proxy:
        assert proxy.alive()


def test_a_certificate_for_more_names_than_a_pipe_holds_serves_too():
    many = tuple(f"{'a' * 60}.host{number}.example.com" for number in range(1000))
    with proxied(intercept_host=many) as proxy:
        assert status(proxy.ask_secure(get("/_mock/health", many[-1]), host=many[-1])) == 200


@pytest.fixture
def fifo(tmp_path):
    """A pipe with a name, and nobody there."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def _trusted(**environment):
    with trust_file(b"ours\n", {"SSL_CERT_FILE": "/dev/null", **environment}) as path:
        return path.read_bytes()


def test_a_file_of_trust_that_nobody_writes_to_holds_nothing_up(fifo):
    program = f"from tests.core.test_trust import _trusted; print(_trusted(PIP_CERT={str(fifo)!r}))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "b'ours\\n'\n"


def test_a_file_of_trust_whose_writer_is_silent_is_left(fifo, monkeypatch):
    monkeypatch.setattr(trust, "PIPE_PATIENCE", 0.01)
    with fifo.open("r+b", buffering=0) as writer:
        assert _trusted(PIP_CERT=str(fifo)) == b"ours\n"
        writer.write(OTHER)
        assert OTHER.strip() in _trusted(PIP_CERT=str(fifo))


def test_a_file_of_trust_that_a_shell_makes_on_the_way_is_read():
    reading, writing = os.pipe()
    thread = threading.Thread(target=lambda: (os.write(writing, OTHER), os.close(writing)))
    thread.start()
    try:
        assert OTHER.strip() in _trusted(CURL_CA_BUNDLE=f"/dev/fd/{reading}", PIP_CERT=f"/dev/fd/{reading}")
    finally:
        os.close(reading)
        thread.join()


def test_a_file_of_trust_that_is_a_device_or_leads_to_itself_is_left(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert _trusted(PIP_CERT="/dev/zero", AWS_CA_BUNDLE=str(loop)) == b"ours\n"


def test_the_file_of_trust_has_what_was_trusted_before_and_no_key(tmp_path):
    bundle, alone, folder = tmp_path / "bundle.pem", tmp_path / "alone.pem", tmp_path / "folder"
    bundle.write_bytes(PEM_KEY + OTHER + b"-----BEGIN CERTIFICATE-----\ncut off")
    alone.write_bytes(CertificateAuthority().certificate)
    folder.mkdir()
    environment = {"SSL_CERT_FILE": str(bundle), "NODE_EXTRA_CA_CERTS": str(alone), "REQUESTS_CA_BUNDLE": str(folder)}
    environment |= {"CURL_CA_BUNDLE": str(tmp_path / "missing"), "PIP_CERT": str(bundle)}
    own = CertificateAuthority().certificate
    with trust_file(own, environment) as path:
        content = path.read_bytes()
        assert (path.stat().st_mode & 0o077, path.parent.stat().st_mode & 0o777) in {(0o044, 0o700), (0, 0o700)}
        context = ssl.create_default_context(cafile=str(path))
    assert content.startswith(own)
    assert len(context.get_ca_certs()) == content.count(b"BEGIN CERTIFICATE") == 3
    assert b"PRIVATE" not in content
    assert not path.parent.exists()


def test_without_a_file_of_its_own_a_client_goes_on_trusting_the_system(tmp_path, monkeypatch):
    roots = tmp_path / "roots.pem"
    roots.write_bytes(OTHER)
    paths = ssl.get_default_verify_paths()._replace(cafile=str(roots))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    with trust_file(CertificateAuthority().certificate, {}) as path:
        assert OTHER.strip() in path.read_bytes()


def test_two_authorities_do_not_trust_each_other():
    with proxied() as proxy, proxy.connect() as connection:
        untrusting = ssl.create_default_context(cadata=OTHER.decode())
        with pytest.raises(ssl.SSLCertVerificationError):
            untrusting.wrap_socket(connection, server_hostname=HOST)


def test_every_variable_of_a_proxy_leads_to_ours_or_is_gone():
    names = (
        "HTTP_PROXY",
        "https_proxy",
        "All_Proxy",
        "ALL_PROXY",
        "ftp_proxy",
        "WSS_PROXY",
        "SOCKS5_PROXY",
        "no_proxy",
    )
    names += ("npm_config_https_proxy", "npm_config_noproxy", "GLOBAL_AGENT_HTTP_PROXY", "GRPC_PROXY", "no_grpc_proxy")
    made = _changes(dict.fromkeys(names, "http://elsewhere:1")).of(dict.fromkeys(names, "http://elsewhere:1"))
    assert "http://elsewhere:1" not in made.values()
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        assert made[name] == "http://127.0.0.1:8080"
    assert made["NO_PROXY"] == made["no_proxy"] == "localhost,127.0.0.1,::1"


PROGRAMS_OWN = {
    "proxy": ("PIP_PROXY", "CARGO_HTTP_PROXY", "BUNDLE_HTTPS_PROXY", "GLOBAL_AGENT_HTTP_PROXY",
              "npm_config_https_proxy", "npm_config_proxy", "YARN_HTTPS_PROXY", "UV_HTTPS_PROXY", "CGI_HTTP_PROXY"),
    "direct": ("GLOBAL_AGENT_NO_PROXY", "npm_config_noproxy", "UV_NO_PROXY"),
}  # fmt: skip


def test_the_variables_of_single_programs_lead_to_our_proxy_where_they_are_set():
    environment = dict.fromkeys((*PROGRAMS_OWN["proxy"], *PROGRAMS_OWN["direct"]), "http://elsewhere:1")
    made = _changes(environment).of(environment)
    assert {made[name] for name in PROGRAMS_OWN["proxy"]} == {"http://127.0.0.1:8080"}
    assert {made[name] for name in PROGRAMS_OWN["direct"]} == {"localhost,127.0.0.1,::1"}
    assert not _changes({}).of({}).keys() & environment.keys()


def test_what_only_looks_like_a_proxys_variable_stays():
    kept = {"MY_PROXY": "a", "REVERSE_PROXY_URL": "b", "PATH": "/bin", "PROXY_USER": "c"}
    assert kept.items() <= _changes(kept).of(kept).items()


def test_every_file_of_trust_that_is_set_is_replaced():
    environment = {"PIP_CERT": "a", "AWS_CA_BUNDLE": "", "NIX_SSL_CERT_FILE": "b", "SSL_CERT_DIR": "/etc/ssl/certs"}
    made = _changes(environment).of(environment)
    assert {made[name] for name in (*TRUST_VARIABLES, "PIP_CERT", "NIX_SSL_CERT_FILE")} == {"/run/trusted.pem"}
    assert (made["AWS_CA_BUNDLE"], made["SSL_CERT_DIR"]) == ("", "/etc/ssl/certs")


def test_the_options_of_node_are_kept_and_the_module_is_named_once():
    made = _changes({"NODE_OPTIONS": "--max-old-space-size=99"}).set["NODE_OPTIONS"]
    assert made == f'--require="{NODE_MODULE}" --max-old-space-size=99'
    assert _changes({"NODE_OPTIONS": made}).set["NODE_OPTIONS"] == made


def test_exports_survive_a_shell():
    said = "a 'quoted' \"path\" with $HOME and `ticks`"
    made = _changes({"FTP_PROXY": "x"}, Path(said))
    script = "\n".join([*made.exports(), 'printf %s "$SSL_CERT_FILE${FTP_PROXY-gone}"'])
    ended = subprocess.run(script, shell=True, capture_output=True, text=True, check=True, env={"FTP_PROXY": "x"})
    assert ended.stdout == f"{said}gone"


@pytest.mark.parametrize("name", ["api.example.com", "API.Example.COM.", "a", "xn--bcher-kva.example", "a_b.c-d.e1"])
def test_a_host_to_stand_in_for_is_a_name(name):
    assert host_name(name) == name.lower().rstrip(".")
    assert host_name(name) in Hosts([name])


@pytest.mark.parametrize("host", ["127.0.0.1", "1.2.3.4", "[::1]", "localhost", "a.localhost", "1"])
def test_a_refusal_advises_only_what_would_be_accepted(host):
    short, full = Hosts(flag="--host").refusal(Authority.parse(host, 443))
    assert short == f"{host} is not intercepted by kirin-mock; only names of other machines can be, not addresses"
    assert "--host" not in full
    assert Hosts(flag="--host").refusal(Authority("a.example", 443))[0].endswith("; --host a.example adds it")


@pytest.mark.parametrize(
    "name",
    ["", ".", "a..b", "-a.b", "a-.b", "a b", "a:443", "https://a", "a/", "*.a", "10.0.0.1", "1", "::1", "[::1]",
     "bücher.example", "localhost", "LOCALHOST.", "a.localhost", "a" * 64, "a." * 127 + "a", "a\n"],
)  # fmt: skip
def test_what_is_no_name_of_another_host_is_none(name):
    with pytest.raises(ValueError, match="must"):
        host_name(name)


def test_a_server_of_a_test_has_no_proxy():
    with pytest.raises(UsageError, match="kirin-mock run"):
        MockServer(intercept=0)


def test_without_the_check_of_hosts_a_tunnel_would_serve_any(monkeypatch):
    with proxied() as proxy:
        assert status(proxy.ask_secure(get(host="example.com"))) == 421
        monkeypatch.setattr(ProxiedHttp, "_admit_tunnelled", lambda self, tunnel, hosts: tunnel.asked)
        assert status(proxy.ask_secure(get(host="example.com"))) == 200


def test_a_reason_phrase_is_one_line_of_ascii():
    raw = Refusal(403, "told", "caf\xe9").raw()
    assert raw.startswith(b"HTTP/1.1 403 caf?\r\n")
