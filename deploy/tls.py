"""The certificate to serve with: the self-signed pair that is made here, or the operator's, which is never written."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 30
"""Chromium refuses QUIC to a pinned self-signed certificate that is valid for longer."""
RENEW_BEFORE_DAYS = 7


class BadPair(Exception):
    """A certificate and key that nothing can be served with; the text says which file and why."""


def ensure_pair(certificate: Path, key: Path, now_ms: int) -> None:
    """Make the pair, P-256 for `localhost` and the loopback addresses, unless a good one is there.

    A pair that ends within RENEW_BEFORE_DAYS is replaced.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    if key.exists() and certificate.exists() and _lasts(certificate, now):
        return
    certificate.parent.mkdir(parents=True, exist_ok=True)
    private = ec.generate_private_key(ec.SECP256R1())
    _write_private(
        key,
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    certificate.write_bytes(_certificate(private, now).public_bytes(serialization.Encoding.PEM))


def check_pair(certificate: Path, key: Path) -> None:
    """Refuse a pair that cannot be served with; writes nothing. Raises BadPair."""
    for path in (certificate, key):
        try:
            path.open("rb").close()
        except OSError as error:
            raise BadPair(f"{path} cannot be read: {error.strerror}") from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise BadPair(f"{certificate} and {key} are not a PEM certificate and its unencrypted key: {error}") from error


def _no_password() -> str:
    raise ValueError("the key asks for a password")


def _lasts(certificate: Path, now: datetime) -> bool:
    try:
        current = x509.load_pem_x509_certificate(certificate.read_bytes())
    except ValueError:
        return False
    return current.not_valid_after_utc - now > timedelta(days=RENEW_BEFORE_DAYS)


def _certificate(private: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ip_address("127.0.0.1")),
            x509.IPAddress(ip_address("::1")),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS) - timedelta(hours=2))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
