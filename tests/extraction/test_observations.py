"""Features joined in memory, stored in a folder, and dropped when room is short."""

import copy
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from emorec.extraction.cache import drop_oldest
from emorec.extraction.feature_folder import FORMAT_VERSION, HEAD_FILE, Folder, Head
from emorec.extraction.features import Features, JoinedArrays
from support import factories

HEAD = Head(media={"path": "made.mp4", "size": 5}, settings={"face_rate": 5.0}, duration=0.0)


def segment(number):
    times = number * 20.0 + np.arange(4)
    return (
        factories.no_observations()
        | factories.seen(times, number, seed=number)
        | {"end": np.array([20.0 * (number + 1)])}
    )


def store(path, count, complete=True):
    """A folder with ``count`` segments."""
    folder = Folder(path)
    for number in range(count):
        folder.append(replace(HEAD, segments=number + 1, duration=20.0 * (number + 1)), segment(number))
    if complete:
        folder.write_head(replace(HEAD, segments=count, duration=20.0 * count, complete=True, notes=["cut off"]))
    return folder


def files(folder, pattern="segment-*"):
    return sorted(folder.path.glob(pattern))


def assert_same(arrays, others):
    assert arrays.keys() == others.keys()
    for name in arrays:
        assert arrays[name].dtype == others[name].dtype, name
        np.testing.assert_array_equal(arrays[name], others[name], name)


def test_segments_are_joined_in_order():
    observations = Features(
        duration=60.0,
        until=60.0,
        complete=True,
        segments=tuple(map(segment, range(3))),
        empty=factories.no_observations(),
    )
    assert list(observations.arrays["face_time"]) == [0, 1, 2, 3, 20, 21, 22, 23, 40, 41, 42, 43]
    assert observations.arrays["face_embedding"].dtype == np.float16
    assert len(observations.arrays["voice_time"]) == 0


def test_no_segments_are_empty_arrays():
    arrays = Features(duration=0.0, until=0.0, complete=False, segments=(), empty=factories.no_observations()).arrays
    assert_same(arrays, factories.no_observations())


def test_segments_of_a_growing_recording_are_copied_once(monkeypatch):
    segments, copied = [*map(segment, range(20))], []
    add = JoinedArrays._add
    monkeypatch.setattr(JoinedArrays, "_add", lambda self, segment: (copied.append(1), add(self, segment)))
    joined, grown = JoinedArrays(factories.no_observations()), []
    for count in range(1, 21):
        observations = Features(
            duration=400.0,
            until=20.0 * count,
            complete=False,
            segments=tuple(segments[:count]),
            empty=factories.no_observations(),
            joined=joined,
        )
        grown.append({name: (array, array.copy()) for name, array in observations.arrays.items()})
    assert len(copied) == 20
    for count, arrays in enumerate(grown, start=1):
        alone = Features(
            duration=400.0,
            until=20.0,
            complete=False,
            segments=tuple(segments[:count]),
            empty=factories.no_observations(),
        ).arrays
        assert_same({name: array for name, (array, _) in arrays.items()}, alone)
        assert_same({name: before for name, (_, before) in arrays.items()}, alone)
    assert_same(joined.of(tuple(segments[:7])), {name: array for name, (array, _) in grown[6].items()})


def test_observations_can_be_sent_to_another_process():
    observations = Features(
        duration=60.0,
        until=60.0,
        complete=True,
        segments=tuple(map(segment, range(3))),
        empty=factories.no_observations(),
        joined=JoinedArrays(factories.no_observations()),
    )
    assert_same(copy.deepcopy(observations).arrays, observations.arrays)


def test_who_is_seen_most_comes_first():
    times = factories.frame_times(2.0)
    assert factories.observations(2.0, factories.seen(times, [4, 4, 0, 9, 9, 9, 9, 0, 4, 2])).persons == [9, 4, 0, 2]


def test_what_is_appended_is_read_back(tmp_path):
    head, segments = store(tmp_path / "a", 3).read()
    assert head == replace(HEAD, segments=3, duration=60.0, complete=True, notes=["cut off"])
    assert len(segments) == 3
    for number, found in enumerate(segments):
        assert_same(found, segment(number))


def test_nothing_half_written_is_left(tmp_path):
    folder = store(tmp_path / "a", 2)
    assert len(files(folder)) == 2 and len(files(folder, "*")) == 3


def test_nothing_stored_is_nothing(tmp_path):
    assert Folder(tmp_path / "none").read() is None
    (tmp_path / "empty").mkdir()
    assert Folder(tmp_path / "empty").read() is None


def test_an_interrupted_run_goes_on_behind_its_last_segment(tmp_path):
    folder = store(tmp_path / "a", 2, complete=False)
    head, segments = folder.read()
    assert not head.complete and len(segments) == 2
    head.segments += 1
    folder.append(head, segment(2))
    head, segments = folder.read()
    assert head.segments == len(segments) == 3
    assert_same(segments[2], segment(2))


@pytest.mark.parametrize("damaged", [0, 1, 3])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "garbage", "one bit", "another's"])
def test_a_damaged_segment_and_what_follows_is_forgotten(damage, damaged, tmp_path):
    folder = store(tmp_path / "a", 4)
    file = files(folder)[damaged]
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        flipped = bytearray(content)
        flipped[-100] ^= 4  # within the numbers, so only the checksum can detect it
        another = files(folder)[(damaged + 1) % 4].read_bytes()
        cut, garbage = content[: len(content) // 2], b"\xff" * len(content)
        choices = {"empty": b"", "cut": cut, "garbage": garbage, "one bit": flipped, "another's": another}
        file.write_bytes(choices[damage])
    head, segments = folder.read()
    assert not head.complete and head.notes == ["cut off"]
    assert head.segments == len(segments) == damaged
    for number, found in enumerate(segments):
        assert_same(found, segment(number))


def test_a_forgotten_segment_is_written_anew(tmp_path):
    folder = store(tmp_path / "a", 3)
    files(folder)[1].write_bytes(b"")
    head, _ = folder.read()
    head.segments += 1
    folder.append(head, segment(7))
    head, segments = folder.read()
    assert head.segments == len(segments) == 2
    assert_same(segments[1], segment(7))


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 0, None])
def test_another_formats_observations_are_not_used(version, tmp_path):
    folder = store(tmp_path / "a", 1)
    folder.write_head(replace(HEAD, segments=1, format_version=version))
    assert folder.read() is None
    folder.write_head(replace(HEAD, segments=1))
    assert folder.read() is not None


@pytest.mark.parametrize(("was", "becomes"), [('"duration": 20.0', '"duration": 29.0'), ("true", "false")])
def test_a_head_that_was_changed_is_nothing(was, becomes, tmp_path):
    folder = store(tmp_path / "a", 1)
    file = folder.path / HEAD_FILE
    assert was in file.read_text()
    file.write_text(file.read_text().replace(was, becomes))
    assert folder.read() is None


def test_half_written_files_of_runs_that_were_killed_are_removed_in_time(tmp_path):
    cache = stored(tmp_path, a=10)
    old, young = cache / "a" / ".head.json.1.partial", cache / "a" / ".head.json.2.partial"
    for file in (old, young):
        file.write_text("half")
    os.utime(old, (1e9, 1e9))
    drop_oldest(cache, keep=cache / "none", limit_mb=9)
    assert not old.exists() and young.exists()


def test_runs_side_by_side_write_the_same_file_without_harm(tmp_path):
    folders = [Folder(tmp_path / "a") for _ in range(8)]

    def write(folder):
        for _ in range(20):
            folder.append(replace(HEAD, segments=1), segment(0))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, folders))
    head, segments = Folder(tmp_path / "a").read()
    assert head.segments == 1
    assert_same(segments[0], segment(0))
    assert len(list((tmp_path / "a").iterdir())) == 2


@pytest.mark.parametrize("keep", [0, 1, 40, -1])
def test_a_half_written_head_is_nothing(keep, tmp_path):
    folder = store(tmp_path / "a", 1)
    text = (folder.path / HEAD_FILE).read_text()
    (folder.path / HEAD_FILE).write_text(text[:keep])
    assert folder.read() is None


@pytest.mark.parametrize("text", ["[]", "null", "{}", '{"media": {}, "settings": {}, "duration": 1, "mood": 3}'])
def test_a_head_of_something_else_is_nothing(text, tmp_path):
    folder = store(tmp_path / "a", 1)
    (folder.path / HEAD_FILE).write_text(text)
    assert folder.read() is None


def test_a_failed_append_changes_nothing(tmp_path):
    folder = store(tmp_path / "a", 1)
    with pytest.raises(SafetensorError):
        folder.append(replace(HEAD, segments=2), segment(1) | {"face_time": np.array([object()])})
    head, segments = folder.read()
    assert head.segments == len(segments) == 1


def stored(cache, **ages):
    """Recordings of about 2 kB each, used so many seconds ago."""
    for name, age in ages.items():
        folder = store(cache / name, 1)
        head = folder.path / HEAD_FILE
        files(folder)[0].write_bytes(bytes(2000 - head.stat().st_size))
        os.utime(head, (1e9 - age, 1e9 - age))
    return cache


def names(cache):
    return {path.name for path in cache.iterdir()}


def test_the_recordings_used_longest_ago_are_dropped_first(tmp_path):
    cache = stored(tmp_path, b=20, d=40, a=10, c=30)
    drop_oldest(cache, keep=cache / "a", limit_mb=0.0041)
    assert names(cache) == {"a", "b"}


def test_a_recording_of_a_wrong_clock_does_not_outlast_the_others(tmp_path):
    """But one of an hour in the future, as after a small correction of the clock, is one of the latest."""
    now = 1e9 - time.time()
    cache = stored(tmp_path, next_year=now - 365 * 86_400, old=now + 3600, young=now + 60, next_hour=now - 3600)
    drop_oldest(cache, keep=cache / "none", limit_mb=0.0061)
    assert names(cache) == {"old", "young", "next_hour"}
    drop_oldest(cache, keep=cache / "none", limit_mb=0.0021)
    assert names(cache) == {"next_hour"}


def test_nothing_is_dropped_within_the_limit(tmp_path):
    cache = stored(tmp_path, a=10, b=20)
    drop_oldest(cache, keep=cache / "a", limit_mb=0.004)
    assert names(cache) == {"a", "b"}


def test_the_recording_at_hand_stays(tmp_path):
    cache = stored(tmp_path, old=99, young=1)
    drop_oldest(cache, keep=cache / "old", limit_mb=0)
    assert names(cache) == {"old"}


def test_reading_makes_a_recording_young(tmp_path):
    cache = stored(tmp_path, read=99, other=1)
    files(Folder(cache / "read"))[0].unlink()
    store(cache / "read", 1)
    os.utime(cache / "read" / HEAD_FILE, (1e9 - 99, 1e9 - 99))
    Folder(cache / "read").read()
    drop_oldest(cache, keep=cache / "none", limit_mb=0.003)
    assert names(cache) == {"read"}


def test_the_environment_sets_the_limit(tmp_path, monkeypatch):
    cache = stored(tmp_path, a=10, b=20)
    monkeypatch.setenv("EMOREC_CACHE_MB", "0.003")
    drop_oldest(cache, keep=cache / "none")
    assert names(cache) == {"a"}


def test_what_is_no_recording_is_left_alone(tmp_path):
    cache = stored(tmp_path, a=10)
    (cache / "notes.txt").write_text("mine")
    (cache / "folder").mkdir()
    drop_oldest(cache, keep=cache / "none", limit_mb=0)
    assert names(cache) == {"notes.txt", "folder"}


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_recording_that_another_run_removes_meanwhile_is_passed_over(tmp_path, monkeypatch, name):
    cache, scan = stored(tmp_path, a=10, b=20, c=30), os.scandir

    def scan_late(path):
        if Path(path) == cache / name:
            monkeypatch.setattr(os, "scandir", scan)
            shutil.rmtree(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_late)
    drop_oldest(cache, keep=cache / "none", limit_mb=0.0021)
    assert names(cache) == {"a", "b"} - {name}


def test_a_cache_that_is_not_there_yet_is_within_any_limit(tmp_path):
    drop_oldest(tmp_path / "none", keep=tmp_path / "none" / "a", limit_mb=0)
    assert not (tmp_path / "none").exists()


def test_other_segments_have_their_own_arrays_although_the_first_ones_are_joined_already():
    """As training does, which puts another network's voices beside the same faces."""
    empty = {"time": np.zeros(0)}
    first = ({"time": np.array([1.0])}, {"time": np.array([2.0])})
    seen = Features(duration=2.0, until=2.0, complete=True, segments=first, empty=empty, joined=JoinedArrays(empty))
    assert seen.arrays["time"].tolist() == [1.0, 2.0]
    other = replace(seen, segments=({"time": np.array([1.0])}, {"time": np.array([5.0])}))
    assert other.arrays["time"].tolist() == [1.0, 5.0] and seen.arrays["time"].tolist() == [1.0, 2.0]
    assert replace(seen, segments=first[:1]).arrays["time"].tolist() == [1.0]
