"""Links that lead to too much: too long, too large, without end, whatever was said of it before."""

import contextlib
import itertools

import pytest

from emorec.download import Limits, fetch, fetch_in_steps
from emorec.errors import EmorecError
from emorec.media import duration, sandbox
from support.loopback_media import left_in, pieces, playlist, serving
from support.make_media import Audio, Video, record

MP4 = "video/mp4"
HLS = "application/vnd.apple.mpegurl"
PAGE = "text/html"
SMALL = {"size": (64, 48), "rate": 5, "keyframe_every": 5}
SEGMENTS = range(0, 48, 8)  # of a recording of more than half a minute: when each begins (s)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for number in SEGMENTS:
        record(folder / f"at-{number}.ts", Video(duration=8.0, start=number, **SMALL), format="mpegts")
    for suffix in ("ts", "mkv", "mp4"):
        tone = Audio(duration=60.0, codec="mp2" if suffix == "ts" else "aac", rate=16_000, tones=((0.0, 60.0),))
        record(folder / f"minute.{suffix}", Video(duration=60.0, **SMALL), tone)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def server(recordings, monkeypatch):
    segments = [f"at-{number}.ts" for number in SEGMENTS]
    pages = {
        "/stated.m3u8": (HLS, playlist(*segments * 10, seconds=8.0)),
        "/liar.m3u8": (HLS, playlist(*segments, seconds=0.5)),
        **{f"/{name}": ("video/mp2t", recordings[name]) for name in segments},
        "/unstated.ts": lambda handler: trickled(handler, recordings["minute.ts"]),
        "/stated.mkv": lambda handler: trickled(handler, recordings["minute.mkv"]),
        "/late-index.mp4": (MP4, recordings["minute.mp4"]),
        "/endless.mp4": lambda handler: handler.trickle(MP4, itertools.repeat(bytes(1 << 16)), 0.002),
        "/endless-page": lambda handler: handler.trickle(PAGE, itertools.repeat(b"<p>" * 4096), 0.01),
        "/silent.mp4": lambda handler: handler.trickle(MP4, itertools.repeat(b"\0"), 0.1, length=10**6),
        "/liar.mp4": lambda handler: handler.trickle(MP4, itertools.repeat(bytes(1 << 16)), 0.002, length=1000),
        "/large.mp4": lambda handler: handler.trickle(MP4, [recordings["minute.mp4"]], 0, length=10**12),
    }
    with serving(pages) as server:
        monkeypatch.setenv("EMOREC_ALLOW_HOSTS", f"localhost:{server.port}")
        yield server


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/stated.m3u8", "longer than 1 minutes"),
        ("/endless.mp4", "larger than 2 MB"),
        ("/large.mp4", "larger than 2 MB"),
    ],
)
def test_what_is_stated_or_arrives_as_too_much_is_one_sentence_and_leaves_nothing(path, sentence, server, tmp_path):
    with pytest.raises(EmorecError, match=f"{sentence}, the limit here; give a [a-z]+ one\\.$"):
        fetch(server.address + path, tmp_path, limits=Limits(minutes=1, megabytes=2, time_minutes=2))
    assert left_in(tmp_path) == []


def trickled(handler, content):
    """Three quarters of a recording; the rest is never sent."""
    first = pieces(content[: 3 * len(content) // 4], 20)
    handler.trickle(MP4, itertools.chain(first, itertools.repeat(b"")), 0.1)


@pytest.mark.parametrize("path", ["/unstated.ts", "/stated.mkv", "/late-index.mp4", "/liar.m3u8"])
def test_what_is_too_long_is_stopped_whatever_the_headers_say(path, server, recordings, tmp_path):
    """No page, header or playlist states the duration: it is measured on the part that has arrived."""
    limits = Limits(minutes=0.5, megabytes=20, time_minutes=3)
    steps, sizes = fetch_in_steps(server.address + path, tmp_path, limits=limits), []
    with pytest.raises(EmorecError, match=r"longer than 0\.5 minutes, the limit here; give a shorter one\.$"):
        for step in steps:
            sizes.append(step.done)
    assert left_in(tmp_path) == []
    whole = {"/unstated.ts": "minute.ts", "/stated.mkv": "minute.mkv"}.get(path)
    if whole:  # before all of it was there
        assert 0 < max(sizes) <= 0.75 * len(recordings[whole])


@pytest.mark.parametrize("path", ["/silent.mp4", "/endless-page"])
def test_what_never_ends_is_stopped_in_time(path, server, tmp_path):
    for minutes in (0.1, 1.0):  # on a busy machine the first time may be over before anything was asked for
        with pytest.raises(EmorecError, match=f"took longer than {minutes:g} minutes"):
            fetch(server.address + path, tmp_path, limits=Limits(time_minutes=minutes))
        if path in {path for _, path, _ in server.log}:
            break
    assert path in {path for _, path, _ in server.log}
    assert left_in(tmp_path) == []


def test_a_length_that_lies_does_not_get_past_the_limit(server, tmp_path):
    with contextlib.suppress(EmorecError):
        fetched = fetch(f"{server.address}/liar.mp4", tmp_path, limits=Limits(megabytes=1))
        assert fetched.path.stat().st_size <= 1000


def test_how_long_a_recording_is_shows_while_it_arrives(recordings, tmp_path, monkeypatch):
    def reached(suffix, share, enough=1000.0):
        content = recordings[f"minute.{suffix}"]
        path = tmp_path / f"media.{suffix}.part"
        path.write_bytes(content[: int(share * len(content))])
        return sandbox.min_duration(path, enough)

    assert 25.0 < reached("ts", 0.5) < 35.0 and 55.0 < reached("ts", 1.0) < 61.0, "by its packets"
    assert 55.0 < reached("mkv", 0.3) < 61.0, "by its header"
    assert 20.0 < reached("ts", 1.0, enough=20.0) < 61.0
    with pytest.raises(EmorecError):
        reached("mp4", 0.5)  # its index comes last

    # Packets alone: one that claims to lie far ahead is broken, and says nothing.
    monkeypatch.setattr(duration, "duration_from_header", lambda reader: None)
    jump = Video(times=[*(k / 5 for k in range(50)), 60.0], size=(64, 48))
    path = record(tmp_path / "jump.ts", jump, format="mpegts")
    assert 9.0 < duration.min_duration(path, 1000.0) < 11.0


def test_limits_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("EMOREC_MAX_MINUTES", "5")
    monkeypatch.setenv("EMOREC_MAX_MB", "7.5")
    assert Limits.from_environment() == Limits(minutes=5.0, megabytes=7.5)
    for wrong in ("0", "-1", "many", "nan", "inf"):
        monkeypatch.setenv("EMOREC_MAX_MB", wrong)
        with pytest.raises(EmorecError, match="EMOREC_MAX_MB"):
            Limits.from_environment()
