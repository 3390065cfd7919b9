"""What the user asked for, and the commands beside streaming: words -> Settings, one function each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from puppet.devices import names_file
from puppet.option_groups import (
    add_backdrop,
    add_data_dir,
    add_look,
    add_machine,
    add_picture,
    check_transparency,
)
from puppet.option_values import pose_of, rounds_of, seconds_of, size_of
from puppet.settings import (
    MOV,
    BenchSettings,
    CameraSettings,
    CompositorSettings,
    DirectionsSettings,
    EditSettings,
    Settings,
    SinkSettings,
)

EDITED_WH, IN_A_SHEET_WH = (512, 512), (160, 160)
"""Sizes of edited pictures that nobody has chosen."""

Action = Literal[
    "stream",
    "enrol",
    "edit",
    "bench",
    "examine",
    "verify",
    "list bundles",
    "list cameras",
    "list licences",
    "print settings",
    "print token",
]


@dataclass(frozen=True, slots=True)
class Command:
    """What the user asked for.

    Attributes:
        action: What to do.
        settings: How.
        bench: How to measure.
        as_json: What was found is printed as JSON.
        edit: What to paint; for `edit` only.
        places: Where else bundles are looked for, or the file to verify.
        names: Whose licence texts are printed.
    """

    action: Action
    settings: Settings
    bench: BenchSettings = field(default_factory=BenchSettings)
    as_json: bool = False
    edit: EditSettings | None = None
    places: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()


def parse_enrol(arguments: Sequence[str]) -> Command:
    """`puppet enrol`: prepares a portrait."""
    parser = argparse.ArgumentParser(prog="puppet enrol", description="Prepare a portrait, so that it starts at once.")
    parser.add_argument("source", type=Path, metavar="PICTURE", help="the portrait: PNG, JPEG or WebP")
    add_look(parser)
    parser.add_argument("--preview", type=Path, metavar="FILE.mp4",
                        help="write three seconds in which the avatar moves by itself")  # fmt: skip
    add_machine(parser)
    options = parser.parse_args(arguments)
    if options.preview is not None and options.preview.suffix.lower() != ".mp4":
        parser.error(f"argument --preview: expected a path ending in .mp4, got {options.preview}")
    settings = Settings(
        options.source,
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        look=options.look,
        tuning=options.tuning,
        sinks=SinkSettings(outputs=(options.preview,) if options.preview else ()),
    )
    return Command("enrol", settings)


def parse_edit(arguments: Sequence[str]) -> Command:
    """`puppet edit`: paints a portrait in a pose."""
    parser = argparse.ArgumentParser(
        prog="puppet edit",
        description="Paint a portrait in another pose, or show what each direction does to it.",
        epilog="example:\n  puppet edit me.png --pose yaw=20,smile_left=0.8 --output out.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        type=Path,
        nargs="?",
        metavar="PICTURE",
        help="the portrait (default: the last one, else the shipped one)",
    )
    add_look(parser)
    # fmt: off
    parser.add_argument("--pose", type=pose_of, default=(), metavar="NAME=VALUE,…",
                        help="what is changed: degrees for yaw, pitch and roll, shares of 1 for the others")
    parser.add_argument("--motion", choices=("relative", "absolute"), default=DirectionsSettings().motion,
                        help="add the values to the portrait's own pose, or put them in its place (default: "
                        "%(default)s)")
    parser.add_argument("--directions", type=lambda text: tuple(text.split(",")), default=(), metavar="NAME,…",
                        help="show these from their lowest to their highest value, or `all`")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE",
                        help="a picture, or a sheet of directions (.png); directions in motion (.gif, .mp4, .mov)")
    parser.add_argument("--size", type=size_of, default=None, metavar="WxH",
                        help="size of each picture (default: 512x512, in a sheet 160x160)")
    # fmt: on
    add_backdrop(parser)
    add_machine(parser)
    options = parser.parse_args(arguments)
    kind = options.output.suffix.lower()
    if kind not in {".png", ".gif", ".mp4", MOV}:
        parser.error(f"argument --output: expected a path ending in .png, .gif, .mp4 or {MOV}, got {options.output}")
    if kind != ".png" and not options.directions:
        parser.error("a GIF or video shows directions: --directions all, or their names")
    check_transparency(parser, options.backdrop, [options.output], (".png", MOV))
    if options.source is not None and options.source.resolve() == options.output.resolve():
        parser.error("the picture and --output must be different files")
    usual_wh = IN_A_SHEET_WH if options.directions and kind == ".png" else EDITED_WH
    settings = Settings(
        source=options.source,
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        look=options.look,
        tuning=options.tuning,
        directions=DirectionsSettings(options.motion),
        compositor=CompositorSettings(options.size or usual_wh, options.backdrop),
    )
    return Command("edit", settings, edit=EditSettings(options.output, options.pose, options.directions))


def parse_bench(arguments: Sequence[str]) -> Command:
    """`puppet bench`: measures the program."""
    parser = argparse.ArgumentParser(prog="puppet bench", description="Measure how fast puppet is on this machine.")
    usual = BenchSettings()
    parser.add_argument("--source", type=Path, metavar="PICTURE", help="the portrait (default: the shipped one)")
    add_look(parser)
    parser.add_argument("--camera", metavar="CLIP", help="the video file that moves it (default: the shipped one)")
    add_picture(parser)
    parser.add_argument("--seconds", type=seconds_of, default=usual.seconds, metavar="N",
                        help="how long each run plays the clip, again and again (default: %(default)g)")  # fmt: skip
    parser.add_argument("--rounds", type=rounds_of, default=usual.rounds, metavar="N",
                        help="how often the capacity is measured (default: %(default)d)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="write the numbers too")
    add_machine(parser)
    options = parser.parse_args(arguments)
    if options.camera is not None and not names_file(options.camera):
        parser.error(f"argument --camera: expected a video file, got {options.camera}")
    settings = Settings(
        source=options.source,
        look=options.look,
        tuning=options.tuning,
        camera=CameraSettings(options.camera),
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        compositor=CompositorSettings(options.size),
        sinks=SinkSettings(fps=options.fps),
    )
    return Command("bench", settings, BenchSettings(options.seconds, options.rounds, options.json))


def parse_bundles(arguments: Sequence[str]) -> Command:
    """`puppet bundles`: lists the models."""
    parser = argparse.ArgumentParser(
        prog="puppet bundles",
        description="List the models: the built-in one, those in the folder for data, and those in the folders given.",
    )
    parser.add_argument("places", type=Path, nargs="*", metavar="FOLDER", help="a bundle, or a folder of bundles")
    add_data_dir(parser)
    options = parser.parse_args(arguments)
    return Command("list bundles", Settings(data_dir=options.data_dir), places=tuple(options.places))


def parse_licences(arguments: Sequence[str]) -> Command:
    """`puppet licences`: whose work puppet stands on."""
    parser = argparse.ArgumentParser(
        prog="puppet licences",
        description="List what puppet is made of, with versions and licences; or print the licence texts of it.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="print the texts of these, or of `all`")
    return Command("list licences", Settings(), names=tuple(parser.parse_args(arguments).names))


def parse_doctor(arguments: Sequence[str]) -> Command:
    """`puppet doctor`: looks at the machine."""
    parser = argparse.ArgumentParser(
        prog="puppet doctor",
        description="Look whether this machine has what streaming into a call needs, and say what mends it. Changes "
        "nothing. Ends with 1 when streaming cannot work.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_machine(parser)
    options = parser.parse_args(arguments)
    settings = Settings(bundle=options.bundle, data_dir=options.data_dir, engine=options.engine)
    return Command("examine", settings, as_json=options.json)


def parse_verify(arguments: Sequence[str]) -> Command:
    """`puppet verify`: looks for the mark in a file."""
    parser = argparse.ArgumentParser(
        prog="puppet verify",
        description="Look whether a picture or video was made by puppet: whether its pictures carry the mark, and its "
        "metadata the statement. Ends with 0 when the mark is there, with 1 when it is not, with 2 when the file "
        "cannot be read.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a picture, a GIF, or a video")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    options = parser.parse_args(arguments)
    return Command("verify", Settings(), as_json=options.json, places=(options.file,))


def parse_token(arguments: Sequence[str]) -> Command:
    """`puppet token`: prints what remote control needs."""
    parser = argparse.ArgumentParser(
        prog="puppet token", description="Print the token that programs need to control this one; see --api."
    )
    add_data_dir(parser)
    return Command("print token", Settings(data_dir=parser.parse_args(arguments).data_dir))
