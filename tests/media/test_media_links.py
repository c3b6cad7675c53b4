"""Chained Ogg files whose links have other channels or another rate."""

import contextlib

import av
import pytest

from emorec.media import duration, packets, passes
from emorec.media import streams as media
from emorec.media.ogg_links import next_form
from support.decoding import undamaged
from support.joined import RATE, joined, onsets
from support.make_media import Audio, record


def chained(folder, suffix, *audios):
    return joined(folder, suffix, *[(None, audio) for audio in audios])


@pytest.mark.parametrize(
    ("suffix", "codec", "forms"),
    [
        ("opus", "libopus", [("mono", 48_000), ("stereo", 48_000), ("mono", 48_000)]),
        ("ogg", "vorbis", [("stereo", 44_100), ("stereo", 48_000), ("stereo", 48_000), ("stereo", 22_050)]),
    ],
)
def test_links_of_chained_sound_may_have_other_channels_or_another_rate(suffix, codec, forms, tmp_path):
    tones = [1.0, 2.0, 3.0, 2.5]
    audios = [
        Audio(codec, rate=rate, layout=layout, tones=((tone, tone + 0.5),))
        for tone, (layout, rate) in zip(tones, forms, strict=False)
    ]
    path, said = chained(tmp_path, suffix, *audios), []
    onset_times, end = onsets(path, said)
    assert onset_times == pytest.approx([4.0 * number + tones[number] for number in range(len(forms))], abs=0.05)
    assert end == pytest.approx(4.0 * len(forms), abs=0.05) and said == []
    assert media.probe(path).duration == pytest.approx(4.0 * len(forms), abs=0.05)
    later = [block for block in media.audio(path, start=8.0) if isinstance(block, media.AudioBlock)]
    assert later[0].time == 8.0 and sum(len(block.samples) for block in later) / RATE == pytest.approx(end - 8.0)
    part = list(undamaged(media.audio(path, end=5.5), said))
    assert part[-1].time + len(part[-1].samples) / RATE == pytest.approx(5.5) and said == []


def test_a_link_that_cannot_be_read_is_said_to_be_cut_off(tmp_path):
    path = chained(tmp_path, "opus", Audio("libopus"), Audio("libopus", layout="stereo"))
    path.write_bytes(path.read_bytes()[: (tmp_path / "0.opus").stat().st_size + 60])
    said = []
    assert onsets(path, said)[1] == pytest.approx(4.0, abs=0.05)
    assert said == ["The audio is damaged or cut off after 4.0 s; what could be read was used."]
    assert media.probe(path).duration == pytest.approx(4.0, abs=0.05)


def together(target, *sources):
    """One Ogg file of the sound of several, side by side."""
    with av.open(str(target), "w") as new, contextlib.ExitStack() as stack:
        tracks = [stack.enter_context(av.open(str(source))) for source in sources]
        streams = [new.add_stream_from_template(track.streams[0]) for track in tracks]
        for track, stream in zip(tracks, streams, strict=True):
            for packet in track.demux():
                if packet.size:
                    packet.stream = stream
                    new.mux(packet)
    return target


def sound(folder, layout, tone):
    return record(folder / f"{layout}-{tone}.opus", None, Audio("libopus", layout=layout, tones=((tone, tone + 0.5),)))


@pytest.mark.parametrize(("layouts", "length"), [(("mono", "stereo"), 8.0), (("stereo", "mono"), 4.0)])
def test_a_second_track_is_not_taken_for_the_next_link(layouts, length, tmp_path, monkeypatch):
    searches = []
    monkeypatch.setattr(packets, "next_form", lambda *given: searches.append(given) or next_form(*given))
    sounds = [sound(tmp_path, layout, tone) for layout, tone in zip(layouts, (1.0, 2.0), strict=True)]
    tracks = together(tmp_path / "tracks.ogg", *sounds)
    path = tmp_path / "chained.ogg"
    path.write_bytes(tracks.read_bytes() + sound(tmp_path, "stereo", 3.0).read_bytes())
    onset_times, end = onsets(path)
    assert onset_times == pytest.approx([1.0, 7.0][: round(length / 4)], abs=0.05)
    assert end == pytest.approx(length, abs=0.05)
    assert len(searches) == 1  # each reads the whole file, and FFmpeg may report the same very often


def test_links_in_other_forms_beyond_the_most_are_said_to_be_cut_off(tmp_path, monkeypatch):
    for module in (passes, duration):
        monkeypatch.setattr(module, "MAX_LINKS", 2)
    layouts = ("mono", "stereo") * 2
    path, said = chained(tmp_path, "opus", *(Audio("libopus", layout=layout) for layout in layouts)), []
    assert onsets(path, said)[1] == pytest.approx(12.0, abs=0.05)
    assert said == ["The audio is damaged or cut off after 12.0 s; what could be read was used."]
    assert media.probe(path).duration == pytest.approx(12.0, abs=0.05)
