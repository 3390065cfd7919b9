"""The parts of MediaPipe that are used here, without those that are not.

Importing any part of MediaPipe imports its helpers for drawing, which import Matplotlib, and its other interface, which
opens PortAudio. Empty modules take their places: that saves 0.8 s of every start and 60 MB (Zen 3, Linux).
"""
# ruff: noqa: E402

import sys
from types import ModuleType

NOT_NEEDED = (
    "mediapipe.python.solutions.drawing_styles",
    "mediapipe.python.solutions.drawing_utils",
    "mediapipe.tasks",
    "mediapipe.tasks.python",
)

for name in NOT_NEEDED:
    sys.modules.setdefault(name, ModuleType(name))

from mediapipe.python.solutions import face_mesh_connections
from mediapipe.python.solutions.face_detection import FaceDetection
from mediapipe.python.solutions.face_mesh import FaceMesh
from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

__all__ = ["FaceDetection", "FaceMesh", "SelfieSegmentation", "face_mesh_connections"]
