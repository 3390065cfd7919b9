"""The composition root: command line -> Settings -> parts -> run."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from fractions import Fraction
from importlib.metadata import version
from types import FrameType

import cv2

from engines import open_engine
from engines.base import Engine, EngineError
from puppet.avatar import Avatar
from puppet.backdrop import border_colour, make_backdrop
from puppet.bundle import Bundle, load_bundle
from puppet.camera import FileCamera
from puppet.compositor import Compositor
from puppet.directions import Directions
from puppet.enrolment import Enrolment
from puppet.errors import PuppetError
from puppet.folders import folders
from puppet.options import parse
from puppet.pipeline import Pipeline, Stages
from puppet.pose import Driver, PoseReader
from puppet.report import Report, check_report, hardware_line, write_report
from puppet.settings import Settings
from puppet.sinks import Mp4Sink, NullSink, Sink
from puppet.synthesis import Synthesis
from puppet.tracker import Tracker

DONE, FAILED = 0, 1
"""Exit codes; argparse adds 2 for a wrong command line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        The exit code: 0 done, 1 an error, said in one sentence on stderr.
    """
    command = parse(sys.argv[1:] if arguments is None else arguments)
    if command.dry_run:
        print(json.dumps(asdict(command.settings), indent=1, default=str))
        return DONE
    cv2.setNumThreads(1)  # every stage has a thread already
    try:
        with _on_signals(signal.default_int_handler), ExitStack() as stack:
            report = _stream(command.settings, stack)
    except (PuppetError, EngineError) as error:
        print(f"puppet: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("puppet: interrupted; nothing was kept", file=sys.stderr)
        return FAILED
    print(report.to_line())
    return DONE


def _stream(settings: Settings, stack: ExitStack) -> Report:
    """Build the parts, cheap checks first, run to the end, and keep the results; `stack` closes what was opened."""
    if settings.sinks.report is not None:
        check_report(settings.sinks.report)
    bundle = load_bundle(settings.bundle)
    every_frame = settings.camera.every_frame
    camera = FileCamera(settings.camera.path, real_time=not every_frame, fps=settings.sinks.fps)
    stack.callback(camera.close)
    sinks = _open_sinks(settings, camera.rate if every_frame else Fraction(settings.sinks.fps), stack)

    # Landmarks are pixels and need all of float32; one thread is plenty for so small a graph.
    pose = open_engine(bundle.pose_path, settings.engine, threads=1, precision="f32")
    stack.callback(pose.close)
    avatar = _avatar(settings, bundle, pose)
    synthesis = open_engine(bundle.synthesis_path, settings.engine)
    stack.callback(synthesis.close)
    tracker = stack.enter_context(closing(Tracker()))

    stages = Stages(
        camera=camera,
        tracker=tracker,
        pose=Driver(PoseReader(pose), bundle.pose_space, settings.pose),
        directions=_directions(settings, bundle, avatar),
        synthesis=Synthesis(synthesis),
        compositor=_compositor(settings, bundle, avatar),
        sinks=sinks,
        code_shape=(bundle.num_ws, bundle.w_dim),
        size_wh=settings.compositor.size_wh,
    )
    pipeline = Pipeline(stages, lossless=every_frame)
    with _on_signals(lambda number, frame: pipeline.stop()):
        pipeline.run()
    for sink in sinks:
        sink.close()
    report = Report(
        status=pipeline.status(),
        every_frame=every_frame,
        engines={"pose": pose.name, "synthesis": synthesis.name},
        bundle=f"{bundle.name} {bundle.version}",
        version=version("puppet"),
        hardware=hardware_line(),
    )
    if settings.sinks.report is not None:
        write_report(report, settings.sinks.report)
    return report


def _open_sinks(settings: Settings, rate: Fraction, stack: ExitStack) -> list[Sink]:
    """Opened sinks; `stack` gives up those that were not closed."""
    sinks: list[Sink] = [Mp4Sink(path) for path in settings.sinks.outputs] or [NullSink()]
    for sink in sinks:
        stack.callback(sink.abort)
        sink.open(settings.compositor.size_wh, rate)
    return sinks


def _avatar(settings: Settings, bundle: Bundle, pose: Engine) -> Avatar:
    def open_encoder() -> Engine:
        return open_engine(bundle.encoder_path, settings.engine, precision="f32")

    enrolment = Enrolment(bundle, PoseReader(pose), open_encoder, folders(settings.data_dir).avatars)
    return enrolment.avatar_of(settings.source)


def _directions(settings: Settings, bundle: Bundle, avatar: Avatar) -> Directions:
    return Directions(
        bundle.A, bundle.bias, bundle.pose_space, code=avatar.code, p_s=avatar.p_s, settings=settings.directions
    )


def _compositor(settings: Settings, bundle: Bundle, avatar: Avatar) -> Compositor:
    wanted = settings.compositor
    backdrop = make_backdrop(wanted.backdrop, wanted.size_wh, border_colour(avatar.crop))
    return Compositor(backdrop, bundle.resolution, bundle.channels)


@contextmanager
def _on_signals(first: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM call `first` inside the block; the second of them interrupts at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        for each in previous:
            signal.signal(each, signal.default_int_handler)
        first(number, frame)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
