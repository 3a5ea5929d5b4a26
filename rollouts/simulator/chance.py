"""Chance that depends on the seed and on what is asked, never on the order of asking."""

from __future__ import annotations

from hashlib import blake2b


def draw(seed: int, *about: object) -> float:
    """A number from 0 up to but not 1; the same question always has the same answer."""
    text = "\x1f".join(str(part) for part in (seed, *about))
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def between(seed: int, bounds: tuple[int, int], *about: object) -> int:
    """A whole number within the bounds, both included."""
    low, high = bounds
    return low + int(draw(seed, *about) * (high - low + 1))
