"""A user's data are extracted again if what the arrays depend on has changed: train/data/ingest.py."""

import pytest

from emorec.face import detection
from emorec.voice import features
from emorec.voice.features import VoiceFrontEnd
from support import make_corpus
from train.data import ingest, layouts

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


def test_voices_depend_on_the_version_of_the_features(tmp_path, monkeypatch, reads):
    items = layouts.by_folder(make_corpus.recordings(tmp_path / "data", takes=1), "voice")[:2]
    for version in (features.VERSION, features.VERSION + 1, features.VERSION + 1):
        monkeypatch.setattr(features, "VERSION", version)
        ingest.extract_log_mels(items, VoiceFrontEnd(), tmp_path / "cache")
    assert reads == [2, 2]
