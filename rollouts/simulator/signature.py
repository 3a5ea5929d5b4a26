"""RS256, checked by the cryptography package."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate


def rs256_holds(pem: bytes, signed: bytes, signature: bytes) -> bool:
    """Whether the signature is that of the key or certificate in `pem`."""
    key = _public_key(pem)
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def readable(pem: bytes) -> bool:
    """Whether `pem` is the certificate or public key of an RSA key."""
    try:
        return isinstance(_public_key(pem), RSAPublicKey)
    except ValueError:
        return False


def _public_key(pem: bytes) -> object:
    if b"BEGIN CERTIFICATE" in pem:
        return load_pem_x509_certificate(pem).public_key()
    return load_pem_public_key(pem)
