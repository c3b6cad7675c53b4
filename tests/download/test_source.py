"""Links to real servers on the loopback: what arrives, what is refused, and that nothing unfinished stays."""

import itertools
import json
import os
import signal
import ssl

import av
import pytest
import trustme

from emorec import download
from emorec.download import Fetched, fetch, fetch_in_steps
from emorec.download.errors import NOT_THROUGH_PROXY
from emorec.errors import EmorecError
from support.loopback_media import left_in, pieces, playlist, serving
from support.make_media import Audio, Video, record

MP4 = "video/mp4"
HLS = "application/vnd.apple.mpegurl"
PAGE = "text/html"
APART = b"""#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="main",DEFAULT=YES,AUTOSELECT=YES,URI="sound.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=400000,CODECS="avc1.4d400c,mp4a.40.2",RESOLUTION=192x128,AUDIO="a"
list.m3u8
"""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    sound = Audio(duration=2.0)
    record(folder / "whole.mp4", Video(duration=2.0), sound)
    record(folder / "picture.mp4", Video(duration=2.0))
    record(folder / "sound.m4a", audio=sound)
    for number in (0, 1):
        record(folder / f"{number}.ts", Video(duration=1.0, start=number), format="mpegts")
    record(folder / "sound.ts", audio=sound, format="mpegts")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def pages(recordings):
    """What the server offers, by path."""
    whole = recordings["whole.mp4"]

    def cut(handler):
        byte_range = handler.headers.get("Range")
        if byte_range:
            first = int(byte_range.removeprefix("bytes=").partition("-")[0])
            where = f"bytes {first}-{len(whole) - 1}/{len(whole)}"
            handler.answer(206, MP4, whole[first:], **{"Content-Range": where, "Accept-Ranges": "bytes"})
        else:
            handler.trickle(MP4, [whole[: len(whole) // 2]], 0, length=len(whole))

    def video(where):
        return f"<html><head><title>A talk</title></head><body><video src='{where}'></video></body></html>".encode()

    dash = (
        b'<MPD type="static" mediaPresentationDuration="PT2S" xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
        b'<AdaptationSet mimeType="video/mp4"><Representation id="p" bandwidth="9" width="192" height="128" '
        b'codecs="avc1.4d400c"><BaseURL>picture.mp4</BaseURL></Representation></AdaptationSet>'
        b'<AdaptationSet mimeType="audio/mp4"><Representation id="s" bandwidth="9" audioSamplingRate="48000" '
        b'codecs="mp4a.40.2"><BaseURL>sound.m4a</BaseURL></Representation></AdaptationSet></Period></MPD>'
    )
    return {
        "/whole.mp4": (MP4, whole),
        "/lengthless.mp4": lambda handler: handler.answer(200, MP4, whole, length=False),
        "/slow.mp4": lambda handler: handler.trickle(MP4, pieces(whole, 8), 0.2, length=len(whole)),
        "/redirect": lambda handler: handler.redirect("/again"),
        "/again": lambda handler: handler.redirect("/whole.mp4"),
        "/circle": lambda handler: handler.redirect("/circle"),
        "/cut.mp4": cut,
        "/talk": (PAGE, video("/whole.mp4")),
        "/two": (PAGE, video("/whole.mp4") + video("/cut.mp4")),
        "/text": (PAGE, b"<html><body>Only words.</body></html>"),
        "/list.m3u8": (HLS, playlist("0.ts", "1.ts")),
        "/lost.m3u8": (HLS, playlist("0.ts", "lost.ts")),
        "/live.m3u8": (HLS, playlist("0.ts", "1.ts").replace(b"#EXT-X-ENDLIST\n", b"")),
        "/apart.m3u8": (HLS, APART),
        "/sound.m3u8": (HLS, playlist("sound.ts", seconds=2.0)),
        "/sound.ts": ("video/mp2t", recordings["sound.ts"]),
        "/two.mpd": ("application/dash+xml", dash),
        "/0.ts": ("video/mp2t", recordings["0.ts"]),
        "/1.ts": ("video/mp2t", recordings["1.ts"]),
        "/picture.mp4": (MP4, recordings["picture.mp4"]),
        "/sound.m4a": ("audio/mp4", recordings["sound.m4a"]),
        "/endless.mp4": lambda handler: handler.trickle(MP4, itertools.repeat(bytes(1 << 16)), 0.002),
        "/silent.mp4": lambda handler: handler.trickle(MP4, itertools.repeat(b"\0"), 0.1, length=10**6),
        "/closed.mp4": lambda handler: handler.answer(403, PAGE, b"no"),
        "/broken.mp4": lambda handler: handler.answer(503, PAGE, b"later"),
    }


@pytest.fixture
def server(pages, monkeypatch):
    with serving(pages) as server:
        monkeypatch.setenv("EMOREC_ALLOW_HOSTS", f"localhost:{server.port}")
        yield server


def kinds(path):
    with av.open(str(path)) as container:
        return sorted(stream.type for stream in container.streams)


@pytest.mark.parametrize("path", ["/whole.mp4", "/lengthless.mp4", "/slow.mp4", "/redirect", "/cut.mp4", "/talk"])
def test_what_a_link_leads_to_arrives_whole(path, server, recordings, tmp_path):
    seen = []
    fetched = fetch(server.address + path, tmp_path, progress=seen.append)
    assert fetched.path.read_bytes() == recordings["whole.mp4"]
    assert fetched.source == server.address + path
    assert fetched.title == fetched.path.stem and (path != "/talk" or fetched.title == "A talk")
    assert {"looking", "downloading"} <= {step.stage for step in seen}
    if path == "/cut.mp4":
        assert any(
            byte_range for _, _, byte_range in server.log if byte_range and not byte_range.startswith("bytes=0-")
        )
    if path == "/slow.mp4":
        assert 0 < max(step.done for step in seen) <= len(recordings["whole.mp4"])
        assert {step.total for step in seen if step.done} == {len(recordings["whole.mp4"])}
    # One folder with the file and what is known of it; nothing else.
    assert len(left_in(tmp_path)) == 3


def test_a_playlist_of_segments_is_put_together(server, tmp_path):
    fetched = fetch(f"{server.address}/list.m3u8", tmp_path)
    with av.open(str(fetched.path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50
    assert {"/0.ts", "/1.ts"} <= {path for _, path, _ in server.log}


@pytest.mark.parametrize("path", ["/two.mpd", "/apart.m3u8"])
def test_picture_and_sound_that_come_apart_are_merged(path, server, tmp_path):
    fetched = fetch(server.address + path, tmp_path)
    assert kinds(fetched.path) == ["audio", "video"]
    with av.open(str(fetched.path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50
        container.seek(0)
        assert sum(frame.samples for frame in container.decode(audio=0)) >= 1.9 * 48_000


@pytest.mark.parametrize("path", ["/two.mpd", "/apart.m3u8"])
def test_only_the_sound_is_fetched_where_only_that_is_wanted(path, server, tmp_path):
    fetched = fetch(server.address + path, tmp_path, sound_only=True)
    assert kinds(fetched.path) == ["audio"]
    assert not {"/picture.mp4", "/0.ts"} & {path for _, path, _ in server.log}


def test_the_same_link_is_not_downloaded_twice(server, tmp_path):
    first = fetch(f"{server.address}/list.m3u8", tmp_path)
    server.log.clear()
    again = fetch(f"{server.address}/list.m3u8", tmp_path)
    assert again == first and again.path.exists()
    assert "/0.ts" not in {path for _, path, _ in server.log}


def test_a_server_must_prove_who_it_is(pages, recordings, tmp_path, monkeypatch):
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    with serving(pages, tls) as server:
        monkeypatch.setenv("EMOREC_ALLOW_HOSTS", f"localhost:{server.port}")
        with pytest.raises(EmorecError, match="certificate"):
            fetch(f"{server.address}/whole.mp4", tmp_path / "a")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        fetched = fetch(f"{server.address}/whole.mp4", tmp_path / "b")
    assert fetched.path.read_bytes() == recordings["whole.mp4"]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/nothing.mp4", "answered 404"),
        ("/closed.mp4", "does not give out .* 403"),
        ("/broken.mp4", "answered 503"),
        ("/text", "No video or sound"),
        ("/two", "several videos"),
        ("/circle", "could be downloaded|cannot be downloaded|answered 302"),
        ("/lost.m3u8", "Nothing could be downloaded"),
        ("/live.m3u8", "live stream"),
    ],
)
def test_what_cannot_be_had_is_one_sentence_and_leaves_nothing(path, sentence, server, tmp_path):
    with pytest.raises(EmorecError, match=sentence) as refused:
        fetch(server.address + path, tmp_path)
    assert str(refused.value).endswith(".") and len(str(refused.value)) < 250 and "\n" not in str(refused.value)
    assert left_in(tmp_path) == []


def running(steps):
    """The process behind a download that has begun."""
    return steps.gi_frame.f_locals["child"]._process.pid


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as status:
        return status.read().rpartition(")")[2].split()[0] != "Z"


def test_closing_stops_the_download_and_leaves_nothing(server, tmp_path):
    steps = fetch_in_steps(f"{server.address}/endless.mp4", tmp_path)
    while next(steps).done < 100_000:
        pass
    child = running(steps)
    assert any(path.suffix == ".part" for path in left_in(tmp_path))
    steps.close()
    assert not alive(child)
    assert left_in(tmp_path) == []


def test_a_download_ends_with_whoever_wanted_it(server, tmp_path):
    steps = fetch_in_steps(f"{server.address}/endless.mp4", tmp_path)
    while next(steps).done < 100_000:
        pass
    child = steps.gi_frame.f_locals["child"]
    child._process.stdin.close()  # as the kernel does when this process dies
    os.waitid(os.P_PID, child._process.pid, os.WEXITED | os.WNOWAIT)
    assert left_in(tmp_path / next(tmp_path.iterdir()).name / "media") == []
    steps.close()


def test_a_process_that_dies_is_one_sentence(server, tmp_path):
    steps = fetch_in_steps(f"{server.address}/silent.mp4", tmp_path)
    next(steps)
    os.kill(running(steps), signal.SIGSEGV)
    with pytest.raises(EmorecError, match="broke off .signal 11."):
        list(steps)
    assert left_in(tmp_path) == []


def test_nothing_of_the_environment_speaks_to_the_server(server, tmp_path, monkeypatch):
    """No proxy, no configuration, no cookies, no password file."""
    home = tmp_path / "home"
    (home / ".config" / "yt-dlp").mkdir(parents=True)
    (home / ".config" / "yt-dlp" / "config").write_text("--output /tmp/elsewhere\n--add-header X-Told:configured\n")
    (home / ".netrc").write_text("machine localhost login me password secret\n")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    fetch(f"{server.address}/whole.mp4", tmp_path / "got")
    assert server.headers
    for headers in server.headers:
        assert not {"cookie", "authorization", "x-told"} & {name.lower() for name in headers}


def test_links_can_be_turned_off(monkeypatch, tmp_path):
    monkeypatch.setenv("EMOREC_LINKS", "off")
    assert not download.enabled()
    with pytest.raises(EmorecError, match="turned off"):
        fetch("https://example.com/a.mp4", tmp_path)


@pytest.mark.parametrize(
    "title", ["../../etc/passwd", "a/b\\c", "", "...", "\x1b[31mred\nline", "名" * 200, "con" * 200]
)
def test_a_title_never_leads_anywhere(title, tmp_path):
    working = tmp_path / "working"
    (working / "media").mkdir(parents=True)
    (working / "media" / "media.mp4").write_bytes(b"x")
    found = {"key": 6 * "00ff", "file": "../../media.mp4", "title": title, "id": "x"}
    fetched = download._keep(found, "https://example.com/v", tmp_path, working)
    assert isinstance(fetched, Fetched)
    assert fetched.path.parent == tmp_path / (6 * "00ff") and fetched.path.read_bytes() == b"x"
    assert fetched.title and fetched.title.isprintable() and len(fetched.path.name.encode()) < 100
    assert json.loads((fetched.path.parent / download.FACTS_FILE).read_text())["file"] == fetched.path.name


@pytest.mark.parametrize("title", ["Con", "aux.", "COM1", "nul.mp4"])
def test_a_title_is_no_name_that_windows_has_for_a_device(title, tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "media.mp4").write_bytes(b"x")
    found = {"key": 6 * "00ff", "file": "media.mp4", "title": title, "id": "x"}
    fetched = download._keep(found, "https://example.com/v", tmp_path, tmp_path)
    assert (fetched.title, fetched.path.name) == (title, f"_{title.rstrip('.')}.mp4")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EmorecError, match="Nothing can be downloaded to"):
        fetch("https://example.com/a.mp4", tmp_path / "file" / "folder")


def test_a_link_that_cannot_be_reached_behind_a_proxy_is_told_not_to_use_it(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_ALLOW_HOSTS", "localhost:9")  # where nobody listens
    sentences = []
    for proxy in ("", "http://proxy.example:8080"):
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        with pytest.raises(EmorecError) as caught:
            fetch("http://localhost:9/talk.mp4", tmp_path)
        sentences.append(str(caught.value))
    alone, behind = sentences
    assert alone.startswith("The connection to the server of this link failed") and "proxy" not in alone
    assert behind == f"{alone} {NOT_THROUGH_PROXY}"
