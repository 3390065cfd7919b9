import numpy as np

from puppet.matte import person_matte
from puppet.stills import read_still


def test_the_faces_outline_is_the_person_in_any_case():
    face = np.zeros((120, 160), bool)
    face[40:80, 60:100] = True
    matte = person_matte(np.full((120, 160, 3), 90, np.uint8), face)
    assert matte.dtype == np.float32 and (matte[face] == 1).all() and matte[:20].max() < 0.5


def test_a_painted_person_is_told_from_what_is_behind(data_folder):
    rgb = read_still(data_folder / "real" / "source_s5.jpg")
    matte = person_matte(rgb, np.zeros(rgb.shape[:2], bool))
    assert matte[250, 351] > 0.9 and matte[600, 351] > 0.9  # forehead, book
    assert matte[100, 100] < 0.1 and matte[100, 650] < 0.1
