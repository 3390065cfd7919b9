"""What may stand behind the options of the command line: words -> values; argparse says what is wrong with them."""

from __future__ import annotations

import argparse
import re

from puppet.addresses import Address, read_address

LARGEST_PX = 7680
FASTEST_FPS = 240.0
SHORTEST_S, LONGEST_S = 0.2, 3600.0
MOST_ROUNDS = 100
LAST_PORT = 65535
MOST = 1000.0
"""No entry of a pose goes so far."""


def size_of(text: str) -> tuple[int, int]:
    """Width and height in pixels, from `1280x720`."""
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a size like 1280x720, got {text!r}")
    size_wh = int(match[1]), int(match[2])
    if any(length % 2 or not 16 <= length <= LARGEST_PX for length in size_wh):
        raise argparse.ArgumentTypeError(f"expected even numbers from 16 to {LARGEST_PX}, got {text!r}")
    return size_wh


def pose_of(text: str) -> tuple[tuple[str, float], ...]:
    """Names and values of entries, from `yaw=20,smile_left=0.8`."""
    pairs = [word.partition("=") for word in text.split(",")]
    if any(not name or not equals for name, equals, _ in pairs) or len({name for name, _, _ in pairs}) < len(pairs):
        raise argparse.ArgumentTypeError(f"expected values like yaw=20,smile_left=0.8, each once, got {text!r}")
    return tuple((name.strip(), _number(value, -MOST, MOST)) for name, _, value in pairs)


def port_of(text: str) -> int:
    """A port of this machine."""
    if not text.isdecimal() or not 1 <= int(text) <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to {LAST_PORT}, got {text!r}")
    return int(text)


def address_of(text: str) -> Address:
    """Another program's address, from `127.0.0.1:39540`."""
    try:
        return read_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def fps_of(text: str) -> float:
    """Pictures a second."""
    return _number(text, 1.0, FASTEST_FPS)


def seconds_of(text: str) -> float:
    """A length of time."""
    return _number(text, SHORTEST_S, LONGEST_S)


def rounds_of(text: str) -> int:
    """How often something is done."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_ROUNDS:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {MOST_ROUNDS}, got {text!r}")
    return int(text)


def _number(text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from error
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"expected {least:g} to {most:g}, got {text!r}")
    return number
