"""Secrets at rest: AES-256-GCM with a ring of keys, each value bound to its row and column.

A sealed value is ``v<version>:<base64 of nonce and ciphertext>``. Version, row and column go into
the associated data, so a value copied to another row or column does not open. There is no way back
to plain text: without the right key nothing is stored and nothing is read.
"""

from __future__ import annotations

import base64
import binascii
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12
_FORM = re.compile(r"v(\d{1,9}):([A-Za-z0-9_=-]+)")


class CantSeal(RuntimeError):
    """There is no key to encrypt with; the text says what to set."""


class CantOpen(RuntimeError):
    """A stored secret can't be read with the keys at hand; the text says which key is missing."""


class KeyRing:
    """Keys by version; the highest version seals, every version opens."""

    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = dict(keys)

    @property
    def newest(self) -> int:
        """The version that seals; 0 when there is no key."""
        return max(self._keys, default=0)

    def seal(self, plain: str, bound_to: str) -> str:
        """Encrypt a text for one place, such as ``connection:7:private_key``.

        Raises:
            CantSeal: the ring is empty.
        """
        version = self.newest
        if not version:
            raise CantSeal(
                "No secret can be stored: PUSHBOARD_ENCRYPTION_KEYS is not set. Make a key as "
                "docs/operations.md says, set it, and start Pushboard again."
            )
        nonce = os.urandom(_NONCE_BYTES)
        box = AESGCM(self._keys[version]).encrypt(nonce, plain.encode(), _data(version, bound_to))
        return f"v{version}:{base64.urlsafe_b64encode(nonce + box).decode()}"

    def open(self, sealed: str, bound_to: str) -> str:
        """Decrypt what `seal` made for the same place.

        Raises:
            CantOpen: the key is missing, or the value was changed or belongs elsewhere.
        """
        version = version_of(sealed)
        key = self._keys.get(version)
        if key is None:
            raise CantOpen(
                f"A stored secret is encrypted with key {version or 'of no known form'}, which is "
                "not in PUSHBOARD_ENCRYPTION_KEYS. Put that key back, or enter the secret anew."
            )
        try:
            raw = base64.urlsafe_b64decode(sealed.partition(":")[2])
            plain = AESGCM(key).decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _data(version, bound_to)
            )
        except (InvalidTag, ValueError, binascii.Error):
            raise CantOpen(
                f"A stored secret does not open with key {version}: it was changed, or belongs to "
                "another row, or the key is another one. Enter the secret anew."
            ) from None
        return plain.decode()


def version_of(sealed: str) -> int:
    """Return the version of the key that a value was sealed with; 0 when it has no such form."""
    found = _FORM.fullmatch(sealed)
    return int(found[1]) if found else 0


def key_ring() -> KeyRing:
    """Return the ring of the settings."""
    return KeyRing(settings.ENCRYPTION_KEYS)


def _data(version: int, bound_to: str) -> bytes:
    return f"pushboard:{version}:{bound_to}".encode()
