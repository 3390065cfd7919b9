"""Enrolment in the look `photo`, with the real child and a tiny generator."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines import open_engine
from puppet import tuning
from puppet.avatar import DIFFERENCE, Avatar, avatar_path
from puppet.bundle import Bundle, load_bundle
from puppet.enrolment import Enrolment
from puppet.errors import AvatarError, Cancelled
from puppet.parts import Parts
from puppet.preflight import Preflight
from puppet.settings import Settings
from puppet.tuning import Progress, Tuning
from puppet.views import Views


@pytest.fixture(scope="module")
def bundle(stylegan_folder: Path) -> Bundle:
    return load_bundle(stylegan_folder)


@pytest.fixture(scope="module")
def stored(bundle: Bundle, portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Avatar, list]:
    """A portrait in both looks: the folder of avatars, the tuned one, and what was told."""
    folder = tmp_path_factory.mktemp("data") / "avatars"
    enrolment, told = Enrolment(bundle, open_engine, folder), []
    enrolment.avatar_of(portrait)
    return folder, enrolment.avatar_of(portrait, "photo", told.append), told


@pytest.fixture
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: str) -> None:
        pytest.fail("a child was started")

    monkeypatch.setattr(tuning, "Child", refuse)


def error(avatar: Avatar) -> float:
    """How far the avatar at rest is from its crop where both should be the face."""
    r = len(avatar.preview)
    crop = avatar.crop.reshape(r, len(avatar.crop) // r, r, -1, 3).mean((1, 3))
    return float(np.abs(crop - avatar.preview)[r // 4 : 3 * r // 4, r // 4 : 3 * r // 4].mean())


def test_a_tuned_avatar_is_closer_to_its_portrait(stored, bundle: Bundle, portrait: Path) -> None:
    folder, photo, told = stored
    plain = Enrolment(bundle, open_engine, folder).avatar_of(portrait)
    assert (plain.look, photo.look) == ("avatar", "photo")
    assert error(photo) < 0.7 * error(plain)
    preflight, quick, first, *others = told
    assert isinstance(preflight, Preflight) and first == Progress(None, None)
    assert all(0 < progress.share < 1 and progress.left_s > 0 for progress in others)
    assert quick.look == "avatar" and np.array_equal(quick.preview, plain.preview)


def test_its_weights_are_private_small_and_laid_out_as_the_bundles(stored, bundle: Bundle) -> None:
    folder, photo, _ = stored
    base, tuned = bundle.generator_path.read_bytes(), photo.tuned.weights(bundle)
    start = 8 + int.from_bytes(base[:8], "little")
    assert len(tuned) == len(base) and tuned[:start] == base[:start] and tuned != base
    assert (avatar_path(folder, photo) / DIFFERENCE).stat().st_size < len(base)
    assert all(path.stat().st_mode & 0o077 == 0 for path in avatar_path(folder, photo).iterdir())
    assert {path.name[:1] for path in folder.iterdir()} == {photo.portrait_sha256[:1]}


def test_the_second_start_tunes_nothing(stored, bundle: Bundle, portrait: Path, no_child: None) -> None:
    folder, photo, _ = stored
    again = Enrolment(bundle, open_engine, folder).avatar_of(portrait, "photo")
    assert again.tuned.sha256 == photo.tuned.sha256
    assert Enrolment(bundle, open_engine, folder).stored(photo.portrait_sha256, "photo").look == "photo"


def test_another_tuning_replaces_the_first(stored, bundle: Bundle, portrait: Path, tmp_path: Path, caplog) -> None:
    first, photo, _ = stored
    folder = shutil.copytree(first, tmp_path / "avatars")
    assert photo.tuned.tuning == "views"
    caplog.set_level("INFO", "puppet.tuning")
    paper = Enrolment(bundle, open_engine, folder, "paper").avatar_of(portrait, "photo")
    assert paper.tuned.tuning == "paper" and paper.tuned.sha256 != photo.tuned.sha256
    assert "tuned with L1 on 4 scales, without AlexNet, by the preset paper" in caplog.text
    kept = Enrolment(bundle, open_engine, folder).avatar_of(portrait, "photo")
    assert (kept.tuned.tuning, kept.tuned.sha256) == ("paper", paper.tuned.sha256)


def test_a_preset_that_does_not_fit_is_one_sentence(bundle: Bundle, portrait: Path, tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match=r"cannot be tuned: the preset authors .*; take another preset"):
        Enrolment(bundle, open_engine, tmp_path, "authors").avatar_of(portrait, "photo")
    assert list(tmp_path.iterdir()) == []


def test_damaged_weights_are_made_again_from_the_crop(stored, bundle: Bundle, caplog) -> None:
    folder, photo, _ = stored
    weights = avatar_path(folder, photo) / DIFFERENCE
    weights.write_bytes(weights.read_bytes()[:-40] + bytes(40))
    again = Enrolment(bundle, open_engine, folder).stored(photo.portrait_sha256, "photo")
    assert "damaged" in caplog.text
    assert (again.look, again.name) == ("photo", photo.name)
    assert again.tuned.weights(bundle)
    np.testing.assert_array_equal(again.surroundings.rgb.shape, photo.surroundings.rgb.shape)


@pytest.mark.parametrize(
    "when",
    [
        lambda news: isinstance(news, Preflight),
        lambda news: isinstance(news, Avatar),
        lambda news: news == Progress(None, None),
        lambda news: isinstance(news, Progress) and news.share is not None,
    ],
    ids=["scored", "quick", "begun", "tuning"],
)
def test_a_cancelled_tuning_leaves_nothing(bundle: Bundle, portrait: Path, tmp_path: Path, when) -> None:
    enrolment = Enrolment(bundle, open_engine, tmp_path / "avatars")
    with pytest.raises(Cancelled):
        enrolment.avatar_of(portrait, "photo", lambda news: enrolment.cancel() if when(news) else None)
    assert list(tmp_path.glob("avatars/*")) == []


@pytest.mark.skipif(os.name != "posix", reason="folders of other systems have no such modes")
def test_a_place_that_cannot_be_written_is_said_before_the_tuning(
    bundle: Bundle, portrait: Path, tmp_path: Path, no_child: None
) -> None:
    (tmp_path / "avatars").write_text("a file, not a folder")
    with pytest.raises(AvatarError, match=r"cannot be tuned in .* \(File exists\); try --data-dir"):
        Enrolment(bundle, open_engine, tmp_path / "avatars").avatar_of(portrait, "photo")


def test_a_full_disk_is_said_and_leaves_nothing(
    bundle: Bundle, portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(AvatarError, match="No space left on device"):
        Enrolment(bundle, open_engine, tmp_path / "avatars").avatar_of(portrait, "photo")
    assert list((tmp_path / "avatars").iterdir()) == []


@pytest.fixture
def views(bundle: Bundle) -> Views:
    r = bundle.resolution
    return Views(
        np.zeros((1, bundle.num_ws, bundle.w_dim), np.float32),
        np.zeros((1, r, r, bundle.channels), np.uint8),
        np.ones((1, r, r), np.float32),
        np.zeros((r, r, 3), np.uint8),
    )


def test_a_childs_error_is_one_sentence(bundle: Bundle, views: Views, tmp_path: Path) -> None:
    gone = replace(bundle, folder=tmp_path / "gone")
    with pytest.raises(AvatarError, match=r"cannot be tuned: expected a model bundle in .*gone"):
        Tuning().run(gone, lambda: views, tmp_path, "views", lambda progress: None)


def test_a_child_that_dies_is_said(bundle: Bundle, views: Views, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tuning, "MODULE", "no.such.module")
    with pytest.raises(AvatarError, match=r"cannot be tuned \(.*no.* try again, or --look avatar"):
        Tuning().run(bundle, lambda: views, tmp_path, "views", lambda progress: None)


def test_tuned_avatars_are_painted_with_their_own_generators_and_closed_later(
    stored, bundle: Bundle, tmp_path: Path
) -> None:
    _, photo, _ = stored
    with closing(Parts(Settings(bundle=bundle.folder, data_dir=tmp_path))) as parts:
        settings = Settings(bundle=bundle.folder)
        plain = replace(photo, tuned=None)
        others = [replace(photo, tuned=replace(photo.tuned, sha256=str(i))) for i in range(3)]
        w = np.zeros((bundle.num_ws, bundle.w_dim), np.float32)
        scenes = [parts.scene(settings, avatar) for avatar in (plain, others[0], others[1])]
        assert (scenes[0].synthesis.paint(w) != scenes[1].synthesis.paint(w)).any()
        engines = [scene.synthesis._engine for scene in scenes]
        assert parts.scene(settings, others[1]).synthesis._engine is engines[2]
        last = parts.scene(settings, others[2]).synthesis
        with pytest.raises(Exception, match="clos"):
            engines[1].run({"w": w[None]})
        for usable in (scenes[0].synthesis, scenes[2].synthesis, last):
            assert usable.paint(w).shape == (bundle.resolution, bundle.resolution, 4)
