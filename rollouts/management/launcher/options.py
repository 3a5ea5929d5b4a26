"""What may be asked of the demo."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

DEFAULT_PORT = 8000
DEFAULT_SPEED = 120


@dataclass(frozen=True, slots=True)
class Options:
    """`speed`: simulated seconds that pass in one of the wall; None: as last time."""

    port: int = DEFAULT_PORT
    speed: float = DEFAULT_SPEED
    orgs: int | None = None
    seed: int | None = None
    reset: bool = False
    loop: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the demo's arguments to a parser."""
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port of the web pages")
    parser.add_argument(
        "--speed",
        type=_speed,
        default=DEFAULT_SPEED,
        help="simulated seconds per second (1 to 3600)",
    )
    parser.add_argument("--orgs", type=_orgs, help="orgs in the simulation (2000)")
    parser.add_argument("--seed", type=int, help="which invented world to make")
    parser.add_argument(
        "--loop", action="store_true", help="also run the loop that needs no broker"
    )
    parser.add_argument("--reset", action="store_true", help="forget the last demo, begin anew")


def parse(arguments: list[str]) -> Options:
    """Options from a command line; exits with a sentence when they can't be right."""
    parser = argparse.ArgumentParser(
        prog="manage.py demo", description="Run Pushboard with a simulated Salesforce."
    )
    add_arguments(parser)
    return Options(**vars(parser.parse_args(arguments)))


def _port(text: str) -> int:
    return int(_between(text, "PORT", 1024, 65535))


def _speed(text: str) -> float:
    return _between(text, "SPEED", 1, 3600)


def _orgs(text: str) -> int:
    return int(_between(text, "ORGS", 20, 100_000))


def _between(text: str, name: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{name} is {text}; write a number {least} to {most}.")
    return value
