"""The one way in which a start of the demo ends early."""

from __future__ import annotations


class Trouble(Exception):
    """What is wrong and how to mend it, in one sentence for the terminal."""
