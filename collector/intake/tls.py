"""TLS of a listener: made of files, and which clients' certificates will do.

Each load makes a new context, so a reload either takes effect whole, for the
connections that follow, or not at all; open ones keep the context they have.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from collector.errors import ConfigError
from collector.listen_settings import TlsSettings

log = logging.getLogger("logcollector")

# The kinds of names in subjectAltName that a client may be known by.
_NAME_KINDS: Final = ("DNS", "URI", "email")


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The TLS of a listener.

    `client_names`: those of which a client's certificate must have one, in
    small letters; empty: the context alone decides.
    """

    context: ssl.SSLContext
    client_names: frozenset[str]
    handshake_timeout_seconds: float


def load_tls(settings: TlsSettings, where: str) -> ServerTls:
    """Read the files and make a context; says when clients will refuse it.

    `where` stands before the names of settings in messages. Raises ConfigError
    for files that are missing, are no certificates, or don't belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Connections last for days, so there is nothing to gain from resuming
    # sessions. Tickets would be harmful: a peer that never reads, as
    # SocketHandler doesn't, has them unread when it closes, and then its
    # system sends a reset and forgets what was still to be sent.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    _load_own(context, settings, where)
    fault = _fault_of_own(context, settings.cert)
    if fault:
        log.warning(
            "%stls_cert: %s: clients will refuse this certificate: %s",
            where,
            settings.cert,
            fault,
        )
    if settings.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        _load_client_ca(context, settings.client_ca, where)
    return ServerTls(
        context=context,
        client_names=frozenset(name.lower() for name in settings.client_names),
        handshake_timeout_seconds=settings.handshake_timeout_seconds,
    )


def _load_own(context: ssl.SSLContext, settings: TlsSettings, where: str) -> None:
    key = where + ("tls_key" if settings.key else "tls_cert")
    key_file = settings.key or settings.cert

    def no_password() -> NoReturn:
        raise ConfigError(key, f"{key_file}: the key is encrypted", "store it plain")

    _check_readable(settings.cert, where + "tls_cert")
    _check_readable(key_file, key)
    try:
        context.load_cert_chain(settings.cert, settings.key or None, no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(
                key,
                f"{key_file}: this key does not belong to the certificate in "
                f"{settings.cert}",
                "the first certificate in that file must be the server's own",
            ) from None
        if not _has(settings.cert, "CERTIFICATE"):
            raise ConfigError(
                where + "tls_cert", f"{settings.cert}: holds no certificate in PEM"
            ) from None
        if not _has(key_file, "PRIVATE KEY"):
            raise ConfigError(
                key,
                f"{key_file}: holds no private key in PEM",
                "" if settings.key else "set tls_key where it has a file of its own",
            ) from None
        raise ConfigError(
            where + "tls_cert", f"{settings.cert}: cannot be used: {shown(error)}"
        ) from None


def _load_client_ca(context: ssl.SSLContext, file: str, where: str) -> None:
    _check_readable(file, where + "tls_client_ca")
    try:
        context.load_verify_locations(file)
    except ssl.SSLError as error:
        raise ConfigError(
            where + "tls_client_ca",
            f"{file}: holds no certificates in PEM: {shown(error)}",
        ) from None


def _check_readable(file: str, key: str) -> None:
    try:
        with Path(file).open("rb") as opened:
            opened.read(1)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else str(error)
        raise ConfigError(key, f"{file}: cannot be read: {reason}") from None


def _has(file: str, kind: str) -> bool:
    text = Path(file).read_bytes()
    return b"-----BEGIN " in text and f"{kind}-----".encode() in text


def _fault_of_own(context: ssl.SSLContext, cert_file: str) -> str:
    """Return why clients will refuse a certificate, such as its age; or nothing.

    The ssl module tells nothing of a certificate but to a client, so this is
    one, in memory, that trusts just this certificate.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client.load_verify_locations(cert_file)
        ours = context.wrap_bio(to_server, to_client, server_side=True)
        theirs = client.wrap_bio(to_client, to_server)
        for side in (theirs, ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError:
        # Not about the certificate; nothing can be said.
        return ""
    return ""


def names_of(certificate: Mapping[str, Any]) -> set[str]:
    """Return the names in a certificate, as `SSLObject.getpeercert` gives it.

    Those are of DNS, URIs and mail in subjectAltName, and the common name of the
    subject; in small letters.
    """
    names = {
        value.lower()
        for kind, value in certificate.get("subjectAltName", ())
        if kind in _NAME_KINDS
    }
    for relative in certificate.get("subject", ()):
        names.update(value.lower() for kind, value in relative if kind == "commonName")
    return names


_SHOWN: Final[Mapping[str, str]] = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it has no certificate (tls_client_ca)",
    "NO_SHARED_CIPHER": "there is no cipher that both sides know",
    "UNSUPPORTED_PROTOCOL": "it only speaks versions of TLS before 1.2",
    "VERSION_TOO_LOW": "it only speaks versions of TLS before 1.2",
    "UNEXPECTED_EOF_WHILE_READING": "it hung up",
}


def shown(error: ssl.SSLError) -> str:
    """Return what an error of TLS means, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    reason = error.reason or "unknown error"
    if reason in _SHOWN:
        return _SHOWN[reason]
    _, alert, name = reason.partition("_ALERT_")
    if alert:
        words = name.lower().replace("_", " ").replace(" ca", " CA")
        return f"it gave up, for the reason: {words}"
    return reason.lower().replace("_", " ")
