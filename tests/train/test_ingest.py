"""A user's data are extracted again if what the arrays depend on has changed: train/data/ingest.py."""

import os
import struct
import threading

import numpy as np
import pytest

from emorec.errors import EmorecError
from emorec.extraction import face_arrays, faces
from emorec.face import detection
from emorec.voice import features
from emorec.voice.features import VoiceFrontEnd
from support import make_corpus
from support.make_corpus import RATE
from train.data import ingest, layouts, pack, reading

SIZE = 48


class Other(make_corpus.MiddleFace):
    """The same detector by another name."""

    name = "another"


@pytest.fixture
def reads(monkeypatch):
    """The numbers of items of each extraction, in order."""
    found, read_each = [], ingest.read_each
    monkeypatch.setattr(ingest, "read_each", lambda items, *rest: found.append(len(items)) or read_each(items, *rest))
    return found


def test_faces_depend_on_the_detector_and_the_smallest_face(tmp_path, monkeypatch, reads):
    items = layouts.by_folder(make_corpus.pictures(tmp_path / "data", takes=1), "face")
    for detector, smallest in ((make_corpus.MiddleFace, 20), (Other, 20), (Other, 24), (Other, 24)):
        monkeypatch.setattr(detection, "detector", lambda file, made=detector: made())
        monkeypatch.setattr(detection, "SMALLEST_SIDE", smallest)
        ingest.extract_faces(items, SIZE, tmp_path / "cache")
    assert reads == [6, 6, 6]  # the last is read from the cache


@pytest.mark.parametrize("size", [48, 256])
def test_crops_of_every_size_are_kept(size):
    keeper = ingest.CropKeeper(size)
    kept, logits = faces.encode_faces(keeper, np.full((2, size, size), 255, np.uint8))
    assert kept.shape == (2, size * size) and kept.all() and logits.shape == (2, 1)
    assert face_arrays.no_faces(keeper.config)["face_embedding"].shape == (0, size * size)


def test_voices_depend_on_the_version_of_the_features(tmp_path, monkeypatch, reads):
    items = layouts.by_folder(make_corpus.recordings(tmp_path / "data", takes=1), "voice")[:2]
    for version in (features.VERSION, features.VERSION + 1, features.VERSION + 1):
        monkeypatch.setattr(features, "VERSION", version)
        ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
    assert reads == [2, 2]


def rewrite(path, samples, later=0):
    """Float samples as a wave file of the same length; ``later`` (s) is added to the time of its modification."""
    form = struct.pack("<HHIIHH", 3, 1, RATE, 4 * RATE, 4, 32)  # float32, mono
    content = samples.astype("<f4").tobytes()
    parts = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(content)) + content
    path.write_bytes(b"RIFF" + struct.pack("<I", len(parts)) + parts)
    os.utime(path, (path.stat().st_mtime + later,) * 2)


def test_a_sample_that_is_no_number_spoils_nothing(tmp_path):
    items = layouts.by_folder(make_corpus.recordings(tmp_path / "data", takes=1), "voice")[:4]
    samples = make_corpus.voice("happy", "anna")
    for item, wrong in zip(items[:3], (np.nan, np.inf, 1e30), strict=True):
        samples[1000] = wrong
        rewrite(item.path, samples)
    found, left_out = ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
    assert not left_out
    assert all(np.isfinite(log_mel).all() and speech.any() for log_mel, speech in found)


def test_what_is_no_number_in_the_cache_of_an_earlier_version_is_read_again(tmp_path, monkeypatch, reads):
    items = layouts.by_folder(make_corpus.recordings(tmp_path / "data", takes=1), "voice")[:2]
    samples = make_corpus.voice("happy", "anna")
    samples[1000] = np.nan
    rewrite(items[0].path, samples)
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "_voice_of", lambda path, _: (np.full((64, 16), np.nan, np.float16), np.ones(1)))
        ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
    for _ in range(2):
        found, left_out = ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
        assert all(np.isfinite(log_mel).all() for log_mel, _ in found) and not left_out
    assert reads == [2, 2]


def test_arrays_of_a_public_corpus_are_made_again_if_one_of_its_files_has_changed(tmp_path):
    items, made = layouts.by_folder(make_corpus.pictures(tmp_path / "data", takes=1), "face"), []
    for later in (0, 0, 60):
        os.utime(items[2].path, (items[2].path.stat().st_mtime + later,) * 2)
        pack.load_or_make(tmp_path / "cache", "kind", items, {}, lambda: {"a": np.array(made.append(1) or 0)})
    assert len(made) == 2


def test_a_file_of_the_same_size_that_has_changed_is_read_again_and_no_other(tmp_path, reads):
    items = layouts.by_folder(make_corpus.recordings(tmp_path / "data", takes=1), "voice")[:3]
    for item in items:
        rewrite(item.path, make_corpus.voice("happy", "anna"))
    before, _ = ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
    rewrite(items[1].path, make_corpus.voice("sad", "bert"), later=-3600)  # also one that was recorded before
    for _ in range(2):
        after, _ = ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
        same = [np.array_equal(one[0], other[0]) for one, other in zip(before, after, strict=True)]
        assert same == [True, False, True]
    assert reads == [3, 1]


def test_a_file_that_could_not_be_read_is_tried_again_but_not_one_without_sound(tmp_path, monkeypatch, reads):
    items = layouts.by_folder(make_corpus.recordings(tmp_path / "data", takes=1), "voice")[:3]
    rewrite(items[0].path, np.zeros(8000))

    def away(path, rate, real=ingest.load_audio):
        if path == items[1].path:
            raise EmorecError(f"{path.name} cannot be opened (Input/output error).")
        return real(path, rate)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "load_audio", away)
        for _ in range(2):
            found, left_out = ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
            assert [one is None for one in found] == [True, True, False] and len(left_out) == 2
    for _ in range(2):
        found, left_out = ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
        assert [one is None for one in found] == [True, False, False] and len(left_out) == 1
    assert reads == [3, 1, 1]


def test_a_cache_of_an_earlier_version_counts_until_a_file_is_newer(tmp_path, reads):
    items = layouts.by_folder(make_corpus.recordings(tmp_path / "data", takes=1), "voice")[:2]
    for item in items:
        rewrite(item.path, make_corpus.voice("happy", "anna"), later=-60)
    ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    with np.load(file) as arrays:
        np.savez(file, **{name: value for name, value in arrays.items() if name != pack.MODIFIED})
    ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
    rewrite(items[0].path, make_corpus.voice("sad", "anna"), later=60)
    ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
    assert reads == [2, 1]


def test_a_damaged_cache_is_made_again(tmp_path):
    def stored():
        return pack.load_or_make(tmp_path, "kind", [], {}, lambda: {"a": np.arange(1000)})["a"]

    whole = stored()
    (file,) = tmp_path.iterdir()
    for content in (file.read_bytes()[:700], b"", file.read_bytes().replace(bytes([7, 0, 0, 0]), bytes([8, 0, 0, 0]))):
        file.write_bytes(content)
        assert np.array_equal(stored(), whole) and np.array_equal(stored(), whole)


def test_two_processes_that_fill_one_cache_do_not_write_into_one_file(tmp_path, monkeypatch):
    """The second begins and ends while the first one writes."""
    main, real = threading.current_thread(), np.savez

    def stored():
        return pack.load_or_make(tmp_path, "kind", [], {}, lambda: {"a": np.arange(1000)})["a"]

    def slow(file, **given):
        real(file, **given)
        if threading.current_thread() is main:
            other = threading.Thread(target=stored)
            other.start()
            other.join()

    monkeypatch.setattr(np, "savez", slow)
    assert np.array_equal(stored(), np.arange(1000))
    assert [file.suffix for file in tmp_path.iterdir()] == [".npz"]


@pytest.mark.parametrize("killed", [False, True])
def test_reading_that_is_interrupted_continues_where_it_ended(tmp_path, monkeypatch, killed):
    """After Ctrl-C, and without a chance to store anything at the end."""
    items = layouts.by_folder(make_corpus.recordings(tmp_path / "data", takes=1), "voice")[:4]
    expected, _ = ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "whole")
    cache, load, stored = tmp_path / "cache", ingest.load_audio, []

    def ended(path, rate):
        if path == items[2].path:
            stored.extend(cache.glob("*.npz"))
            if killed:
                patch.setattr(pack, "_store", lambda *_: None)
            raise KeyboardInterrupt
        return load(path, rate)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "load_audio", ended)
        patch.setattr(reading, "KEEP_EVERY", 0.0 if killed else 300.0)
        patch.setattr(reading, "KEEP_SHARE", np.inf)
        with pytest.raises(KeyboardInterrupt):
            ingest.extract_log_mels(items, VoiceFrontEnd(), cache)
    assert len(stored) == killed
    counted = []
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "load_audio", lambda path, rate: counted.append(path) or load(path, rate))
        for _ in range(2):
            found, left_out = ingest.extract_log_mels(items, VoiceFrontEnd(), cache)
            assert not left_out
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one[0], other[0])
    assert counted == [item.path for item in items[2:]]
