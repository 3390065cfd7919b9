import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from export.evaluate_portraits import Judged, main, table
from export.portrait_sweep import MOTIONS
from puppet.bundle import builtin_bundle_path
from puppet.gallery import USUAL


def test_every_portrait_has_a_row_and_a_sheet_and_a_refused_one_its_reason(
    bundle_folder: Path, portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.png"
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(empty)
    usual = ["--look", "avatar", "--bundle", str(bundle_folder), "--data-dir", str(tmp_path / "data")]
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["--portraits", str(portrait), str(empty), *usual, "--out", str(first)]) == 0
    content = json.loads((first / "scores.json").read_text())
    judged, refused = content["portraits"]
    assert judged["scores"]["seconds"] > 0 and judged["scores"]["psnr_person"] > 0 and judged["scores"]["found"] == 0
    assert len(judged["frames"]) == len(MOTIONS)
    assert "no face" in refused["refused"] and content["medians"]["megabytes"] == judged["scores"]["megabytes"]
    assert (first / "scores.md").read_text() in capsys.readouterr().out
    sheet = cv2.imread(str(first / f"{portrait.stem}.png"))

    assert main(["--portraits", str(portrait), *usual, "--out", str(second), "--beside", str(first)]) == 0
    again = json.loads((second / "scores.json").read_text())["portraits"][0]
    assert again["scores"] == judged["scores"] | {"seconds": None}
    both = cv2.imread(str(second / f"{portrait.stem}-compare.png"))
    assert np.array_equal(both[:, : sheet.shape[1]], sheet) and np.array_equal(both[:, -sheet.shape[1] :], sheet)


def test_the_builtin_model_turns_opens_and_blinks_as_it_is_told(tmp_path: Path) -> None:
    usual = ["--look", "avatar", "--bundle", str(builtin_bundle_path()), "--out", str(tmp_path)]
    assert main(["--portraits", str(USUAL), *usual]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())["portraits"][0]["scores"]
    assert scores["found"] == 1
    for name in ("yaw", "pitch", "roll"):
        assert 0.6 < scores[f"{name}_gain"] < 1.4 and scores[f"{name}_error"] < 5
    assert scores["mouth_last"] > scores["mouth_first"] + 0.03
    assert scores["eye_last"] < 0.7 * scores["eye_first"]
    assert scores["psnr_face"] > 15 and scores["similarity_pivot"] > 0.5


def test_without_portraits_it_says_what_it_expected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--portraits", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "got none" in capsys.readouterr().err


def test_the_table_has_medians_of_what_is_there() -> None:
    rows = [Judged("a.png", {"found": 1.0, "seconds": None}, {}), Judged("b.png", {"found": 0.5, "seconds": 60.0}, {})]
    lines = table([*rows, Judged("c.png", {}, {}, "too small")]).splitlines()
    assert lines[2].startswith("| a.png | – |") and "| 100% |" in lines[2]
    assert lines[4].startswith("| median | 60 |") and "| 75% |" in lines[4]
    assert lines[-1] == "refused: too small"
    assert len({line.count("|") for line in lines[:5]}) == 1
