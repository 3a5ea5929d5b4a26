"""A certificate authority of the simulator's own, for clients that insist on TLS."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

AUTHORITY: Final = "authority.pem"
_SERVER: Final = "server.pem"
# Simulated time may be any, so the certificates hold for all of it.
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def context(folder: Path) -> ssl.SSLContext:
    """What a server on loopback needs; its authority is `folder`/authority.pem, made if absent."""
    if not (folder / AUTHORITY).exists() or not (folder / _SERVER).exists():
        _make(folder)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(folder / _SERVER)
    return found


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = _name("Simulated Salesforce authority")
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    own_id = x509.SubjectKeyIdentifier.from_public_key(root.public_key())
    authority = (
        _certificate(name, root.public_key(), name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(own_id, critical=False)
        .sign(root, hashes.SHA256())
    )
    hosts = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())
    server = (
        _certificate(_name("localhost"), leaf.public_key(), name)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(issuer, critical=False)
        .sign(root, hashes.SHA256())
    )
    # The authority's key is not kept: nobody can make it vouch for anything else later.
    key = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    kept = folder / _SERVER
    kept.touch(mode=0o600)
    kept.write_bytes(server.public_bytes(Encoding.PEM) + key)
    (folder / AUTHORITY).write_bytes(authority.public_bytes(Encoding.PEM))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, issuer: x509.Name
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
    )
