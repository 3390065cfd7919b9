import av
import numpy as np
import pytest
from PIL import Image

from puppet.cli import main
from puppet.editing import Editor, directions_of, edited_pose
from puppet.errors import PoseError
from puppet.opacity import FAINT
from puppet.options import parse
from puppet.pose_space import BUILTIN
from puppet.settings import EditSettings
from puppet.verify import verify


@pytest.fixture
def edit(bundle_folder, portrait, tmp_path, capfd):
    """Runs `puppet edit` with a tiny model; its code and what it said."""

    def edit(*words):
        places = ["--look", "avatar", "--bundle", bundle_folder, "--data-dir", tmp_path / "data"]
        code = main(["edit", *map(str, [portrait, *words, *places])])
        captured = capfd.readouterr()
        return code, captured.out + captured.err

    return edit


def rgb_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_a_picture_is_painted_in_the_pose_that_is_wanted(edit, tmp_path):
    own, moved, same = (tmp_path / name for name in ("own.png", "moved.png", "same.png"))
    code, said = edit("--output", own)
    assert code == 0 and f"source_s7 is in {own}\n" in said
    edit("--pose", "yaw=20,smile_left=0.8", "--output", moved)
    edit("--pose", "yaw=0", "--output", same)
    assert rgb_of(own).shape == (512, 512, 3)
    assert (verify(own).marked, verify(own).states) == (True, True)
    np.testing.assert_array_equal(rgb_of(own), rgb_of(same))  # relative to the portrait's own pose
    assert np.abs(rgb_of(own) - rgb_of(moved)).max() > 10


def test_absolute_values_take_the_place_of_the_portraits_own(edit, tmp_path):
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    every = ",".join(f"{name}=0" for name in BUILTIN.names)
    edit("--pose", every, "--motion", "absolute", "--output", first)
    edit("--output", second)
    assert np.abs(rgb_of(first) - rgb_of(second)).max() > 0


def test_a_sheet_has_a_row_for_each_direction(edit, tmp_path):
    edit("--directions", "jaw_open,yaw", "--output", tmp_path / "sheet.png")
    assert (verify(tmp_path / "sheet.png").marked, verify(tmp_path / "sheet.png").states) == (True, True)
    sheet = rgb_of(tmp_path / "sheet.png")
    assert sheet.shape == (2 * (160 + 26 + 8) + 8, 7 * 168 + 8, 3)
    yaw = sheet[8 + 26 : 8 + 26 + 160]
    cells = [yaw[:, 8 + i * 168 : 168 + i * 168] for i in range(7)]
    assert np.abs(cells[0] - cells[-1]).max() > 10
    assert (np.abs(sheet[:, :4] - 250) <= 1).all()  # paper, with the mark


def test_directions_move_in_a_gif_and_in_a_video(edit, tmp_path):
    assert edit("--directions", "yaw", "--size", "256x256", "--output", tmp_path / "yaw.gif")[0] == 0
    with Image.open(tmp_path / "yaw.gif") as gif:
        assert gif.size == (256, 256) and 10 < gif.n_frames <= 40
        first = np.asarray(gif.convert("RGB")).astype(int)
        gif.seek(gif.n_frames // 4)
        assert np.abs(np.asarray(gif.convert("RGB")) - first).max() > 10
    assert edit("--directions", "yaw,roll", "--size", "256x256", "--output", tmp_path / "two.mp4")[0] == 0
    with av.open(str(tmp_path / "two.mp4")) as container:
        assert len(list(container.decode(video=0))) == 80
    assert {path.name for path in tmp_path.iterdir()} == {"yaw.gif", "two.mp4", "data"}
    for name in ("yaw.gif", "two.mp4"):
        assert (verify(tmp_path / name).marked, verify(tmp_path / name).states) == (True, True)


def test_what_is_behind_can_be_left_out_of_pictures_sheets_and_videos(edit, tmp_path):
    clear = ("--backdrop", "transparent")
    edit("--output", tmp_path / "green.png", "--backdrop", "#00ff00")
    assert edit("--output", tmp_path / "a.png", *clear)[0] == 0
    assert edit("--directions", "yaw", "--output", tmp_path / "sheet.png", *clear)[0] == 0
    assert edit("--directions", "yaw", "--size", "256x256", "--output", tmp_path / "yaw.mov", *clear)[0] == 0
    with Image.open(tmp_path / "a.png") as picture, Image.open(tmp_path / "sheet.png") as sheet:
        rgba, cell = np.asarray(picture).astype(float), np.asarray(sheet)[34:194, 8:168]
        assert (np.asarray(sheet)[:8, :, 3] == 255).all() and cell[..., 3].min() < 255
    share = rgba[..., 3:] / 255
    assert share.min() < 0.5 < share.max()
    green = share * rgba[..., :3] + (1 - share) * (0, 255, 0)
    # A random generator also paints more than its opacity holds.
    possible = (rgba[..., :3] > 0) & (rgba[..., :3] < 255) & (rgba[..., 3:] >= FAINT)
    assert possible.mean() > 0.3
    np.testing.assert_allclose(green[possible], rgb_of(tmp_path / "green.png")[possible], atol=5)
    with av.open(str(tmp_path / "yaw.mov")) as container:
        frames = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    assert len(frames) == 40 and frames[0][..., 3].min() < 128
    assert verify(tmp_path / "a.png").states and verify(tmp_path / "yaw.mov").states


def test_an_opaque_video_can_be_a_mov_file_too(edit, tmp_path):
    assert edit("--directions", "yaw", "--size", "256x256", "--output", tmp_path / "yaw.mov")[0] == 0
    with av.open(str(tmp_path / "yaw.mov")) as container:
        assert all(frame.to_ndarray(format="rgba")[..., 3].min() >= 254 for frame in container.decode(video=0))


def test_a_direction_that_the_model_lacks_is_said(edit, tmp_path):
    for words in (("--pose", "nose=1"), ("--directions", "nose")):
        code, said = edit(*words, "--output", tmp_path / "out.png")
        assert code == 1 and "this model has no direction 'nose'; it has yaw, pitch" in said
    code, said = edit("--output", tmp_path / "absent" / "out.png")
    assert code == 1 and "cannot be written (No such file or directory)" in said


def test_poses_and_directions_are_those_of_the_space():
    p_s = BUILTIN.rest.copy()
    p_s[0] = 5.0
    assert edited_pose(BUILTIN, p_s, {"yaw": 20.0}, "relative")[0] == 25.0
    assert edited_pose(BUILTIN, p_s, {"yaw": 20.0}, "absolute")[0] == 20.0
    assert p_s[0] == 5.0
    assert directions_of(BUILTIN, ("all",)) == BUILTIN.names
    assert directions_of(BUILTIN, ("roll", "yaw")) == ("yaw", "roll")
    with pytest.raises(PoseError):
        directions_of(BUILTIN, ("nose",))


def test_the_command_line(capsys):
    command = parse(["edit", "me.png", "--pose", "yaw=20,smile_left=0.8", "--output", "o.png"])
    assert command.edit is not None and command.action == "edit"
    assert command.edit.pose == (("yaw", 20.0), ("smile_left", 0.8))
    assert command.settings.compositor.size_wh == (512, 512)
    sheet = parse(["edit", "--directions", "yaw,roll", "--output", "o.PNG"])
    assert sheet.edit == EditSettings(sheet.edit.output, (), ("yaw", "roll"))
    assert sheet.settings.compositor.size_wh == (160, 160) and sheet.settings.source is None
    for wrong in (
        ["me.png"],
        ["me.png", "--output", "o.jpg"],
        ["me.png", "--output", "o.gif"],
        ["me.png", "--output", "o.gif", "--directions", "yaw", "--backdrop", "transparent"],
        ["me.png", "--output", "./me.png"],
        ["me.png", "--output", "o.png", "--pose", "yaw"],
        ["me.png", "--output", "o.png", "--pose", "yaw=1,yaw=2"],
        ["me.png", "--output", "o.png", "--pose", "yaw=nan"],
    ):
        with pytest.raises(SystemExit) as end:
            parse(["edit", *wrong])
        assert end.value.code == 2
        capsys.readouterr()


@pytest.mark.parametrize(("direction", "lowest"), [("yaw", -40.0), ("jaw_open", 0.0)])
def test_a_direction_in_motion_goes_to_its_ends_and_comes_back(direction, lowest):
    values = Editor(BUILTIN, None, (8, 4), BUILTIN.rest).there_and_back(direction, 41)
    assert (values[0], values[-1]) == pytest.approx((0.0, 0.0), abs=1e-5)
    assert max(values) == pytest.approx(BUILTIN.upper[BUILTIN.index(direction)])
    assert min(values) == pytest.approx(lowest, abs=1e-5)
