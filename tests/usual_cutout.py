"""A character that comes with the program, cut out."""

from __future__ import annotations

from contextlib import closing

from puppet.alignment import Square
from puppet.cutout import Cutout, cut_out
from puppet.gallery import USUAL
from puppet.stills import read_still
from puppet.tracker import PortraitTracker


def usual_cutout(side_px: int) -> Cutout:
    """Its picture is the crop.

    Args:
        side_px: Sides that the crop shall have.
    """
    rgb = read_still(USUAL)
    with closing(PortraitTracker()) as tracker:
        face = tracker.find(rgb)
    assert face is not None
    side = float(len(rgb))
    return cut_out(rgb, Square(side / 2, side / 2, side), face.landmarks_px, side_px)
