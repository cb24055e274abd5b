"""Mutual TLS with real certificates: each side refuses a peer that the authority did not sign."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from origin.roles import RoleUnavailable
from origin.rpc import origin_pb2 as pb
from origin.rpc.tls import BadTls, Tls
from tests.origin.rpc.wire import Script, delete


class Authority:
    """Signs certificates for roles, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
        self._file = folder / "authority.pem"
        self._file.write_bytes(pem(self._certificate(self._name, self._key, [], authority=True)))

    def issue(self, role: str, names: list[x509.GeneralName]) -> Tls:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, role)])
        certificate, key_file = self._folder / f"{role}.pem", self._folder / f"{role}.key"
        certificate.write_bytes(pem(self._certificate(subject, key, names, authority=False)))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Tls(certificate, key_file, self._file)

    def _certificate(self, subject, key, names, *, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def server_tls(authority) -> Tls:
    return authority.issue("origin", [x509.DNSName("origin"), x509.IPAddress(ip_address("127.0.0.1"))])


@pytest.fixture
def client_tls(authority) -> Tls:
    return authority.issue("gateway", [x509.DNSName("gateway")])


async def done(request) -> pb.Done:
    return pb.Done()


async def test_a_role_with_a_certificate_of_the_authority_is_served(wire, server_tls, client_tls):
    _, target = await wire.serve(Script(done), tls=server_tls)
    assert await delete(wire.role(target, tls=client_tls)) == pb.Done()


async def test_with_tls_every_address_may_be_served(wire, server_tls, client_tls):
    _, target = await wire.serve(Script(done), bind="0.0.0.0:0", tls=server_tls)
    assert await delete(wire.role(target, tls=client_tls)) == pb.Done()


async def test_several_addresses_share_one_name(wire, server_tls, client_tls):
    _, first = await wire.serve(Script(done), tls=server_tls)
    _, second = await wire.serve(Script(done), tls=server_tls)
    role = wire.role(f"{first},{second}", tls=replace(client_tls, server_name="origin"))
    assert await delete(role) == pb.Done()


async def test_a_client_without_a_certificate_is_refused(wire, server_tls):
    asked = []
    _, target = await wire.serve(Script(asked.append), tls=server_tls)
    credentials = grpc.ssl_channel_credentials(server_tls.authority.read_bytes())
    async with grpc.aio.secure_channel(target, credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/reelway.origin.v1.Videos/Delete")(b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert asked == []


async def test_a_client_of_another_authority_is_refused(wire, server_tls, tmp_path):
    asked = []
    _, target = await wire.serve(Script(asked.append), tls=server_tls)
    stranger = Authority(tmp_path / "theirs").issue("gateway", [x509.DNSName("gateway")])
    with pytest.raises(RoleUnavailable):
        await delete(wire.role(target, tls=replace(stranger, authority=server_tls.authority)))
    assert asked == []


async def test_a_server_of_another_authority_is_refused(wire, client_tls, tmp_path):
    asked = []
    impostor = Authority(tmp_path / "theirs").issue("origin", [x509.IPAddress(ip_address("127.0.0.1"))])
    _, target = await wire.serve(Script(asked.append), tls=replace(impostor, authority=client_tls.authority))
    with pytest.raises(RoleUnavailable):
        await delete(wire.role(target, tls=client_tls))
    assert asked == []


async def test_a_server_whose_certificate_names_another_role_is_refused(wire, authority, client_tls):
    asked = []
    scorer = authority.issue("scorer", [x509.DNSName("scorer")])
    _, target = await wire.serve(Script(asked.append), tls=scorer)
    with pytest.raises(RoleUnavailable):
        await delete(wire.role(target, tls=client_tls))
    assert asked == []


async def test_plaintext_and_tls_do_not_meet(wire, server_tls, client_tls):
    _, with_tls = await wire.serve(Script(done), tls=server_tls)
    _, without = await wire.serve(Script(done))
    for role in (wire.role(with_tls), wire.role(without, tls=client_tls)):
        with pytest.raises(RoleUnavailable):
            await delete(role)


@pytest.mark.parametrize("broken", ["certificate", "key", "authority"])
@pytest.mark.parametrize("content", [None, b"no PEM at all"])
async def test_a_file_that_cannot_be_used_is_named(wire, server_tls, broken, content, tmp_path):
    file = tmp_path / "broken.pem"
    if content is not None:
        file.write_bytes(content)
    tls = replace(server_tls, **{broken: file})
    with pytest.raises(BadTls, match=r"broken\.pem"):
        await wire.serve(Script(done), tls=tls)
    with pytest.raises(BadTls, match=r"broken\.pem"):
        wire.role("127.0.0.1:1", tls=tls)


async def test_a_certificate_and_a_key_that_do_not_belong_together_are_refused(wire, server_tls, client_tls):
    with pytest.raises(BadTls, match="belong"):
        await wire.serve(Script(done), tls=replace(server_tls, key=client_tls.key))


async def test_several_addresses_without_a_name_to_check_are_refused(wire, client_tls):
    with pytest.raises(BadTls, match="server_name"):
        wire.role("127.0.0.1:1,127.0.0.1:2", tls=client_tls)
