"""Recordings in a repo of the Hub, which is a server on this machine."""

import pytest

import emorec
from emorec.batch.inputs import list_sources
from support import batches
from support.loopback_hub import LoopbackHub, use_hub
from support.make_media import Audio, record

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    from huggingface_hub import HfFileSystem

    sound = record(tmp_path / "sound.m4a", None, Audio(duration=1.0))
    other = batches.copy_with_other_bytes(sound, tmp_path / "other.m4a", 1)
    with LoopbackHub() as hub:
        hub.commit("me/talks", {"a.m4a": sound.read_bytes(), "more/b.m4a": other.read_bytes(), "README.md": b"words"})
        use_hub(hub, tmp_path / "home", monkeypatch)
        HfFileSystem.clear_instance_cache()
        yield hub
        HfFileSystem.clear_instance_cache()


def test_a_repo_is_analyzed_like_a_folder(hub, tmp_path):
    model = batches.small_model(tmp_path / "model")
    result = emorec.analyze_batch("hf://me/talks", tmp_path / "out", model, "cpu", workers=0)
    assert (result.done, result.failed) == (2, {})
    found = (tmp_path / "out" / "manifest.csv").read_text()
    assert "hf://me/talks/a.m4a" in found and "hf://me/talks/more/b.m4a" in found


def test_what_is_not_there_is_one_sentence(hub):
    (source,) = list_sources(["hf://me/talks/none.m4a"]).sources
    assert source.problem == "There is nothing at hf://me/talks/none.m4a; check the name."
