import io

import pytest
from rich.console import Console

from puppet.progress_line import ProgressLine
from puppet.tuning import Progress

TOLD = [Progress(None, None), *(Progress(step / 20, 20.0 - step) for step in range(1, 20))]


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def written(request):
    file = io.StringIO()
    line = ProgressLine(Console(file=file, force_terminal=request.param, width=100, highlight=False))
    for progress in TOLD:
        line.tell(progress)
    line.close()
    return request.param, file.getvalue()


def test_it_says_how_far_it_is_and_how_long_it_takes(written):
    terminal, text = written
    assert "tuning the portrait" in text and "18 s left" in text and "10" in text
    assert ("\x1b" in text) == terminal
    if not terminal:
        assert 5 <= len(text.splitlines()) <= 12


def test_a_sentence_is_one_line_however_long(capsys):
    line = ProgressLine()
    line.say(200 * "so ")
    line.close()
    assert capsys.readouterr().err.splitlines() == ["puppet: " + 200 * "so "]


def test_nothing_to_tell_is_nothing_to_see(capsys):
    ProgressLine().close()
    assert capsys.readouterr() == ("", "")
