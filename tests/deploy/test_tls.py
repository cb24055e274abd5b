"""The self-signed pair."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from deploy.tls import VALID_DAYS, BadPair, check_pair, ensure_pair

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000


def test_the_pair_serves_localhost_and_loopback_and_its_key_is_private(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls" / "cert.pem", tmp_path / "tls" / "key.pem"
    ensure_pair(certificate, key, NOW_MS)
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    assert made.not_valid_before_utc < now < made.not_valid_after_utc <= now + timedelta(days=VALID_DAYS)


def test_a_good_pair_is_kept_and_an_ending_one_replaced(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    ensure_pair(certificate, key, NOW_MS)
    first = certificate.read_bytes()
    ensure_pair(certificate, key, NOW_MS + 10 * DAY_MS)
    assert certificate.read_bytes() == first
    ensure_pair(certificate, key, NOW_MS + 25 * DAY_MS)
    assert certificate.read_bytes() != first


def test_a_broken_pair_of_our_own_is_replaced(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_text("half a file")
    key.write_text("")
    ensure_pair(certificate, key, NOW_MS)
    check_pair(certificate, key)


def test_a_pair_whose_halves_do_not_fit_is_refused_and_left_alone(tmp_path: Path) -> None:
    for name in "ab":
        ensure_pair(tmp_path / f"{name}.pem", tmp_path / f"{name}.key", NOW_MS)
    before = (tmp_path / "b.key").read_bytes()
    with pytest.raises(BadPair, match=r"b\.key"):
        check_pair(tmp_path / "a.pem", tmp_path / "b.key")
    assert (tmp_path / "b.key").read_bytes() == before


def test_a_key_under_a_password_is_refused_without_asking_for_it(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    ensure_pair(certificate, key, NOW_MS)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"secret")
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    with pytest.raises(BadPair, match="password"):
        check_pair(certificate, key)
