"""Recordings in a bucket: an S3 server on this machine, which has no permissions and loses nothing."""

import functools
import itertools
import threading

import pytest

import emorec
from emorec import files, running_time
from emorec.batch import storage
from emorec.batch.inputs import list_sources
from emorec.errors import EmorecError
from emorec.running_time import RunningTime
from emorec.settings import Limits
from support import batches
from support.make_media import Audio, record
from support.page_process import free_port

moto = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

LIMITS = Limits(megabytes=1)


@pytest.fixture(scope="module")
def server():
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield "http://{}:{}".format(*running.get_host_and_port())
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch, tmp_path):
    """A bucket with two sounds and other objects, and the credentials for it."""
    for name, value in {"ENDPOINT_URL": server, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem()
    sound = record(tmp_path / "sound.m4a", None, Audio(duration=1.0))
    store.mkdir("media")
    store.put_file(str(sound), "media/a.m4a")
    store.put_file(str(batches.copy_with_other_bytes(sound, tmp_path / "b.m4a", 1)), "media/deep er/b#1.m4a")
    store.pipe("media/notes.txt", b"notes")
    store.pipe("media/bad.mp4", b"no recording")
    yield store
    store.rm("media", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket_is_analyzed_like_a_folder_and_again_only_what_has_changed(bucket, tmp_path):
    model = batches.small_model(tmp_path / "model")

    def analyze():
        s3fs.S3FileSystem.clear_instance_cache()
        return emorec.analyze_batch("s3://media", tmp_path / "out", model, "cpu", workers=0)

    result = analyze()
    assert (result.done, list(result.failed)) == (2, ["s3://media/bad.mp4"])
    folder = next(path for path in (tmp_path / "out").iterdir() if path.name.startswith("b-1-"))
    assert '"source": "s3://media/deep er/b#1.m4a"' in (folder / "b#1.json").read_text()
    assert analyze().analyzed == 0
    bucket.copy("media/deep er/b#1.m4a", "media/a.m4a")
    assert analyze().analyzed == 1


def test_an_object_is_fetched_within_limits(bucket, tmp_path):
    bucket.pipe("media/large.wav", b"x" * 1_000_001)
    with pytest.raises(EmorecError, match=r"s3://media/large.wav is larger than 1 MB"):
        storage.fetch("s3://media/large.wav", tmp_path, LIMITS)
    found = storage.fetch("s3://media/large.wav", tmp_path, Limits(megabytes=2))
    assert found == tmp_path / "large.wav" and found.stat().st_size == 1_000_001
    with pytest.raises(EmorecError, match="took longer than"):
        storage.fetch("s3://media/large.wav", tmp_path, Limits(megabytes=2, time_minutes=0))


def test_a_sleep_takes_nothing_from_the_time_of_an_object(bucket, tmp_path, monkeypatch):
    hours = itertools.count(step=3600.0)
    monkeypatch.setattr(running_time, "RunningTime", functools.partial(RunningTime, clock=lambda: next(hours)))
    found = storage.fetch("s3://media/notes.txt", tmp_path, Limits(time_minutes=30))
    assert found.read_bytes() == b"notes"


def test_a_store_that_keeps_silent_within_an_object_is_given_up(bucket, tmp_path, monkeypatch):
    never, s3_file = threading.Event(), type(bucket.open("media/notes.txt"))
    monkeypatch.setattr(s3_file, "read", lambda *_: never.wait() and b"")
    try:
        with pytest.raises(EmorecError, match="took longer than 0.01 minutes to arrive"):
            storage.fetch("s3://media/notes.txt", tmp_path, Limits(time_minutes=0.01))
    finally:
        never.set()


@pytest.mark.parametrize("url", ["s3://media/none.m4a", "s3://nothing", "s3://nothing/a.m4a"])
def test_what_is_not_there_is_one_sentence(bucket, url):
    (source,) = list_sources([url]).sources
    assert source.problem == f"There is nothing at {url}; check the name."


def test_a_store_without_rights_or_that_does_not_answer_is_one_sentence(bucket, monkeypatch):
    monkeypatch.setattr(s3fs.S3FileSystem, "info", lambda *_, **__: (_ for _ in ()).throw(PermissionError("Forbidden")))
    assert (
        "cannot be read with the credentials found here (Forbidden)" in list_sources(["s3://media"]).sources[0].problem
    )
    monkeypatch.undo()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(EmorecError, match="s3://media/a.m4a cannot be reached"):
        storage.list_objects("s3://media/a.m4a")
    s3fs.S3FileSystem.clear_instance_cache()


def test_half_of_the_credentials_are_told_as_a_matter_of_rights():
    class PartialCredentialsError(Exception):
        pass

    said = str(storage.to_emorec_error("s3://b/a.mp4", PartialCredentialsError("AWS_SECRET_ACCESS_KEY is missing")))
    assert "cannot be read with the credentials" in said


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(storage.NEEDS, "gs", ("gs", "no_such_package"))
    assert "pip install '.[gs]'" in list_sources(["gs://bucket/a.mp4"]).sources[0].problem


def test_the_file_of_an_object_has_a_name_that_every_system_takes():
    long = ("b/" + "ä" * 300 + ".mp4", "b/a." + "ä" * 300)
    for path in ("b/..", "b/a\\..\\c:d.mp4", "b/", "b/\n.mp4", "b/con.mp4", "b/a. ", *long):
        name = storage._file_name(path)
        assert name and len(name.encode()) <= 200 and not set(name) & set('\\/:*?"<>|\n') and name.strip(".")
        assert not name.endswith((".", " ")) and not files.DEVICES.match(name)
