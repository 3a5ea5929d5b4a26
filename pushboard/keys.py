"""The ring of encryption keys, as an environment variable or a file writes it."""

from __future__ import annotations

import base64
import binascii
import re

from pushboard.env import Misconfigured

KEY_BYTES = 32
MAKE_A_KEY = (
    'make a key with: python3 -c "import base64,secrets; '
    "print('1:'+base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())\""
)
_ENTRY = re.compile(r"([1-9]\d{0,8}):([A-Za-z0-9_+/-]{43}=?)")


def encryption_keys(text: str) -> dict[int, bytes]:
    """Read ``2:base64, 1:base64`` (commas or lines) as keys of 32 bytes by version.

    Raises:
        Misconfigured: an entry of another form, or a version named twice. No key is repeated.
    """
    keys: dict[int, bytes] = {}
    for place, entry in enumerate(filter(None, re.split(r"[\s,]+", text)), start=1):
        found = _ENTRY.fullmatch(entry)
        key = _decoded(found[2]) if found else b""
        if found is None or len(key) != KEY_BYTES:
            raise Misconfigured(
                f"entry {place} of PUSHBOARD_ENCRYPTION_KEYS is not a version and a key of "
                f"{KEY_BYTES} bytes in base64, parted by a colon; {MAKE_A_KEY}"
            )
        version = int(found[1])
        if version in keys:
            raise Misconfigured(
                f"PUSHBOARD_ENCRYPTION_KEYS names version {version} twice; give each key a version "
                "of its own, the newest the highest."
            )
        keys[version] = key
    return keys


def _decoded(text: str) -> bytes:
    plain = text.translate(str.maketrans("+/", "-_")).rstrip("=")
    try:
        return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except (ValueError, binascii.Error):
        return b""
