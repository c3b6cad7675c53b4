"""Unusual containers and headers: animated pictures, unknown sizes, encrypted recordings."""

import struct
import threading

import numpy as np
import pytest
from PIL import Image

from emorec.errors import EmorecError
from emorec.media import containers, sampling, sandbox, streams
from emorec.media.stated_size import stated_size
from support.decoding import undamaged
from support.make_media import Audio, Video, draw, read_time, record

COMMON_ENCRYPTION = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
}


def animation(path, times, end, size=(192, 128), **how):
    """Write an animation whose pictures begin at ``times`` (s), the last of which lasts until ``end`` (s)."""
    images = [Image.fromarray(draw(time, size)).convert("RGB") for time in times]
    lengths = [round(1000 * length) for length in np.diff([*times, end])]
    images[0].save(path, save_all=True, append_images=images[1:], duration=lengths, **how)
    return path


@pytest.mark.parametrize("suffix", ["webp", "gif"])
def test_an_animation_is_video_without_sound(suffix, tmp_path):
    times = [0.0, 0.5, 0.6, 0.7, 1.5, 2.0, 2.1, 2.2, 2.3, 3.0]
    path = animation(tmp_path / f"a.{suffix}", times, 3.2)
    info = streams.probe(path)
    assert (info.container, info.video_codec, info.has_audio) == (suffix, suffix, False)
    assert (info.width, info.height) == (192, 128) and info.duration == pytest.approx(3.2, abs=0.001)
    complaints = []
    frames = list(undamaged(streams.frames(path, rate=10), complaints))
    assert [frame.time for frame in frames] == pytest.approx(times, abs=0.001)
    assert [read_time(frame.image) for frame in frames] == pytest.approx(times, abs=0.001)
    assert list(streams.audio(path)) == [] and complaints == []
    later = [frame.time for frame in streams.frames(path, rate=10, start=1.5)]
    assert later == [frame.time for frame in frames if frame.time >= 1.5 - 1e-4]


def test_streams_are_only_read_by_the_thread_that_closes_their_file(tmp_path, monkeypatch):
    """Elsewhere the file may be closed already, which ends the process."""
    readers = set()
    read = sampling.pixel_aspect
    monkeypatch.setattr(
        sampling, "pixel_aspect", lambda stream: (readers.add(threading.current_thread()), read(stream))[1]
    )
    path = animation(tmp_path / "a.gif", [0.0, 0.5, 1.0], 1.5)
    assert len(list(undamaged(streams.frames(path, rate=10), []))) == 3
    assert len(readers) == 1 and threading.current_thread() not in readers


def test_pictures_of_an_animation_are_decoded_one_after_another(tmp_path):
    """However long it is, its raw pictures are never all in memory, and may be many times its size."""
    times = np.arange(200) / 10
    path = animation(tmp_path / "long.webp", list(times), 20.0, size=(320, 240), quality=1)
    assert 2 * path.stat().st_size + (16 << 20) < 200 * 320 * 240 * 3
    assert len(list(streams.frames(path, rate=10))) == 200


@pytest.mark.parametrize("suffix", ["webp", "gif"])
def test_a_single_picture_is_no_animation(suffix, tmp_path):
    path = tmp_path / f"still.{suffix}"
    Image.fromarray(draw(1.0)).convert("RGB").save(path)
    with pytest.raises(EmorecError, match=rf"still\.{suffix} is a picture"):
        streams.probe(path)


def test_a_broken_animation_is_one_sentence(tmp_path):
    whole = animation(tmp_path / "whole.webp", [0.0, 0.5, 1.0], 2.0).read_bytes()
    for length in (30, 60, len(whole) // 2):
        path = tmp_path / "broken.webp"
        path.write_bytes(whole[:length])
        try:
            list(streams.frames(path))
        except EmorecError as error:
            assert str(error).startswith("broken.webp is too damaged to be read")


def test_an_animation_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("emorec.media.packets.MAX_PIXELS", 192 * 128 - 1)
    path = animation(tmp_path / "a.webp", [0.0, 0.5], 1.0)
    with pytest.raises(EmorecError, match="a.webp has too many pixels"):
        streams.probe(path)


@pytest.mark.parametrize("size", [2_000_000_000, 0x7FFFF000, 0x80000000, 1 << 30, 0xFFFFFFFF])
def test_a_size_that_was_never_known_is_no_damage(size, tmp_path):
    path = record(tmp_path / "a.wav", None, Audio("pcm_s16le"))
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    data[4:8] = struct.pack("<I", min(size + at - 4, 0xFFFFFFFF))
    path.write_bytes(data)
    complaints = []
    seconds = sum(len(block.samples) for block in undamaged(streams.audio(path), complaints)) / 16_000
    assert seconds == pytest.approx(4.0, abs=0.01) and complaints == []
    assert streams.probe(path).duration == pytest.approx(4.0, abs=0.01)


def test_a_size_that_was_known_shows_what_is_missing(tmp_path):
    path = record(tmp_path / "a.wav", None, Audio("pcm_s16le"))
    whole = path.stat().st_size
    assert stated_size(path) == whole
    path.write_bytes(path.read_bytes()[: whole // 2])
    complaints = []
    list(undamaged(streams.audio(path), complaints))
    assert len(complaints) == 1


def element(number, content):
    """An element of Matroska (RFC 8794): its number, eight bytes of length, its content."""
    return bytes.fromhex(number) + (len(content) | 1 << 56).to_bytes(8) + content


def with_key(data):
    """The bytes of a WebM file whose tracks say that they are encrypted (RFC 9559, 5.1.4.1.31)."""
    encryption = element("5035", element("47e1", b"\5") + element("47e2", bytes(16)))  # AES under a key of that name
    encodings = element("6d80", element("6240", element("5033", b"\1") + encryption))
    begin = data.rindex(bytes.fromhex("1654ae6b"), 0, 1000)  # the first may be that of the list of contents
    tracks, at, changed = *ebml(data, begin + 4), b""
    end = at + tracks
    while at < end:
        size, content = ebml(data, at + 1)
        entry = data[content : content + size]
        changed += element("ae", entry + encodings) if data[at] == 0xAE else data[at : content + size]
        at = content + size
    return data[:begin] + element("1654ae6b", changed) + data[end:]


def ebml(data, at):
    """The length of an element that stands at ``at``, and where its content begins."""
    width = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1), at + width


def test_an_encrypted_recording_is_called_encrypted(tmp_path):
    path = record(tmp_path / "a.mp4", Video(), Audio(), options=COMMON_ENCRYPTION)
    webm = record(tmp_path / "a.webm", Video("libvpx"), Audio("libopus"), options={"live": "1"})
    webm.write_bytes(with_key(webm.read_bytes()))
    for name in (path, webm):
        for door in (streams.probe, lambda path: list(streams.frames(path)), lambda path: list(streams.audio(path))):
            with pytest.raises(EmorecError, match=f"^{name.name} is encrypted, so it cannot be read"):
                door(name)


def test_aac_in_an_avi_file_is_heard(tmp_path):
    """There a codec is known by a number, which for aac is no ASCII text."""
    path = record(tmp_path / "a.avi", Video(), Audio(tones=((2.0, 2.5),)))
    info = streams.probe(path)
    assert (info.video_codec, info.audio_codec) == ("h264", "aac")
    complaints = []
    seen = list(undamaged(streams.frames(path), complaints))
    assert [frame.time for frame in seen] == pytest.approx([read_time(frame.image) for frame in seen], abs=0.1)
    sound = np.concatenate([block.samples for block in undamaged(streams.audio(path), complaints)])
    loud = np.flatnonzero(np.abs(sound) > 0.1) / 16_000
    assert (loud[0], loud[-1]) == pytest.approx((2.0, 2.5), abs=0.05) and complaints == [] and len(seen) >= 20


def test_a_part_of_a_stream_without_its_description_is_said_to_lack_it(tmp_path):
    """What a player of DASH or HLS stores of a stream: pieces whose codec only another file tells."""
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    whole = record(tmp_path / "a.mp4", Video(), Audio(), options=options).read_bytes()
    path = tmp_path / "piece.mp4"
    for start in (b"", struct.pack(">I4s4sI", 16, b"styp", b"msdh", 0)):
        path.write_bytes(start + whole[whole.index(b"moof") - 4 :])
        with pytest.raises(EmorecError, match="the part that describes the recording is missing or broken"):
            streams.probe(path)


def test_that_a_stream_is_encrypted_is_said(tmp_path, monkeypatch):
    path = record(tmp_path / "a.webm", Video("libvpx"), Audio("libopus"))
    monkeypatch.setattr(containers, "is_encrypted", lambda stream: stream.type == "video")
    complaints = []
    assert list(undamaged(streams.frames(path), complaints)) == []
    assert complaints == ["The video is encrypted; what is encrypted could not be read."]
    assert len(list(undamaged(streams.audio(path), complaints))) == 1 and len(complaints) == 1


def complaints_of(path):
    """What is said about a recording after all of it was decoded."""
    said = []
    for _ in undamaged([*streams.frames(path), *streams.audio(path)], said):
        pass
    return said


def late(path, start, length=4.0):
    video = Video(start=start, duration=length, rate=10) if start < 60 else None  # what a drawn picture can tell
    return record(path, video, Audio(start=start, duration=length, tones=()))


def state_length(path, seconds):
    """Write the length into a Matroska file's header, where FFmpeg wrote the last time."""
    content = path.read_bytes()
    at = content.index(b"\x44\x89\x88") + 3  # the element Duration, a double of milliseconds (RFC 9559, 5.1.2.10)
    path.write_bytes(content[:at] + struct.pack(">d", 1000 * seconds) + content[at + 8 :])


@pytest.mark.parametrize("start", [5.0, 95_000.0])
@pytest.mark.parametrize("meaning", ["last time", "length"])
def test_a_matroska_that_begins_late_is_as_long_as_what_it_holds(start, meaning, tmp_path):
    path = late(tmp_path / "late.mkv", start)
    if meaning == "length":
        state_length(path, 4.0)
    assert sandbox.probe(path).duration == pytest.approx(4.0, abs=0.1)
    assert complaints_of(path) == []


def test_a_negative_length_is_not_believed(tmp_path):
    path = record(tmp_path / "a.mkv", Video(), Audio())
    state_length(path, -5.0)
    assert streams.probe(path).duration == pytest.approx(4.0, abs=0.1)


def test_a_matroska_that_states_far_more_than_it_holds_is_said_to_be_cut_off(tmp_path):
    """Though each of its tracks states what it holds."""
    path = record(tmp_path / "a.mkv", Video(), Audio())
    state_length(path, 72_000.0)
    assert complaints_of(path) == [
        f"The {kind} is damaged or cut off after 4.0 s; what could be read was used." for kind in ("video", "audio")
    ]
    state_length(path, 50.0)  # as of a track that was taken out
    assert complaints_of(path) == []


def test_a_matroska_that_begins_late_and_is_cut_off_is_said_to_be(tmp_path):
    path = late(tmp_path / "late.mkv", 5.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    said = complaints_of(path)
    assert len(said) == 2 and all("is damaged or cut off after 1." in sentence for sentence in said)


def test_few_pictures_beside_steady_sound_are_no_damage(tmp_path):
    """FFmpeg gives a track of Matroska that states no duration that of the recording."""
    path = record(tmp_path / "slides.mkv", Video(times=(0.0, 1.0, 2.0)), Audio(duration=8.0))
    assert complaints_of(path) == []


def test_rare_pictures_of_flash_video_that_are_reordered_are_no_damage(tmp_path):
    """FFmpeg lets all begin later by as much as the first picture waits for the others, and states the last time."""
    path = record(tmp_path / "slides.flv", Video(times=np.arange(0.0, 20.0, 2.0)), Audio(duration=20.0))
    assert sandbox.probe(path).duration == pytest.approx(20.0, abs=0.1)
    assert complaints_of(path) == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert len(complaints_of(path)) == 2
