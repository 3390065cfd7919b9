import numpy as np

from puppet.matte import person_matte, refined
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


def test_a_coarse_edge_is_moved_to_where_the_colours_change():
    rng = np.random.default_rng(0)
    person = np.hypot(*(np.mgrid[:200, :200] - 100)) < 60
    rgb = np.where(person[..., None], (190, 140, 110), (60, 90, 150)) + rng.integers(-9, 10, (200, 200, 3))
    coarse = np.roll(person, 3, axis=1).astype(np.float32)
    face = np.hypot(*(np.mgrid[:200, :200] - 100)) < 30
    found = refined(rgb.astype(np.uint8), coarse, face)
    assert np.abs(coarse - person).mean() > 0.015
    assert np.abs(found - person).mean() < 0.005


def test_a_matte_without_an_edge_stays():
    rgb, nowhere = np.zeros((60, 60, 3), np.uint8), np.zeros((60, 60), bool)
    for matte in (np.zeros((60, 60), np.float32), np.ones((60, 60), np.float32)):
        np.testing.assert_array_equal(refined(rgb, matte, nowhere), matte)


def test_what_does_not_hang_together_with_the_face_is_not_the_person():
    down, across = np.mgrid[:200, :200]
    person, other = np.hypot(down - 120, across - 120) < 50, np.hypot(down - 30, across - 30) < 20
    rgb = np.where((person | other)[..., None], (190, 140, 110), (60, 90, 150)).astype(np.uint8)
    found = refined(rgb, (person | other).astype(np.float32), np.hypot(down - 120, across - 120) < 25)
    assert found[other].max() == 0 and found[person].mean() > 0.95


def test_hair_that_was_hardly_found_is_the_persons_and_what_was_hardly_found_beside_a_face_is_not():
    down, across = np.mgrid[:200, :200]
    person, face = np.hypot(down - 90, across - 100) < 70, np.hypot(down - 110, across - 100) < 45
    hair = person & (down < 60)
    rgb = np.where(person[..., None], (190, 140, 110), (60, 90, 150)).astype(np.uint8)
    rgb[hair] = (25, 20, 20)
    beside = ~person & (down > 100) & (down < 140)
    found = refined(rgb, np.select([hair | beside, person], [0.3, 1.0]).astype(np.float32), face)
    assert found[hair].mean() > 0.95 and found[beside].mean() < 0.02
