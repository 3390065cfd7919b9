"""The options of the command line, in groups that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from engines.selection import EVERY
from puppet.bundle import TUNINGS, builtin_bundle_path
from puppet.option_values import address_of, fps_of, port_of, size_of
from puppet.settings import (
    MOV,
    TRANSPARENT,
    CameraSettings,
    CompositorSettings,
    DirectionsSettings,
    Marking,
    Settings,
    SinkSettings,
)

Group = argparse._ActionsContainer

ENGINES = ("auto", *EVERY)

VIRTUAL_CAMERA = "virtual-camera"


# fmt: off
def add_inputs(group: Group) -> None:
    """What moves what."""
    group.add_argument("--source", type=Path, default=None, metavar="PICTURE",
                       help="the portrait to move: PNG, JPEG or WebP (default: the last one, else the shipped one)")
    add_look(group)
    group.add_argument("--camera", default=None, metavar="WHAT",
                       help="what moves it: a camera's number, its name or a part of it, a video file, or "
                       "osc://:39539 for a tracker that sends VMC (default: the first camera)")
    group.add_argument("--camera-size", type=size_of, default=CameraSettings().size_wh, metavar="WxH",
                       help="size to ask a camera for (default: 640x480)")
    group.add_argument("--camera-codec", choices=("mjpg", "raw"), default=CameraSettings().codec,
                       help="what to ask a camera for (default: %(default)s)")
    group.add_argument("--every-frame", action="store_true",
                       help="use every frame of the file, as fast as it goes; else it plays in real time")
    group.add_argument("--motion", choices=("relative", "absolute"), default=DirectionsSettings().motion,
                       help="add your motion to the portrait's own pose, or copy your pose (default: %(default)s)")
    group.add_argument("--mirror-motion", action="store_true",
                       help="move like a mirror image of you")


def add_look(group: Group) -> None:
    """What a portrait becomes."""
    group.add_argument("--look", choices=("avatar", "photo"), default=Settings().look,
                       help="a character after the portrait, or the portrait itself, which takes a minute once "
                       "(default: %(default)s)")
    group.add_argument("--tuning", choices=TUNINGS, default=Settings().tuning,
                       help="how a photo is tuned: on many views of it, or on it alone as the paper or its authors "
                       "do, which takes longer (default: as the model says)")


def add_outputs(group: Group) -> None:
    """Where it goes."""
    group.add_argument("--output", action="append", default=[], metavar="WHERE",
                       help=f"`{VIRTUAL_CAMERA}`, `{VIRTUAL_CAMERA}:BACKEND`, `none`, or a video file ending in .mp4 "
                       f"or {MOV}; may be given several times (default: {VIRTUAL_CAMERA}, if there is one)")
    group.add_argument("--headless", action="store_true",
                       help="no window")
    group.add_argument("--report", type=Path, default=None, metavar="FILE.json",
                       help="write counts and times at the end")
    group.add_argument("--osc", type=address_of, default=None, metavar="HOST:PORT",
                       help="send your motion to another program too, as VMC, such as 127.0.0.1:39539")
    group.add_argument("--osc-names", choices=("arkit", "vrm"), default=SinkSettings().osc_names,
                       help="what it calls shapes: `arkit` for figures with perfect sync (default: %(default)s)")
    add_picture(group)
    add_backdrop(group)
    group.add_argument("--mark", choices=get_args(Marking), default=CompositorSettings().mark,
                       help="when \"AI\" stands in the corner; `regularly` is for 5 s at the start, after "
                       "interruptions and every minute (default: %(default)s)")


def add_backdrop(group: Group) -> None:
    """What is behind the portrait."""
    group.add_argument("--backdrop", default=CompositorSettings().backdrop, metavar="WHAT",
                       help="`own` for what is around the person in the portrait, `blur` for the same out of focus, "
                       "`portrait` for its border colour, #rrggbb, a picture, or `transparent`, which a "
                       f"{MOV} or .png carries and others show as grey (default: %(default)s)")


def check_transparency(
    parser: argparse.ArgumentParser, backdrop: str, outputs: Sequence[Path], endings: Sequence[str]
) -> None:
    """Refuse a transparent backdrop where no output's ending is one of those that carry it."""
    if backdrop == TRANSPARENT and not any(path.suffix.lower() in endings for path in outputs):
        parser.error(
            f"--backdrop {TRANSPARENT} needs a path ending in {' or '.join(endings)} as --output; for any other output "
            "take --backdrop '#00ff00', and key it out"
        )


def add_picture(group: Group) -> None:
    """Size and rate of the pictures."""
    group.add_argument("--size", type=size_of, default=CompositorSettings().size_wh, metavar="WxH",
                       help="size of the pictures (default: 1280x720)")
    group.add_argument("--fps", type=fps_of, default=SinkSettings().fps, metavar="N",
                       help="most pictures a second in real time (default: %(default)g)")


def add_machine(group: Group) -> None:
    """Model, engine and folders."""
    group.add_argument("--bundle", type=Path, default=builtin_bundle_path(), metavar="FOLDER",
                       help="the model (default: the built-in one)")
    group.add_argument("--engine", choices=ENGINES, default="auto",
                       help="what paints the portrait (default: %(default)s, the fastest that works here)")
    add_data_dir(group)


def add_data_dir(group: Group) -> None:
    """Where things are kept."""
    group.add_argument("--data-dir", type=Path, default=None, metavar="FOLDER",
                       help="where avatars and the log are kept (default: your own folders)")


def add_others(group: Group) -> None:
    """The program itself."""
    group.add_argument("--api", type=port_of, default=None, metavar="PORT",
                       help="let other programs of this machine control this one; see `puppet token`")
    group.add_argument("--list-cameras", action="store_true",
                       help="print number and name of each camera and stop")
    group.add_argument("--dry-run", action="store_true",
                       help="print the settings and stop")
    group.add_argument("--version", action="version", version=f"puppet {version('puppet')}")
# fmt: on
