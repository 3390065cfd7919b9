"""The matte of a portrait: how much of each pixel is the person.

It comes from MediaPipe's selfie segmentation, which knows painted and drawn people too; where it misses parts of the
face, the face's outline fills them. Its edge is coarse: it cuts hair off, and takes the background beside an ear for
the person. GrabCut finds the edge anew, by colour, in a band around it.

Source: Rother, Kolmogorov, Blake, "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts", ACM TOG 2004.
"""

from __future__ import annotations

from contextlib import closing

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

BAND, ITERATIONS, SOFT = 1 / 52, 2, 1 / 700
"""How far the edge may lie from where it was found, GrabCut's turns, and how soft it is; in sides of the picture."""

PERHAPS = 0.25
"""Above the face, GrabCut decides from this on: MediaPipe is not sure of dark hair."""


def person_matte(
    rgb: UInt8[np.ndarray, "height width 3"], face: Bool[np.ndarray, "height width"]
) -> Float32[np.ndarray, "height width"]:
    """How much of each pixel is the person, 0 to 1.

    Args:
        rgb: The portrait, or a part of it with the head.
        face: Where the face's outline is.
    """
    from puppet.mediapipe_solutions import SelfieSegmentation

    with closing(SelfieSegmentation(model_selection=0)) as segmentation:
        found = segmentation.find(rgb)
    matte: Float32[np.ndarray, "height width"] = np.where(face, np.float32(1), found).astype(np.float32)
    return matte


def refined(
    rgb: UInt8[np.ndarray, "side side 3"],
    matte: Float32[np.ndarray, "side side"],
    face: Bool[np.ndarray, "side side"],
) -> Float32[np.ndarray, "side side"]:
    """The matte with its edge where the colours change; as it was where all or nothing is the person.

    What does not hang together with the face is not the person.

    Args:
        rgb: The portrait, or a part of it with the head.
        matte: As `person_matte` finds it.
        face: Where the face's outline is; its inside stays the person's.
    """
    solid = (matte > 0.5).astype(np.uint8)
    band = round(BAND * len(rgb))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    above = np.cumsum(face.any(1)) == 0
    perhaps = solid | ((matte > PERHAPS) & above[:, None])
    labels = np.where(perhaps, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.dilate(perhaps, kernel) == 0] = cv2.GC_BGD
    labels[(cv2.erode(solid, kernel) | cv2.erode(face.astype(np.uint8), kernel)) > 0] = cv2.GC_FGD
    if not (labels == cv2.GC_BGD).any() or not (labels == cv2.GC_FGD).any():
        return matte
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(rgb, labels, None, *models, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    _, parts = cv2.connectedComponents(((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8))
    person = np.isin(parts, np.setdiff1d(parts[face], 0))
    return np.asarray(cv2.GaussianBlur(person.astype(np.float32), (0, 0), SOFT * len(rgb)))
