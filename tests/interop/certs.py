"""An authority of our own and a certificate for localhost, for clients that insist on TLS."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make(folder: Path) -> tuple[Path, Path, Path]:
    """Write certificate, key, and a bundle of the known authorities with ours; gives the paths."""
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is about the real time
    authority_key, key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority = _named("Interop check")
    issued = _builder(authority, authority, authority_key.public_key(), now)
    root = issued.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
        authority_key, hashes.SHA256()
    )
    hosts = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    leaf = (
        _builder(_named("localhost"), authority, key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files = folder / "localhost.crt", folder / "localhost.key", folder / "authorities.crt"
    files[0].write_bytes(leaf.public_bytes(pem))
    files[1].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    known = Path(os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where())
    files[2].write_bytes(known.read_bytes() + root.public_bytes(pem))
    return files


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
    )
