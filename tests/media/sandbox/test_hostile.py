"""Files made to harm, and a system that fails: the process that decodes takes the harm, the user gets a sentence."""

import os
import signal
import threading
import time
import wave

import numpy as np
import pytest

from emorec.errors import EmorecError
from emorec.media import integrity, sandbox, streams
from emorec.media.sandbox.requests import DECODERS
from support.decoding import run_in_process, split, start_decoding
from support.loopback_media import Target
from support.make_media import Audio, record
from support.untrusted import message, says


def test_the_process_gives_what_decoding_here_gives(recording):
    assert sandbox.probe(recording) == streams.probe(recording)
    for sent, own in zip(sandbox.frames(recording, 5.0), streams.frames(recording, 5.0), strict=True):
        assert sent.time == own.time and sent.grey.shape == own.grey.shape
        np.testing.assert_array_equal(sent.image, own.image)
        np.testing.assert_array_equal(sent.grey, own.grey)
        assert sent.limited == own.limited
    for sent, own in zip(sandbox.audio(recording), streams.audio(recording), strict=True):
        assert sent.time == own.time
        np.testing.assert_array_equal(sent.samples, own.samples)


def test_damage_is_told_across(recording, tmp_path):
    whole = recording.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    blocks, damages = split(sandbox.audio(tmp_path / "cut.mkv"))
    assert blocks and len(damages) == 1 and "damaged or cut off" in damages[0]


@pytest.mark.parametrize("number", [6, 9, 11])
def test_a_decoder_that_dies_is_one_sentence_and_the_next_file_is_read(number, recording):
    frames, processes = start_decoding(recording)
    os.kill(processes[0], number)
    with pytest.raises(EmorecError, match="clip.mkv cannot be decoded") as refused:
        list(frames)
    assert str(refused.value).endswith(".")
    assert sandbox.probe(recording).has_video


def test_closing_ends_the_process(recording):
    frames, processes = start_decoding(recording)
    assert len(processes) == 1
    frames.close()
    while os.path.exists(f"/proc/{processes[0]}"):
        time.sleep(0.01)


def test_the_waiting_process_is_started_again(recording):
    sandbox.probe(recording)
    first = DECODERS.pid
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert sandbox.probe(recording).has_audio
    assert DECODERS.pid != first


def test_a_loop_without_end_is_ended_by_the_kernel(recording):
    code = """
server.SECONDS_WITHOUT_PROGRESS = 1
def probe(path):
    while True:
        pass
streams.probe = probe
"""
    received, code = run_in_process(code, recording)
    assert received == []
    assert code < 0


def test_memory_without_end_is_refused_by_the_kernel(recording):
    code = """
server.MEMORY = 1 << 28
def probe(path):
    held = []
    while True:
        held.append(bytearray(1 << 24))
streams.probe = probe
"""
    received, _ = run_in_process(code, recording)
    assert received[-1] == {"failed": "MemoryError"}


def test_the_process_that_decodes_writes_no_file(recording, tmp_path):
    code = f"""
def probe(path):
    os.write(os.open({str(tmp_path / "written")!r}, os.O_CREAT | os.O_WRONLY), b"x")
streams.probe = probe
"""
    received, _ = run_in_process(code, recording)
    assert received[-1] == {"failed": "OSError"}
    assert not (tmp_path / "written").exists() or (tmp_path / "written").read_text() == ""


def lists(target, inside):
    """Files that name others: (name, text) pairs."""
    link = f"http://127.0.0.1:{target.port}/inside.ts"
    yield "list.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{inside}\n#EXT-X-ENDLIST\n"
    yield "link.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{link}\n#EXT-X-ENDLIST\n"
    yield "late.mp4", f"\n\n#EXTM3U\n#EXTINF:9,\n{inside}\n#EXT-X-ENDLIST\n"
    yield "concat.txt", f"ffconcat version 1.0\nfile {inside}\n"
    yield "spaces.ffconcat", f"  ffconcat version 1.0\nfile '{inside}'\n"
    yield "stream.sdp", f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {target.port} RTP/AVP 96\n"
    yield "dash.mpd", f'<?xml version="1.0"?><MPD><Period><BaseURL>{link}</BaseURL></Period></MPD>'
    yield "old.pls", f"[playlist]\nFile1={link}\n"
    yield "old.mp4", f"rtsp://127.0.0.1:{target.port}/a"
    yield "image%03d.jpg.mp4", "x"


def test_a_file_that_names_others_opens_none(tmp_path, recording):
    target = Target()
    try:
        for name, text in lists(target, recording):
            path = tmp_path / name
            path.write_text(text)
            with pytest.raises(EmorecError) as refused:
                sandbox.probe(path)
            assert "\n" not in str(refused.value), name
        assert target.log == []
    finally:
        target.close()


@pytest.mark.parametrize("name", ["concat:a.wav|b.wav", "http:a.wav", "file:a.wav", "-i.wav", "pipe:0", "a%03d.wav"])
def test_a_name_is_only_ever_a_name(name, tmp_path):
    record(tmp_path / "sound.wav", audio=Audio(codec="pcm_s16le", rate=16_000)).rename(tmp_path / name)
    assert sandbox.probe(tmp_path / name).has_audio


def test_too_many_channels_are_refused(tmp_path):
    with wave.open(str(tmp_path / "many.wav"), "wb") as file:
        file.setnchannels(200)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(400 * 100))
    with pytest.raises(EmorecError, match="64 channels|cannot be|no kind|too damaged"):
        sandbox.probe(tmp_path / "many.wav")


def test_a_recording_over_the_limit_is_refused(recording, monkeypatch):
    monkeypatch.setenv("EMOREC_MAX_MINUTES", "0.1")
    for read in (sandbox.probe, lambda path: list(sandbox.frames(path)), lambda path: list(sandbox.audio(path))):
        with pytest.raises(EmorecError, match="longer than 0.1 minutes"):
            read(recording)


def test_packets_without_progress_are_counted(recording, monkeypatch):
    monkeypatch.setattr(integrity, "MAX_IDLE_PACKETS", 10)
    pace = integrity.ProgressCheck(recording)
    assert [pace.advances(1, 5.0) for _ in range(13)] == [True] * 11 + [False] * 2
    large = integrity.ProgressCheck(recording)
    assert not all(large.advances(1 << 22, None) for _ in range(64))


def test_the_engine_reads_in_the_process(recording, analyzer, monkeypatch, tmp_path):
    """Nothing of a file reaches a decoder in this process."""

    def here(*_, **__):
        raise AssertionError("decoded here")

    monkeypatch.setattr("av.open", here)
    assert [*analyzer.extract(recording, cache=tmp_path)][-1].complete


def test_the_log_tells_what_failed_but_not_whose_file_it_was(tmp_path, caplog, monkeypatch):
    path = tmp_path / "a-person.mkv"
    path.write_bytes(b"x")
    code = "def probe(path):\n    raise RuntimeError(f'cannot decode {path}')\nstreams.probe = probe"
    received, _ = run_in_process(code, path)
    assert received[-1] == {"failed": "RuntimeError"}
    with says(monkeypatch, message(received[-1])), pytest.raises(EmorecError, match="cannot be decoded"):
        sandbox.probe(path)
    assert caplog.messages == ["A decoder failed: 'RuntimeError'"]


def test_many_reads_at_once_do_not_mix(recording):
    found = []

    def read():
        found.append([frame.time for frame in sandbox.frames(recording, 5.0)])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(times == found[0] and len(times) == 60 for times in found)
