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

from engines.base import EngineError
from puppet.devices import list_devices
from puppet.errors import PuppetError
from puppet.options import parse
from puppet.parts import Parts, open_camera
from puppet.report import Report, check_report, hardware_line, write_report
from puppet.settings import Settings
from puppet.sinks import Mp4Sink, NullSink, Sink

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
    if command.list_cameras:
        print(_list_cameras())
        return DONE
    cv2.setNumThreads(1)  # every stage has a thread already
    cv2.setLogLevel(0)  # what goes wrong is said in our own words
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
    every_frame = settings.camera.every_frame
    camera = stack.enter_context(closing(open_camera(settings.camera, settings.sinks.fps)))
    sinks = _open_sinks(settings, camera.rate if every_frame else Fraction(settings.sinks.fps), stack)
    parts = stack.enter_context(closing(Parts(settings)))
    scene = parts.scene(settings, parts.avatar(settings.source))
    pipeline = parts.pipeline(settings, camera, scene, sinks=sinks)
    with _on_signals(lambda number, frame: pipeline.stop()):
        pipeline.run()
    for sink in sinks:
        sink.close()
    report = Report(
        status=pipeline.status(),
        every_frame=every_frame,
        engines=parts.engines,
        bundle=f"{parts.bundle.name} {parts.bundle.version}",
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


def _list_cameras() -> str:
    """One line for each camera: number and name."""
    devices = [device for device in list_devices() if not device.virtual]
    return "\n".join(f"{device.index}  {device.name}" for device in devices) or "no camera was found"


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
