from pathlib import Path

import numpy as np
import pytest
import torch
from linear_world import CPU, EDGE, FIXED, MODES, inverter_of, linear_heads, linear_samples
from PIL import Image

from export.direction_samples import AUTHORS, Ranges, Recipe, Samples, fixed_ranges
from export.inverted import FilmedPeople
from puppet.errors import PictureError
from puppet.networks.truncation import mean_code


def test_a_range_is_the_middle_and_half_of_the_width() -> None:
    ranges = Ranges(torch.tensor([1.0]), torch.tensor([2.0]))
    assert ranges.rescale(torch.tensor([[-1.0], [3.0]])).tolist() == [[-6.0], [6.0]]
    assert ranges.restore(torch.tensor([[-6.0], [6.0]])).tolist() == [[-1.0], [3.0]]


def test_ranges_are_the_lowest_and_the_highest_of_what_is_read() -> None:
    heads, again = linear_heads(), linear_heads()
    ranges = heads.measure(70, lambda: True)
    p = torch.cat([again.read(again.codes(count)).p_scaled for count in (50, 20)])
    assert torch.allclose(ranges.rescale(p).amin(0), torch.full((15,), -6.0), atol=1e-4)
    assert torch.allclose(ranges.rescale(p).amax(0), torch.full((15,), 6.0), atol=1e-4)


def test_measuring_ends_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    linear_heads().measure(10_000, lambda: False)
    assert "on 50 generated" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["synthetic", "mixed"])
@pytest.mark.parametrize("recipe", [FIXED, AUTHORS])
def test_half_of_the_samples_move_a_single_attribute(mode: str, recipe: Recipe) -> None:
    samples = linear_samples(mode, recipe)
    moved = (samples.draw(12).change.abs() > 1e-6).sum(1)
    single = samples.single(12)
    assert single.sum() == 6
    assert (moved[single] <= 1).all()
    assert (moved[~single] > 3).all()
    # The first half of a mixed batch is real: the paper does not tell it apart, the authors' code never moves it alone.
    crossed = mode == "mixed" and recipe.halves == "crossed"
    assert single[:6].sum() == (3 if crossed else 0)


def test_what_a_single_attribute_moves_by() -> None:
    start = torch.full((400, 15), 5.0)

    def moved(single: str) -> torch.Tensor:
        samples = linear_samples("synthetic", Recipe(single=single, statistics=0))
        wanted = samples.moved_alone(start, 400, np.arange(400))
        assert ((wanted != start).sum(1) <= 1).all()
        return wanted[wanted != start]

    offset, limited, destination = (moved(name) for name in ("offset", "limited", "destination"))
    # ε ~ U[−6, 6] in all of them: from 5 it ends in [−1, 11], in [−1, 6], or anywhere in [−6, 6].
    assert -1 <= offset.min() < 0 < 10 < offset.max() <= 11
    assert -1 <= limited.min() < 0
    assert (limited == 6).float().mean() == pytest.approx(5 / 12, abs=0.1)
    assert -6 <= destination.min() < -5 < 5 < destination.max() <= 6


def test_synthetic_samples_want_the_sources_shape_in_the_targets_pose() -> None:
    samples = linear_samples()
    sample = samples.draw(8)
    read = samples.heads.read(sample.ws)
    torch.testing.assert_close(sample.wanted.p_i, read.p_i)
    torch.testing.assert_close(sample.wanted.p_scaled, read.p_scaled + sample.change, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(sample.reference, samples.heads.paint(sample.ws))


def test_half_of_a_mixed_batch_are_inverted_pictures() -> None:
    samples = linear_samples("mixed")
    sample = samples.draw(8)
    painted = samples.heads.paint(sample.ws)
    # Pictures come in 256 levels: the real ones are painted again to a level or two, the random ones exactly.
    apart = (painted - sample.reference).abs().amax((1, 2, 3))
    assert (apart[4:] == 0).all()
    assert (apart[:4] > 0).all()
    assert apart.max() < 0.05


def test_paired_samples_are_charged_against_the_target() -> None:
    samples = linear_samples("paired")
    sample, heads = samples.draw(6), samples.heads
    target = heads.look(sample.reference)
    torch.testing.assert_close(sample.wanted.p_scaled, target.p_scaled)
    source = heads.read(sample.ws)
    torch.testing.assert_close(source.p_scaled + sample.change, target.p_scaled, atol=0.3, rtol=0.1)
    assert (sample.change.abs() > 1e-3).sum(1).min() > 10
    assert not torch.equal(sample.wanted.p_i, target.p_i)
    theirs = linear_samples("paired", Recipe(shape_of="target", statistics=0)).draw(6)
    torch.testing.assert_close(theirs.wanted.p_i, heads.look(theirs.reference).p_i)


def test_codes_are_truncated_after_the_shift() -> None:
    whole, half = linear_heads(), linear_heads(0.5)
    ws = whole.codes(3)
    centre = mean_code(whole.trained.generator.mapping, MODES)
    torch.testing.assert_close(half.paint(ws), whole.paint(centre + 0.5 * (ws - centre)))


def test_real_pictures_need_an_encoder() -> None:
    with pytest.raises(ValueError, match="needs real pictures"):
        Samples("paired", linear_heads(), fixed_ranges(CPU), FIXED)


def test_an_inverted_picture_is_painted_again() -> None:
    heads = linear_heads()
    ws = heads.codes(4)
    picture = heads.paint(ws)
    inverter = inverter_of(heads)
    torch.testing.assert_close(heads.paint(inverter.codes(picture)), picture, atol=1e-4, rtol=1e-3)
    at_rest = heads.read(inverter.codes_at_rest(picture))
    torch.testing.assert_close(at_rest.p_i, heads.look(picture).p_i, atol=1e-2, rtol=1e-2)
    assert at_rest.p_scaled.abs().max() < 1e-2


def write_frames(folder: Path, *colours: int, width: int = 40) -> None:
    folder.mkdir(parents=True)
    for number, colour in enumerate(colours):
        Image.new("RGB", (width, 40), (colour, colour, colour)).save(folder / f"{number}.png")


def test_frames_of_one_clip_show_one_person(tmp_path: Path) -> None:
    write_frames(tmp_path / "dark", 10, 20, 30)
    write_frames(tmp_path / "bright", 210, 220, 230)
    write_frames(tmp_path / "single", 120)
    people = FilmedPeople(tmp_path, EDGE)
    pictures = people.pictures(np.random.default_rng(0), 20, 2)
    assert pictures.shape == (20, 2, EDGE, EDGE, 3)
    first, second = pictures[:, 0, 0, 0, 0].astype(int), pictures[:, 1, 0, 0, 0].astype(int)
    assert (first != second).all()
    assert ((first < 100) == (second < 100)).all()
    assert 120 not in first


def test_frames_that_do_not_do_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="at least two frames"):
        FilmedPeople(tmp_path / "nothing", EDGE)
    write_frames(tmp_path / "wide", 1, 2, width=60)
    with pytest.raises(PictureError, match="square frames"):
        FilmedPeople(tmp_path, EDGE).pictures(np.random.default_rng(0), 1, 1)
