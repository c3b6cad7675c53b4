"""What a run stores: its notes of damage, within the limit of the cache, of one model, until it is forgotten."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emorec import files, prefetch
from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.extraction import cache, pipeline
from emorec.extraction.feature_folder import Folder
from emorec.media import sandbox
from support import factories
from support.decoding import undamaged
from support.make_media import Audio, Video, record
from support.one_face import OneFace
from support.paths import ROOT

LONG = 50.0  # seconds; five segments
BROKEN_AT = 4.0  # seconds
DAMAGED = re.compile(r"The video is damaged at [34]\.\d s; ")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("media") / "long.wav"
    return record(path, audio=Audio(duration=LONG, tones=((1.0, 40.0),), codec="pcm_s16le", rate=16_000))


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A video whose pictures of one second are noise; whole before and after."""
    path = tmp_path_factory.mktemp("media") / "damaged.avi"
    record(path, Video(codec="mjpeg", duration=LONG, rate=5, size=(96, 64), pixel_format="yuvj420p"))
    content = bytearray(path.read_bytes())
    chunks = [at for at in range(len(content) - 8) if content[at : at + 4] == b"00dc"]
    for at in chunks[int(5 * BROKEN_AT) : int(5 * BROKEN_AT) + 5]:
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        content[at + 8 : at + 8 + size] = bytes(size)
    path.write_bytes(content)
    return path


def last(growing):
    return [*growing][-1]


def test_damage_is_told_while_a_recording_is_read(damaged):
    damage_notes, note_counts = [], []
    for frame in undamaged(sandbox.frames(damaged, 5.0), damage_notes):
        note_counts.append((frame.time, len(damage_notes)))
    assert len(damage_notes) == 1 and DAMAGED.match(damage_notes[0])
    assert min(time for time, count in note_counts if count) < 10.0 < LONG - 10.0


@pytest.mark.parametrize("segments", [2, 3, 4])
def test_damage_is_not_forgotten_by_a_run_that_was_interrupted(segments, damaged, model, tmp_path):
    unbroken = last(pipeline.extract(damaged, model, OneFace(), cache=tmp_path / "unbroken"))
    assert len(unbroken.notes) == 1 and DAMAGED.match(unbroken.notes[0])
    growing = pipeline.extract(damaged, model, OneFace(), cache=tmp_path / "broken")
    partial = [next(growing) for _ in range(segments)][-1]
    growing.close()
    assert partial.until > BROKEN_AT + 2 and not partial.complete
    resumed = [*pipeline.extract(damaged, model, OneFace(), cache=tmp_path / "broken")]
    assert resumed[0].notes == partial.notes == resumed[-1].notes == unbroken.notes


def test_the_cache_is_looked_through_once_a_run_however_many_segments(sound, model, tmp_path, monkeypatch):
    looks, drop = [], cache.drop_oldest
    monkeypatch.setattr(cache, "drop_oldest", lambda *given: (looks.append(given), drop(*given)))
    assert len(last(pipeline.extract(sound, model, OneFace(), cache=tmp_path)).segments) == 5
    assert len(looks) == 1
    last(pipeline.extract(sound, model, OneFace(), cache=tmp_path))
    assert len(looks) == 1, "nothing was stored"


def test_a_run_that_is_broken_off_leaves_the_cache_within_its_limit(sound, model, tmp_path, monkeypatch):
    old = another(tmp_path, 50_000)
    monkeypatch.setenv("EMOREC_CACHE_MB", "0.05")
    growing = pipeline.extract(sound, model, OneFace(), cache=tmp_path)
    next(growing)
    growing.close()
    assert not old.exists() and len([*tmp_path.iterdir()]) == 1


def test_one_run_does_not_exceed_the_limit_by_much(sound, model, tmp_path, monkeypatch):
    """What is old goes while the run is still going on, not at its end alone."""
    old = another(tmp_path, 50_000)
    monkeypatch.setenv("EMOREC_CACHE_MB", "0.052")
    growing = pipeline.extract(sound, model, OneFace(), cache=tmp_path)
    there = [(old.exists(), seen.complete) for seen in growing]
    assert (False, False) in there


def test_what_another_run_removes_while_it_is_written_is_only_not_stored(sound, model, tmp_path, monkeypatch):
    whole, extracted = last(pipeline.extract(sound, model, OneFace(), cache=tmp_path / "other")), files.write

    def removed(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", lambda partial, _: (shutil.rmtree(partial.parent), partial.stat()))
            extracted(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", removed)
        seen = last(pipeline.extract(sound, model, OneFace(), cache=tmp_path / "cache"))
    assert seen.complete and len(seen.segments) == len(whole.segments)
    assert last(pipeline.extract(sound, model, OneFace(), cache=tmp_path / "cache")).complete


@pytest.mark.parametrize("stopped", [False, True])
def test_what_is_read_of_a_file_that_is_replaced_meanwhile_is_not_stored(stopped, sound, model, tmp_path):
    """Else the first recording would have the timeline of the second one ever after."""
    path, where = tmp_path / "a.wav", {"cache": tmp_path / "cache"}
    shutil.copy(sound, path)
    growing = pipeline.extract(path, model, OneFace(), **where)
    assert next(growing).notes == ()
    other = record(tmp_path / "other.wav", audio=Audio(duration=2 * LONG, tones=((30.0, 35.0),), codec="pcm_s16le"))
    shutil.copy(other, path)
    if stopped:
        next(growing)
        growing.close()
    else:
        assert pipeline.CHANGED in last(growing).notes
    assert [*where["cache"].glob("[0-9a-f]*")] == []
    shutil.copy(sound, path)
    again, apart = (last(pipeline.extract(path, model, OneFace(), cache=tmp_path / name)) for name in ("cache", "new"))
    assert again.until == apart.until and again.notes == ()
    assert all(np.array_equal(again.arrays[name], apart.arrays[name]) for name in apart.arrays)


def test_a_file_that_is_removed_meanwhile_is_no_other(sound, model, tmp_path):
    path = tmp_path / "a.wav"
    shutil.copy(sound, path)
    growing = pipeline.extract(path, model, OneFace(), cache=tmp_path / "cache")
    next(growing)
    path.unlink()
    assert pipeline.CHANGED not in last(growing).notes
    assert len(list(pipeline.extract(sound, model, OneFace(), cache=tmp_path / "cache"))) == 1


def another(folder, size):
    """A recording that was stored long ago."""
    path = folder / "old"
    stored = Folder(path)
    stored.write_head(pipeline.Head(media={}, settings={}, duration=0.0))
    (path / "segment-00000.safetensors").write_bytes(bytes(size))
    return path


def test_what_is_stored_is_forgotten_by_its_key_whatever_became_of_the_file(model, tmp_path):
    path = record(tmp_path / "gone.wav", audio=Audio(duration=2.0, codec="pcm_s16le", rate=16_000))
    analyzer, store = Analyzer(model, None), tmp_path / "cache"
    seen = last(analyzer.extract(path, cache=store))
    assert [folder.name for folder in store.iterdir()] == [seen.key]
    path.unlink()
    assert analyzer.forget_key(seen.key, cache=store) is True
    assert [*store.iterdir()] == []
    assert analyzer.forget_key(seen.key, cache=store) is False


@pytest.mark.parametrize("key", ["", ".", "..", "../other", "/tmp", "a" * 31, "A" * 32, "a" * 32 + "\n", "a" * 33])
def test_only_a_key_can_be_forgotten(key, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(EmorecError, match="is not a key of stored features"):
        cache.forget(key, tmp_path / "cache")
    assert (tmp_path / "other").exists()


def test_observations_know_what_they_are_of_and_another_model_refuses_them(sound, model, tmp_path):
    analyzer = Analyzer(model, None)
    first = last(analyzer.extract(sound, cache=tmp_path))
    again = last(analyzer.extract(sound, cache=tmp_path))
    assert first.fingerprint == again.fingerprint == model.fingerprint and first.key == again.key != ""
    assert len(analyzer.infer(again)) > 40
    with pytest.raises(EmorecError, match=r"^Another model extracted these features; [^.]*\.$"):
        Analyzer(factories.checkpoint(seed=9), None).infer(again)
    calibrated = replace(model, calibration=replace(model.calibration, face_weight=0.25))
    assert len(Analyzer(calibrated, None).infer(again)) > 40, "the same networks, so the same observations"


def test_importing_leaves_opencv_s_threads_as_they_were():
    code = """if True:
        import cv2
        cv2.setNumThreads(3)
        import emorec.face.detection, emorec.extraction.pipeline
        print(cv2.getNumThreads())"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "3", done.stderr


def test_opencv_has_one_thread_while_a_recording_is_observed_and_then_as_many_as_before(sound, model, tmp_path):
    cv2 = pytest.importorskip("cv2")
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        one, other = (pipeline.extract(sound, model, OneFace(), cache=tmp_path / name) for name in ("one", "other"))
        next(one), next(other)
        assert cv2.getNumThreads() == 1
        one.close()
        assert cv2.getNumThreads() == 1, "the other still goes on"
        other.close()
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize(
    ("share", "expected"),
    [("max 100000", 6), ("150000 100000", 2), ("50000 100000", 1), ("900000 100000", 6), ("nonsense", 6), (None, 6)],
)
def test_processors_are_those_that_may_be_used(share, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(prefetch.os, "cpu_count", lambda: 64)
    monkeypatch.setattr(prefetch.os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    if share is not None:
        (tmp_path / "cpu.max").write_text(share)
    assert prefetch.processors(tmp_path / "cpu.max") == expected


def test_arrays_of_a_growing_recording_are_those_of_the_whole(sound, model, tmp_path):
    grown = [*pipeline.extract(sound, model, OneFace(), cache=tmp_path)]
    whole = last(pipeline.extract(sound, model, OneFace(), cache=tmp_path)).arrays
    for seen in grown:
        for name, array in seen.arrays.items():
            np.testing.assert_array_equal(array, whole[name][: len(array)])
