"""The self-signed pair."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from deploy.tls import VALID_DAYS, ensure_pair

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
