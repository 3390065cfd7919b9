"""One run of the pipeline, from an opened camera to completed files."""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8

from puppet.errors import NoFaceError, PuppetError, SinkError, StuckError
from puppet.outlet import Preview, Tap
from puppet.parts import Parts, open_camera
from puppet.settings import Settings
from puppet.sinks import VideoSink
from puppet.stages import Scene
from puppet.visible_mark import VisibleMark


class Run:
    """What is opened for a run. Its owner starts the pipeline, and finishes the run."""

    def __init__(self, parts: Parts, settings: Settings, scene: Scene, output: Tap) -> None:
        """Open the camera and the video files.

        Args:
            parts: Open until the run is finished.
            settings: All of them.
            scene: What is painted at first.
            output: Takes the pictures, and outlives the run.

        Raises:
            CameraError: The camera cannot be opened.
            SinkError: A file cannot be written, or poses cannot be sent.
        """
        size_wh = settings.compositor.size_wh
        self.preview, self._mark = Preview(size_wh), VisibleMark(size_wh)
        self._files = [VideoSink(path) for path in settings.sinks.outputs]
        with ExitStack() as stack:
            camera = stack.enter_context(closing(open_camera(settings.camera, settings.sinks.fps)))
            for file in self._files:
                stack.callback(file.abort)
                file.open(size_wh, Fraction(settings.sinks.fps))
            listeners = [stack.enter_context(closing(listener)) for listener in parts.listeners(settings)]
            self.pipeline = parts.pipeline(
                settings, camera, scene, sinks=self._files, taps=(output,), mirrors=(self.preview,), listeners=listeners
            )
            self._opened = stack.pop_all()

    def newest_picture(self) -> UInt8[np.ndarray, "height width 3"] | None:
        """The newest picture, with its visible mark as a mirror has to have it; see `Session.newest_picture`."""
        picture = self.preview.newest()
        if picture is None:
            return None
        if self.pipeline.marked:
            self._mark.draw_turned(picture.rgb)
        return picture.rgb

    def finish(self) -> None:
        """End the pipeline, complete the files, and let go of the camera.

        Raises:
            CameraError: The camera failed.
            EngineError: An engine failed.
            SinkError: A file could not be written.
            StuckError: A part of it hangs: nothing was closed, and the parts must not be closed either.
        """
        with self._opened:
            if self.pipeline.status().running:  # what ended by itself says more about why
                self.pipeline.stop()
            try:
                self.pipeline.wait()
            except NoFaceError:
                raise
            except PuppetError as error:
                for sink in self.pipeline.ended_sinks:  # what was recorded is kept
                    with suppress(SinkError):
                        sink.close()
                if isinstance(error, StuckError):
                    self._opened.pop_all()
                raise
            for file in self._files:
                file.close()
