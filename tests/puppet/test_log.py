import logging

from puppet.log import FILE, LARGEST_BYTES, log_file


def test_what_happens_inside_is_written_and_nothing_else(tmp_path):
    logger = logging.getLogger("puppet.test")
    logger.warning("before")
    with log_file(tmp_path / "logs") as trouble:
        assert trouble is None
        logger.info("camera %s is away", "C920")
        logging.getLogger("others").warning("not ours")
    logger.warning("after")
    (line,) = (tmp_path / "logs" / FILE).read_text().splitlines()
    assert line.endswith("INFO puppet.test: camera C920 is away")


def test_a_second_run_goes_on_in_the_same_file(tmp_path):
    for word in ("one", "two"):
        with log_file(tmp_path):
            logging.getLogger("puppet").info(word)
    assert len((tmp_path / FILE).read_text().splitlines()) == 2


def test_it_does_not_grow_for_ever(tmp_path):
    with log_file(tmp_path):
        for _ in range(40):
            logging.getLogger("puppet").info("x" * (LARGEST_BYTES // 5))
    assert len(list(tmp_path.iterdir())) == 4
    assert all(path.stat().st_size <= LARGEST_BYTES for path in tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told_and_does_no_harm(tmp_path):
    (tmp_path / "file").write_text("")
    with log_file(tmp_path / "file") as trouble:
        assert isinstance(trouble, OSError)
        logging.getLogger("puppet").info("lost")
