"""The parts of MediaPipe that are used here, without those that are not.

Importing any part of MediaPipe imports its helpers for drawing, which import Matplotlib, and its other interface, which
opens PortAudio. Empty modules take their places: that saves 0.8 s of every start and 60 MB (Zen 3, Linux). What their
native parts say as they start, and at the first face, goes to the log.
"""
# ruff: noqa: E402

import sys
from contextlib import nullcontext
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from jaxtyping import UInt8

NOT_NEEDED = (
    "mediapipe.python.solutions.drawing_styles",
    "mediapipe.python.solutions.drawing_utils",
    "mediapipe.tasks",
    "mediapipe.tasks.python",
)

for name in NOT_NEEDED:
    sys.modules.setdefault(name, ModuleType(name))

from mediapipe.python.solutions import face_detection, face_mesh, face_mesh_connections, selfie_segmentation

from puppet.native_messages import native_notes_logged

__all__ = ["FaceDetection", "FaceMesh", "SelfieSegmentation", "face_mesh_connections"]

_BLANK = np.zeros((32, 32, 3), np.uint8)


class _Solution:
    """One of MediaPipe's; it has started when it is there."""

    kind: ClassVar[type]
    result: ClassVar[str]

    def __init__(self, **options: object) -> None:
        """Start it, as MediaPipe's own takes its options."""
        with native_notes_logged():
            self._solution: Any = self.kind(**options)
            self._solution.process(_BLANK)
        self._silent = False

    def find(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Any:  # noqa: ANN401
        """Its result in MediaPipe's own types; None where it finds nothing."""
        with nullcontext() if self._silent else native_notes_logged():
            found = getattr(self._solution.process(rgb), self.result)
        self._silent = self._silent or found is not None
        return found

    def close(self) -> None:
        """Free it. A second call does nothing."""
        if self._solution is not None:
            self._solution.close()
            self._solution = None


class FaceMesh(_Solution):
    """Finds landmarks of faces."""

    kind, result = face_mesh.FaceMesh, "multi_face_landmarks"


class FaceDetection(_Solution):
    """Finds faces."""

    kind, result = face_detection.FaceDetection, "detections"


class SelfieSegmentation(_Solution):
    """Finds which pixels are a person's."""

    kind, result = selfie_segmentation.SelfieSegmentation, "segmentation_mask"
