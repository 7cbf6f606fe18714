"""Certificates of a company's network, with a real authority and a real TLS server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _network import TlsService, make_certificates
from _scripted_service import answer
from scenecart._api.certificates import trusted_certificates

if TYPE_CHECKING:
    from pathlib import Path

    from _network import Certificates

VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make an authority of a company, and a certificate of this computer that it signed."""
    return make_certificates(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def orders(service: TlsService, **options: Any) -> Any:
    service.put("orders.list", answer([]))
    with scenecart.connect(base_url=service.url, token="t", sleep=lambda _: None, **options) as client:
        return client.call("orders.list")


def test_untrusted_certificate_is_an_error_that_says_so(certificates: Certificates):
    """A certificate of an unknown authority is one error, which is not retried; nothing is sent."""
    with TlsService(certificates) as service:
        with raises(scenecart.ConnectionFailed, "certificate_not_trusted") as caught:
            orders(service)
        assert service.received == []
    assert not caught.value.was_sent
    assert "SSL_CERT_FILE" in str(caught.value.hint)
    assert service.handshakes == 1


def test_company_certificates_are_trusted_as_argument(certificates: Certificates):
    """ca_bundle= names the file of the company's authority."""
    with TlsService(certificates) as service:
        assert orders(service, ca_bundle=certificates.authority) == []


@pytest.mark.parametrize("variable", VARIABLES)
def test_company_certificates_are_trusted_from_the_environment(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, variable: str
):
    """The variables of OpenSSL, requests and curl name it too."""
    monkeypatch.setenv(variable, str(certificates.authority))
    with TlsService(certificates) as service:
        assert orders(service) == []


def test_certificate_of_another_host_is_not_trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch):
    """A certificate of a trusted authority for another name is refused."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    with TlsService(certificates) as service, raises(scenecart.ConnectionFailed, "certificate_not_trusted"):
        scenecart.connect(base_url=service.url.replace("127.0.0.1", "localhost"), token="t").call("orders.list")


@pytest.mark.parametrize(
    "content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_unusable_certificates_are_an_error_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None):
    """A missing file, or one without certificates, is an error of connect() that names the argument or the variable."""
    path = tmp_path / "company.pem"
    if content is not None:
        path.write_bytes(content)
    with raises(scenecart.ConfigurationError, "ca_bundle_unusable") as caught:
        scenecart.connect(base_url="https://api.example", token="t", ca_bundle=path)
    assert caught.value.argument == "ca_bundle"
    assert "company.pem" in caught.value.message
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with raises(scenecart.ConfigurationError, "ca_bundle_unusable") as caught:
        scenecart.connect(base_url="https://api.example", token="t")
    assert caught.value.message.startswith("REQUESTS_CA_BUNDLE ")


def test_certificates_do_not_matter_without_encryption(monkeypatch: pytest.MonkeyPatch):
    """The sandbox on this computer is used without TLS, so a bad variable does not stop it."""
    monkeypatch.setenv("SSL_CERT_FILE", "nowhere.pem")
    scenecart.connect(base_url="http://127.0.0.1:9", token="t").close()


def test_folder_of_certificates_is_read(tmp_path: Path):
    """SSL_CERT_DIR names a folder; without any of the variables the public authorities are used."""
    assert trusted_certificates(environ={"SSL_CERT_DIR": str(tmp_path)}) is not None
    assert trusted_certificates(environ={}) is None
