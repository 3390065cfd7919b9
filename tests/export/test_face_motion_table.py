"""The table of a bundle that moves faces, as the workshop measures it."""

from contextlib import closing
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from export.face_motion import Looker, motion, mouth_inside, standing_points
from export.facemesh_samples import RESOLUTION
from export.render_heads import HeadRenderer
from export.shape_model import load_shape_model
from puppet.face_motion import ABOVE_LIP, INSIDE_PX, read_face_motion
from puppet.pose_space import BUILTIN
from puppet.tracker import PortraitTracker


def test_teeth_hang_from_the_skull_and_the_tongue_lies_behind_those_of_the_jaw(
    data_folder: Path, tmp_path: Path
) -> None:
    renderer = HeadRenderer(load_shape_model(data_folder / "ict_facekit"), RESOLUTION)
    with closing(PortraitTracker()) as tracker:
        points = standing_points(Looker(renderer, tracker), 3)
    path = tmp_path / "face_motion.safetensors"
    save_file(motion(renderer, points) | mouth_inside(renderer, points), path)
    table = read_face_motion(path, BUILTIN)

    upper, lower = (part.astype(np.float32) for part in (table.upper, table.lower))
    middle = slice(INSIDE_PX // 3, 2 * INSIDE_PX // 3)
    whites, lower_whites = ((part[..., 2] > 0.75 * part[..., 0]) & (part[..., 0] > 90) for part in (upper, lower))
    reds = (lower[..., 0] > 1.3 * lower[..., 2]) & (lower[..., 3] == 255)
    edge = np.flatnonzero(whites[:, middle].any(1)).max() / INSIDE_PX
    assert ABOVE_LIP < edge < ABOVE_LIP + 0.2
    assert upper[round((edge + 0.1) * INSIDE_PX) :, middle, 3].max() == 0
    row = np.flatnonzero(lower_whites[:, middle].any(1)).min()
    assert row > 0.3 * INSIDE_PX and reds[row - 15 : row - 5, middle].mean() > 0.9
    assert table.throat.max() < 60 < table.skin.min()
    assert 0.05 < table.drop[1] < 0.12 and abs(table.drop[0]) < 1e-3
