"""The command line: words -> Settings. Knows no parts; puppet.cli builds them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from puppet.commands import Action, Command, parse_bench, parse_bundles, parse_doctor, parse_enrol
from puppet.devices import names_file
from puppet.option_groups import add_look, add_machine, add_picture, size
from puppet.settings import (
    CameraSettings,
    CompositorSettings,
    DirectionsSettings,
    PoseSettings,
    Settings,
    SinkSettings,
    VirtualCameraWish,
)

EXAMPLES = """\
examples:
  puppet --source me.png --camera 0
  puppet --source me.png --camera clip.mp4 --every-frame --headless --output out.mp4

`puppet enrol me.png` prepares a portrait beforehand, `puppet doctor` says what is missing on this machine, and
`puppet bench` measures it, `puppet bundles` lists the models; each of them has a --help of its own.
"""

VIRTUAL_CAMERA = "virtual-camera"


def parse(arguments: Sequence[str], remembered: Mapping[str, object] = MappingProxyType({})) -> Command:
    """Read the command line; prints help and ends the program with exit code 2 where it is wrong.

    The first word decides: `enrol` prepares a portrait, `bench` measures the program, `doctor` looks at the machine,
    `bundles` lists the models, anything else streams.

    Args:
        arguments: The command line without the program's name.
        remembered: Values that replace the usual ones of options which are not given.
    """
    if arguments[:1] == ["enrol"]:
        return parse_enrol(arguments[1:])
    if arguments[:1] == ["bench"]:
        return parse_bench(arguments[1:])
    if arguments[:1] == ["doctor"]:
        return parse_doctor(arguments[1:])
    if arguments[:1] == ["bundles"]:
        return parse_bundles(arguments[1:])
    return _parse_stream(arguments, remembered)


def _parse_stream(arguments: Sequence[str], remembered: Mapping[str, object]) -> Command:
    parser = _parser()
    options = parser.parse_args(arguments, argparse.Namespace(**remembered))
    action: Action = "list cameras" if options.list_cameras else "print settings" if options.dry_run else "stream"
    if action == "stream" and not options.headless and (options.every_frame or options.report):
        parser.error("--every-frame and --report need --headless")
    sinks = _sinks(parser, options)
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
        tuning=options.tuning,
        pose=PoseSettings(mirrored=options.mirror_motion),
        directions=DirectionsSettings(options.motion),
        compositor=CompositorSettings(options.size, options.backdrop),
        sinks=sinks,
    )
    return Command(action, settings)


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
    return SinkSettings(tuple(files), wish, cameras[0] if cameras else None, options.fps, options.report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="puppet",
        description="Move a portrait with your face.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_inputs(parser.add_argument_group("what moves what"))
    _add_outputs(parser.add_argument_group("where it goes"))
    program = parser.add_argument_group("the program")
    add_machine(program)
    _add_others(program)
    return parser


# fmt: off
def _add_inputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--source", type=Path, default=None, metavar="PICTURE",
                       help="the portrait to move: PNG, JPEG or WebP (default: the last one, else the shipped one)")
    add_look(group)
    group.add_argument("--camera", default=None, metavar="WHAT",
                       help="what moves it: a camera's number, its name or a part of it, or a video file "
                       "(default: the first camera)")
    group.add_argument("--camera-size", type=size, default=CameraSettings().size_wh, metavar="WxH",
                       help="size to ask a camera for (default: 640x480)")
    group.add_argument("--camera-codec", choices=("mjpg", "raw"), default=CameraSettings().codec,
                       help="what to ask a camera for (default: %(default)s)")
    group.add_argument("--every-frame", action="store_true",
                       help="use every frame of the file, as fast as it goes; else it plays in real time")
    group.add_argument("--motion", choices=("relative", "absolute"), default=DirectionsSettings().motion,
                       help="add your motion to the portrait's own pose, or copy your pose (default: %(default)s)")
    group.add_argument("--mirror-motion", action="store_true",
                       help="move like a mirror image of you")


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--output", action="append", default=[], metavar="WHERE",
                       help=f"`{VIRTUAL_CAMERA}`, `{VIRTUAL_CAMERA}:BACKEND`, `none`, or a video file ending in .mp4; "
                       f"may be given several times (default: {VIRTUAL_CAMERA}, if there is one)")
    group.add_argument("--headless", action="store_true",
                       help="no window")
    group.add_argument("--report", type=Path, default=None, metavar="FILE.json",
                       help="write counts and times at the end")
    add_picture(group)
    group.add_argument("--backdrop", default=CompositorSettings().backdrop, metavar="WHAT",
                       help="`own` for what is around the person in the portrait, `blur` for the same out of focus, "
                       "`portrait` for its border colour, #rrggbb, or a picture (default: %(default)s)")


def _add_others(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--list-cameras", action="store_true",
                       help="print number and name of each camera and stop")
    group.add_argument("--dry-run", action="store_true",
                       help="print the settings and stop")
    group.add_argument("--version", action="version", version=f"puppet {version('puppet')}")
# fmt: on
