import numpy as np
import pytest

from export import measure_mark
from export.measure_mark import agreements, main
from puppet.watermark import draw_key


def test_wrong_keys_are_tried_in_all_their_places():
    y = np.random.default_rng(0).normal(size=(72, 128)).astype(np.float32)
    keys = np.stack([draw_key(b"wrong %d" % i) for i in range(20)])
    (first, *_, last) = agreements(y, np.conj(np.fft.rfft2(keys)).astype(np.complex64))
    wanted = [(y * np.roll(keys[number], (3, 5), (0, 1))).sum() / np.linalg.norm(y) for number in (0, 19)]
    assert (first[0, 3, 5], last[0, 3, 5]) == pytest.approx(wanted, abs=1e-3)


def test_it_prints_what_it_measured(monkeypatch, capsys, data_folder):
    monkeypatch.setattr(measure_mark, "SECONDS", 1)
    monkeypatch.setattr(measure_mark, "WRONG_KEYS", 20 * 9216)
    main(["--clips", "1", "--unmarked", str(data_folder / "real" / "source_s0.jpg")])
    said = capsys.readouterr().out
    assert all(f"{way:<24} 1 of 1 recognised (100.0%)" in said for way in measure_mark.WAYS)
    assert "the same, not marked     0 of 1 recognised" in said
    assert "wrong keys, marked       0 of 184,320 recognised" in said
    assert "source_s0.jpg            not recognised" in said
