"""The network of a company, on this computer: an authority of its own, a TLS server, and proxies that ask for a password."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from _scripted_service import ScriptedService

if TYPE_CHECKING:
    from pathlib import Path

USER, PASSWORD = "me", "private-word"


@dataclass(frozen=True)
class Certificates:
    """The certificate of an authority, and one that it signed, each as a PEM file."""

    authority: Path
    server: Path


def make_certificates(folder: Path, host: str) -> Certificates:
    """Make an authority, and a certificate of a host with its key."""
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Company authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _builder(issuer, issuer, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    name: x509.GeneralName
    try:
        name = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    server = (
        _builder(subject, issuer, server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = Certificates(folder / "company.pem", folder / "server.pem")
    made.authority.write_bytes(authority.public_bytes(pem))
    made.server.write_bytes(key + server.public_bytes(pem))
    return made


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
    )


class TlsService(ScriptedService):
    """A scripted service with a certificate of the company's authority."""

    def __init__(self, certificates: Certificates) -> None:
        super().__init__()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates.server)
        self.handshakes = 0
        plain, service = self._server.get_request, self

        def accept() -> tuple[socket.socket, object]:
            opened, address = plain()
            service.handshakes += 1
            opened.settimeout(20)
            # the handshake is made by the thread of the connection, with its first read
            return context.wrap_socket(opened, server_side=True, do_handshake_on_connect=False), address

        self._server.get_request = accept  # type: ignore[method-assign,assignment]  # the documented way to wrap a socket

    @property
    def url(self) -> str:
        return super().url.replace("http://", "https://")


class Proxy:
    """A proxy on this computer that leads every host to one server; it asks for a password, and notes what it was asked for."""

    scheme = "http"

    def __init__(self, target: str, *, refuse: int = 0) -> None:
        host, _, port = target.rpartition("/")[2].partition(":")
        self._target = (host, int(port))
        self._refuse = refuse
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def url(self, password: str = PASSWORD) -> str:
        """Return the URL of the proxy, as a variable has it."""
        return f"{self.scheme}://{USER}:{password}@{self.address}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                opened, _ = self._listener.accept()
            except OSError:
                return
            opened.settimeout(20)
            threading.Thread(target=self._one, args=(opened,), daemon=True).start()

    def _one(self, opened: socket.socket) -> None:
        with opened, contextlib.suppress(OSError, ValueError, IndexError):
            if not self._greet(opened):
                return
            with socket.create_connection(self._target, timeout=20) as onward:
                back = threading.Thread(target=_copy, args=(onward, opened), daemon=True)
                back.start()
                _copy(opened, onward)
                back.join(20)

    def _greet(self, opened: socket.socket) -> bool:
        """Read what is asked for, and return whether it is granted."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += opened.recv(4096)
        self.asked.append(head.split(b"\r\n")[0].decode())
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode())
        status = self._refuse or (200 if b"Basic " + expected in head else 407)
        opened.sendall(f"HTTP/1.1 {status} {head[:20]!r}\r\nContent-Length: 0\r\n\r\n".encode())
        return status == 200


class SocksProxy(Proxy):
    """A SOCKS 5 proxy (RFC 1928) with user name and password (RFC 1929)."""

    scheme = "socks5"

    def _greet(self, opened: socket.socket) -> bool:
        opened.recv(2 + opened.recv(2, socket.MSG_PEEK)[1])
        opened.sendall(b"\x05\x02")
        said = opened.recv(513)
        is_known = said == bytes([1, len(USER), *USER.encode(), len(PASSWORD), *PASSWORD.encode()])
        opened.sendall(b"\x01\x00" if is_known else b"\x01\x01")
        if not is_known:
            return False
        wanted = opened.recv(512)
        self.asked.append(wanted[5 : 5 + wanted[4]].decode())
        opened.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        return True


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
