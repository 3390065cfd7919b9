"""What the user asked for, and the commands beside streaming: words -> Settings, one function each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from puppet.devices import names_file
from puppet.option_groups import add_look, add_machine, add_picture, rounds, seconds
from puppet.settings import BenchSettings, CameraSettings, CompositorSettings, Settings, SinkSettings

Action = Literal["stream", "enrol", "bench", "examine", "list bundles", "list cameras", "print settings"]


@dataclass(frozen=True, slots=True)
class Command:
    """What the user asked for.

    Attributes:
        action: What to do.
        settings: How.
        bench: How to measure.
        as_json: The findings are printed as JSON.
        places: Where else bundles are looked for.
    """

    action: Action
    settings: Settings
    bench: BenchSettings = field(default_factory=BenchSettings)
    as_json: bool = False
    places: tuple[Path, ...] = ()


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


def parse_bench(arguments: Sequence[str]) -> Command:
    """`puppet bench`: measures the program."""
    parser = argparse.ArgumentParser(prog="puppet bench", description="Measure how fast puppet is on this machine.")
    usual = BenchSettings()
    parser.add_argument("--source", type=Path, metavar="PICTURE", help="the portrait (default: the shipped one)")
    parser.add_argument("--camera", metavar="CLIP", help="the video file that moves it (default: the shipped one)")
    add_picture(parser)
    parser.add_argument("--seconds", type=seconds, default=usual.seconds, metavar="N",
                        help="how long each run plays the clip, again and again (default: %(default)g)")  # fmt: skip
    parser.add_argument("--rounds", type=rounds, default=usual.rounds, metavar="N",
                        help="how often the capacity is measured (default: %(default)d)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="write the numbers too")
    add_machine(parser)
    options = parser.parse_args(arguments)
    if options.camera is not None and not names_file(options.camera):
        parser.error(f"argument --camera: expected a video file, got {options.camera}")
    settings = Settings(
        source=options.source,
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
    parser.add_argument("--data-dir", type=Path, default=None, metavar="FOLDER",
                        help="where `bundles` is looked for (default: your own folder)")  # fmt: skip
    options = parser.parse_args(arguments)
    return Command("list bundles", Settings(data_dir=options.data_dir), places=tuple(options.places))


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
