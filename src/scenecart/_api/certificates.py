"""Certificates of a company's network: whose signatures are trusted in place of the public authorities'."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from scenecart._util.files import as_path
from scenecart._util.text import clean_text
from scenecart.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_FOLDER = "SSL_CERT_DIR"


def trusted_certificates(
    ca_bundle: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None
) -> ssl.SSLContext | None:
    """Return the certificates of a file or folder, of the argument or else of the environment; None for the public ones.

    Parameters
    ----------
    ca_bundle
        A file of certificates in PEM form, or a folder that ``openssl rehash`` has prepared.
    environ
        The environment variables. Default: those of this process.

    Raises
    ------
    ConfigurationError
        If they cannot be read.
    """
    env = os.environ if environ is None else environ
    if ca_bundle is not None:
        return _context(as_path(ca_bundle, "ca_bundle"), "ca_bundle", is_argument=True)
    variable = next((name for name in (*_FILES, _FOLDER) if env.get(name)), None)
    return None if variable is None else _context(as_path(env[variable], variable), variable)


def _context(path: Path, source: str, *, is_argument: bool = False) -> ssl.SSLContext:
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        reason = "it contains no certificate in PEM form"
    except OSError as error:
        reason = clean_text(error.strerror or type(error).__name__, 80)
    message = f"must be a file of certificates, got {clean_text(path, 200)}: {reason}."
    raise ConfigurationError(
        message if is_argument else f"{source} {message}",
        code="ca_bundle_unusable",
        argument=source if is_argument else None,
        hint="Ask your administrator for the certificates of your network's proxy, as a PEM file that begins with "
        "-----BEGIN CERTIFICATE-----.",
    )
