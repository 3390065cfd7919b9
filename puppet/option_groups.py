"""Options that several commands share, and the words that they take."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from engines.selection import EVERY
from puppet.bundle import TUNINGS, builtin_bundle_path
from puppet.settings import CompositorSettings, Settings, SinkSettings

ENGINES = ("auto", *EVERY)

LARGEST_PX = 7680
FASTEST_FPS = 240.0
SHORTEST_S, LONGEST_S = 0.2, 3600.0
MOST_ROUNDS = 100


# fmt: off
def add_look(group: argparse._ActionsContainer) -> None:
    """How a portrait becomes an avatar."""
    group.add_argument("--look", choices=("avatar", "photo"), default=Settings().look,
                       help="a character after the portrait, or the portrait itself, which takes a minute once "
                       "(default: %(default)s)")
    group.add_argument("--tuning", choices=TUNINGS, default=Settings().tuning,
                       help="how a photo is tuned: on many views of it, or on it alone as the paper or its authors "
                       "do, which takes longer (default: as the model says)")


def add_picture(group: argparse._ActionsContainer) -> None:
    """Size and rate of the pictures."""
    group.add_argument("--size", type=size, default=CompositorSettings().size_wh, metavar="WxH",
                       help="size of the pictures (default: 1280x720)")
    group.add_argument("--fps", type=fps, default=SinkSettings().fps, metavar="N",
                       help="most pictures a second in real time (default: %(default)g)")


def add_machine(group: argparse._ActionsContainer) -> None:
    """Model, engine and folder."""
    group.add_argument("--bundle", type=Path, default=builtin_bundle_path(), metavar="FOLDER",
                       help="the model (default: the built-in one)")
    group.add_argument("--engine", choices=ENGINES, default="auto",
                       help="what paints the portrait (default: %(default)s, the fastest that works here)")
    group.add_argument("--data-dir", type=Path, default=None, metavar="FOLDER",
                       help="where avatars and the log are kept (default: your own folders)")
# fmt: on


def size(text: str) -> tuple[int, int]:
    """Width and height in pixels, as `1280x720`."""
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a size like 1280x720, got {text!r}")
    size_wh = int(match[1]), int(match[2])
    if any(length % 2 or not 16 <= length <= LARGEST_PX for length in size_wh):
        raise argparse.ArgumentTypeError(f"expected even numbers from 16 to {LARGEST_PX}, got {text!r}")
    return size_wh


def fps(text: str) -> float:
    """Pictures a second."""
    return _number(text, 1.0, FASTEST_FPS)


def seconds(text: str) -> float:
    """A time in seconds."""
    return _number(text, SHORTEST_S, LONGEST_S)


def rounds(text: str) -> int:
    """How often something is measured."""
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
