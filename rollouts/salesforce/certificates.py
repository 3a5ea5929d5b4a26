"""A key and a self-signed certificate for one connection, for the JWT bearer flow.

Salesforce only compares the certificate's public key, so who signed it does not matter; its end
date does, for an expired one is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

KEY_BITS = 2048
VALID_FOR = timedelta(days=2 * 365)


class BadKey(ValueError):
    """A text that is no RSA private key in PEM form without a password."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its certificate, both PEM."""

    private_key: str = field(repr=False)
    certificate: str


@dataclass(frozen=True, slots=True)
class About:
    """What people compare: the SHA-256 of a certificate, in pairs of digits, and its end."""

    fingerprint: str
    ends_at: datetime


def make_pair(common_name: str, now: datetime) -> KeyPair:
    """Make an RSA key and a certificate for it, valid from a day before ``now`` for two years.

    The day before is for clocks that are not quite right, and for simulated time.
    """
    # cryptography takes 0.1 s to import, which most processes don't need.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return KeyPair(pem.decode(), certify(pem.decode(), common_name, now))


def certify(private_key: str, common_name: str, now: datetime) -> str:
    """Make a self-signed certificate for a key.

    Raises:
        BadKey: it is no RSA key of at least 2,048 bits in PEM form without a password.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError):
        raise BadKey("This is no private key in PEM form without a password.") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < KEY_BITS:
        raise BadKey(f"Salesforce takes RSA keys; make one of {KEY_BITS} bits or more.")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def about(certificate: str) -> About:
    """Return what people compare of a certificate that `certify` made."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    read = x509.load_pem_x509_certificate(certificate.encode())
    digest = read.fingerprint(hashes.SHA256()).hex().upper()
    pairs = ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))
    return About(pairs, read.not_valid_after_utc)
