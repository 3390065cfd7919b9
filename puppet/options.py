"""The command line: words -> Settings. Knows no parts; puppet.cli builds them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from puppet.addresses import LOOPBACK, names_sender, read_address
from puppet.devices import names_file
from puppet.option_groups import (
    VIRTUAL_CAMERA,
    add_backdrop,
    add_data_dir,
    add_inputs,
    add_look,
    add_machine,
    add_others,
    add_outputs,
    add_picture,
)
from puppet.option_values import pose_of, rounds_of, seconds_of, size_of
from puppet.settings import (
    BenchSettings,
    CameraSettings,
    CompositorSettings,
    DirectionsSettings,
    EditSettings,
    PoseSettings,
    Settings,
    SinkSettings,
    VirtualCameraWish,
)

EXAMPLES = """\
examples:
  puppet --source me.png --camera 0
  puppet --source me.png --camera clip.mp4 --every-frame --headless --output out.mp4

`puppet enrol me.png` prepares a portrait beforehand, `puppet edit` paints it in a pose, `puppet doctor` says what is
missing on this machine, and `puppet bench` measures it; each of them has a --help of its own.
"""

EDITED_WH, IN_A_SHEET_WH = (512, 512), (160, 160)
"""Sizes of edited pictures that nobody has chosen."""

Action = Literal["stream", "enrol", "edit", "bench", "examine", "list cameras", "print settings", "print token"]


@dataclass(frozen=True, slots=True)
class Command:
    """What the user asked for.

    Attributes:
        action: What to do.
        settings: How.
        bench: How to measure.
        as_json: The findings are printed as JSON.
        edit: What to paint; for `edit` only.
    """

    action: Action
    settings: Settings
    bench: BenchSettings = field(default_factory=BenchSettings)
    as_json: bool = False
    edit: EditSettings | None = None


def parse(arguments: Sequence[str], remembered: Mapping[str, object] = MappingProxyType({})) -> Command:
    """Read the command line; prints help and ends the program with exit code 2 where it is wrong.

    The first word decides: `enrol` prepares a portrait, `edit` paints it in a pose, `bench` measures the program,
    `doctor` looks at the machine, `token` prints what remote control needs, anything else streams.

    Args:
        arguments: The command line without the program's name.
        remembered: Values that replace the usual ones of options which are not given.
    """
    if arguments[:1] == ["enrol"]:
        return _parse_enrol(arguments[1:])
    if arguments[:1] == ["edit"]:
        return _parse_edit(arguments[1:])
    if arguments[:1] == ["bench"]:
        return _parse_bench(arguments[1:])
    if arguments[:1] == ["token"]:
        return _parse_token(arguments[1:])
    if arguments[:1] == ["doctor"]:
        return _parse_doctor(arguments[1:])
    return _parse_stream(arguments, remembered)


def _parse_enrol(arguments: Sequence[str]) -> Command:
    parser = argparse.ArgumentParser(prog="puppet enrol", description="Prepare a portrait, so that it starts at once.")
    parser.add_argument("source", type=Path, metavar="PICTURE", help="the portrait: PNG, JPEG or WebP")
    add_look(parser)
    add_machine(parser)
    options = parser.parse_args(arguments)
    settings = Settings(
        options.source,
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        look=options.look,
    )
    return Command("enrol", settings)


def _parse_edit(arguments: Sequence[str]) -> Command:
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
                        help="a picture, or a sheet of directions (.png); directions in motion (.gif, .mp4)")
    parser.add_argument("--size", type=size_of, default=None, metavar="WxH",
                        help="size of each picture (default: 512x512, in a sheet 160x160)")
    # fmt: on
    add_backdrop(parser)
    add_machine(parser)
    options = parser.parse_args(arguments)
    kind = options.output.suffix.lower()
    if kind not in {".png", ".gif", ".mp4"}:
        parser.error(f"argument --output: expected a path ending in .png, .gif or .mp4, got {options.output}")
    if kind != ".png" and not options.directions:
        parser.error("a GIF or mp4 shows directions: --directions all, or their names")
    if options.source is not None and options.source.resolve() == options.output.resolve():
        parser.error("the picture and --output must be different files")
    usual_wh = IN_A_SHEET_WH if options.directions and kind == ".png" else EDITED_WH
    settings = Settings(
        source=options.source,
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        look=options.look,
        directions=DirectionsSettings(options.motion),
        compositor=CompositorSettings(options.size or usual_wh, options.backdrop),
    )
    return Command("edit", settings, edit=EditSettings(options.output, options.pose, options.directions))


def _parse_bench(arguments: Sequence[str]) -> Command:
    parser = argparse.ArgumentParser(prog="puppet bench", description="Measure how fast puppet is on this machine.")
    usual = BenchSettings()
    parser.add_argument("--source", type=Path, metavar="PICTURE", help="the portrait (default: the shipped one)")
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
        camera=CameraSettings(options.camera),
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        compositor=CompositorSettings(options.size),
        sinks=SinkSettings(fps=options.fps),
    )
    return Command("bench", settings, BenchSettings(options.seconds, options.rounds, options.json))


def _parse_doctor(arguments: Sequence[str]) -> Command:
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


def _parse_token(arguments: Sequence[str]) -> Command:
    parser = argparse.ArgumentParser(
        prog="puppet token", description="Print the token that programs need to control this one; see --api."
    )
    add_data_dir(parser)
    return Command("print token", Settings(data_dir=parser.parse_args(arguments).data_dir))


def _parse_stream(arguments: Sequence[str], remembered: Mapping[str, object]) -> Command:
    parser = _parser()
    options = parser.parse_args(arguments, argparse.Namespace(**remembered))
    action: Action = "list cameras" if options.list_cameras else "print settings" if options.dry_run else "stream"
    if action == "stream" and not options.headless and (options.every_frame or options.report):
        parser.error("--every-frame and --report need --headless")
    sinks = _sinks(parser, options)
    if options.camera and names_sender(options.camera):
        _check_sender(parser, options.camera)
    clip = Path(options.camera) if options.camera and names_file(options.camera) else None
    if options.every_frame and clip is None:
        parser.error("--every-frame needs a video file: --camera clip.mp4")
    files = [path.resolve() for path in (options.source, clip, options.report, *sinks.outputs) if path]
    if len(set(files)) < len(files):
        parser.error("--source, --camera, --report and each --output must be different files")
    settings = Settings(
        source=options.source,
        camera=CameraSettings(options.camera, options.every_frame, options.camera_size, options.camera_codec),
        bundle=options.bundle,
        data_dir=options.data_dir,
        engine=options.engine,
        headless=options.headless,
        look=options.look,
        api=options.api,
        pose=PoseSettings(mirrored=options.mirror_motion),
        directions=DirectionsSettings(options.motion),
        compositor=CompositorSettings(options.size, options.backdrop),
        sinks=sinks,
    )
    return Command(action, settings)


def _check_sender(parser: argparse.ArgumentParser, camera: str) -> None:
    try:
        read_address(camera, LOOPBACK)
    except ValueError as error:
        parser.error(f"argument --camera: {error}")


def _sinks(parser: argparse.ArgumentParser, options: argparse.Namespace) -> SinkSettings:
    """Sort the outputs: words, virtual cameras, files."""
    files, cameras = [], []
    for word in options.output:
        if word.partition(":")[0] == VIRTUAL_CAMERA:
            cameras.append(word.partition(":")[2] or None)
        elif Path(word).suffix.lower() == ".mp4":
            files.append(Path(word))
        elif word != "none":
            parser.error(f"argument --output: expected `{VIRTUAL_CAMERA}`, `none` or a path ending in .mp4, got {word}")
    if len(cameras) > 1:
        parser.error("argument --output: only one virtual camera can be sent to")
    if cameras and options.every_frame:
        parser.error("--every-frame is not in real time: give it a path ending in .mp4 as --output")
    silent = options.output or options.every_frame
    wish: VirtualCameraWish = "required" if cameras else "no" if silent else "if there"
    return SinkSettings(tuple(files), wish, cameras[0] if cameras else None, options.fps, options.report,
                        options.osc, options.osc_names)  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="puppet",
        description="Move a portrait with your face.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inputs(parser.add_argument_group("what moves what"))
    add_outputs(parser.add_argument_group("where it goes"))
    program = parser.add_argument_group("the program")
    add_machine(program)
    add_others(program)
    return parser
