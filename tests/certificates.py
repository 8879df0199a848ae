"""Certificates of a test's own authority, as files."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme


class Authority:
    """A CA whose certificate is the file `ca`; it issues others beside it."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.ca))
        self._name = name

    def issue(
        self, file: str, *names: str, common_name: str | None = None, days: float = 30
    ) -> tuple[Path, Path]:
        """Return the files of a new certificate and its key.

        It is valid until `days` from now, which may be in the past.
        """
        made = self._ca.issue_cert(
            *names,
            common_name=common_name,
            not_before=datetime.now(UTC) - timedelta(days=100),
            not_after=datetime.now(UTC) + timedelta(days=days),
        )
        cert = self._folder / f"{self._name}-{file}.cert.pem"
        key = self._folder / f"{self._name}-{file}.key.pem"
        cert.write_bytes(made.cert_chain_pems[0].bytes())
        key.write_bytes(made.private_key_pem.bytes())
        return cert, key

    def client_context(
        self,
        cert: tuple[Path, Path] | None = None,
        version: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """Return a client's context that trusts this CA."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if cert is not None:
            context.load_cert_chain(*cert)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context


def tls_flags(cert: tuple[Path, Path], **settings: Any) -> list[str]:
    """Return flags of `serve` for a certificate and further settings."""
    flags = ["--tls-cert", str(cert[0]), "--tls-key", str(cert[1])]
    for key, value in settings.items():
        flags += ["--" + key.replace("_", "-"), str(value)]
    return flags
