import os
import stat
import sys
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines import EngineLoadError
from engines.cache import MAGIC, PlanCache, PlanKey

KEY = PlanKey("a" * 64, "NVIDIA RTX 4090", "8.9", "570.86, CUDA 12080", "tensorrt 11.0.0", "fp16", "1")
PLAN = bytes(range(256)) * 3

same_folder = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX")


@pytest.fixture
def cache(tmp_path):
    return PlanCache(tmp_path / "plans")


def stored(cache):
    return sorted(cache.folder.glob("*"))


def test_a_plan_is_found_again_and_nothing_else_lies_there(cache):
    assert cache.find(KEY) is None and not cache.folder.exists()
    cache.keep(KEY, PLAN)
    assert cache.find(KEY) == PLAN
    (path,) = stored(cache)
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(cache.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", [field.name for field in fields(PlanKey)])
def test_each_part_of_the_key_counts(cache, name):
    cache.keep(KEY, PLAN)
    assert cache.find(replace(KEY, **{name: getattr(KEY, name) + "x"})) is None
    assert cache.find(KEY) == PLAN


words = st.text(max_size=30)
keys = st.builds(PlanKey, **dict.fromkeys(asdict(KEY), words))


@same_folder
@given(one=keys, other=keys, plan=st.binary(max_size=200))
def test_every_plan_comes_back_for_its_own_key_alone(cache, one, other, plan):
    cache.keep(one, plan)
    assert cache.find(one) == plan
    assert (cache.find(other) == plan) if one == other else cache.find(other) is None
    cache.forget(one)


@same_folder
@given(data=st.data())
def test_no_damage_passes(cache, data):
    cache.keep(KEY, PLAN)
    (path,) = stored(cache)
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = {
        "a bit": whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :],
        "cut off": whole[:place],
        "longer": whole + whole[: place + 1],
    }[data.draw(st.sampled_from(["a bit", "cut off", "longer"]))]
    path.write_bytes(damaged)
    assert cache.find(KEY) is None
    assert not path.exists()


@same_folder
@given(content=st.binary(max_size=100))
def test_strangers_files_are_removed(cache, content):
    cache.keep(KEY, PLAN)
    (path,) = stored(cache)
    for each in (content, MAGIC + content, MAGIC + len(content).to_bytes(4, "little") + content):
        path.write_bytes(each)
        assert cache.find(KEY) is None
        cache.keep(KEY, PLAN)


def test_a_plan_under_another_key_s_name_is_foreign(cache):
    other = replace(KEY, device="NVIDIA H100")
    cache.keep(KEY, PLAN)
    (path,) = stored(cache)
    path.rename(path.with_name(f"{other.digest}.plan"))
    assert cache.find(other) is None and stored(cache) == []


def test_what_is_missing_or_no_good_is_built_once(cache):
    built = []

    def build():
        built.append(None)
        return PLAN

    assert cache.plan(KEY, build) == cache.plan(KEY, build) == PLAN and len(built) == 1
    (path,) = stored(cache)
    path.write_bytes(path.read_bytes()[:-1])
    assert cache.plan(KEY, build) == PLAN and len(built) == 2


@given(sizes=st.lists(st.integers(0, 400), min_size=1, max_size=8), limit=st.integers(0, 2000))
@same_folder
def test_it_stays_within_its_limit_and_the_newest_stays(tmp_path_factory, sizes, limit):
    cache = PlanCache(tmp_path_factory.mktemp("plans"), limit)
    for i, size in enumerate(sizes):
        key = replace(KEY, model=str(i))
        cache.keep(key, bytes(size))
        assert cache.find(key) == bytes(size)
        os.utime(cache._path(key), ns=(i, i))
        used = sum(path.stat().st_size for path in stored(cache))
        assert used <= limit or len(stored(cache)) == 1


def test_the_one_unused_for_longest_goes_first(tmp_path):
    one, two, three = (replace(KEY, model=name) for name in ("one", "two", "three"))
    cache = PlanCache(tmp_path / "plans", 5000)
    for age, key in enumerate((one, two)):
        cache.keep(key, bytes(1500))
        os.utime(cache._path(key), ns=(age, age))
    assert cache.find(one) is not None
    cache.keep(three, bytes(1500))
    assert cache.find(two) is None and cache.find(one) is not None and cache.find(three) is not None


@posix
def test_what_others_could_have_written_is_not_loaded(cache, tmp_path):
    cache.keep(KEY, PLAN)
    (path,) = stored(cache)
    path.chmod(0o666)
    assert cache.find(KEY) is None
    cache.keep(KEY, PLAN)
    elsewhere = tmp_path / "elsewhere.plan"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert cache.find(KEY) is None
    cache.keep(KEY, PLAN)
    cache.folder.chmod(0o777)
    assert cache.find(KEY) is None
    with pytest.raises(EngineLoadError, match="others may write"):
        cache.keep(KEY, PLAN)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EngineLoadError, match="cannot be kept"):
        PlanCache(tmp_path / "file").keep(KEY, PLAN)


def test_a_runtime_s_own_room_is_private_and_counts(tmp_path):
    cache = PlanCache(tmp_path / "plans", 4000)
    room = cache.room(KEY)
    assert room.is_dir() and room == cache.room(KEY)
    (room / "engine").write_bytes(bytes(3500))
    os.utime(room, ns=(0, 0))
    cache.keep(replace(KEY, model="b"), bytes(2000))
    assert not room.exists() and cache.find(replace(KEY, model="b")) == bytes(2000)


@posix
def test_a_room_that_others_can_write_is_refused(cache):
    cache.room(KEY).chmod(0o777)
    with pytest.raises(EngineLoadError, match="others may write"):
        cache.room(KEY)
