"""What an operator is told lies under an error."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from origin.causes import in_words


def raised(outer: Exception, inner: Exception, *, told: bool) -> Exception:
    """`outer` as it looks to who catches it; raised from `inner`, or only while that was handled."""
    try:
        try:
            raise inner
        except Exception as cause:
            if told:
                raise outer from cause
            raise outer  # noqa: B904 -- as many libraries do
    except Exception as caught:
        return caught


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)")


@pytest.mark.parametrize("told", [True, False])
def test_the_system_is_quoted_in_place_of_a_library_however_deep_it_lies(told):
    error = raised(RuntimeError("Error 111 connecting to ('127.0.0.1', 1)"), REFUSED, told=told)
    assert in_words(error) == "connection refused"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name or service not known"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0)"), "connection refused"),
        (TimeoutError(), "no answer in time"),
        (FileNotFoundError(errno.ENOENT, "x", "/a"), "no such file or directory"),
        (RuntimeError("just so"), "just so"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_what_is_said(error, words):
    assert in_words(error) == words


def test_a_certificate_that_is_not_trusted_and_a_server_without_tls_are_told_apart():
    untrusted = ssl.SSLCertVerificationError()
    untrusted.verify_message = "self-signed certificate"
    assert in_words(untrusted) == "its certificate is not trusted: self-signed certificate"
    spoke_no_tls = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    spoke_no_tls.reason = "WRONG_VERSION_NUMBER"
    assert in_words(spoke_no_tls) == "TLS failed: wrong version number"


def test_errors_that_name_each_other_end():
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    assert in_words(first) == "first"
