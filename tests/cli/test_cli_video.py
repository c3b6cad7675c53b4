"""``emorec analyze --save_video``: what is written, and what is refused before anything is analyzed."""

import av
import pytest

from support.command import emorec
from support.make_media import Audio, Video, record


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A drawn picture and a tone: neither a face nor speech."""
    path = tmp_path_factory.mktemp("media") / "drawn.mp4"
    return record(path, Video(size=(160, 120), duration=2.0), Audio(duration=2.0))


def test_the_video_is_written_beside_the_other_results(recording, tmp_path):
    path = tmp_path / "videos" / "drawn.mp4"
    options = ["--out", tmp_path / "out", "--no_plot", "--save_video", path]
    code, out, err = emorec("analyze", recording, *options, "--start", 0.5, "--end", 1.5)
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == [f"wrote {tmp_path / 'out' / 'drawn.csv'}", f"wrote {path}"]
    with av.open(str(path)) as container:
        assert container.duration / av.time_base == pytest.approx(1.0, abs=0.05)
    code, out, err = emorec("analyze", recording, "--json", "--save-video", path)
    assert code == 0 and out.startswith("{") and out.rstrip().endswith("}")


def test_blur_without_a_face_keeps_the_other_results(recording, tmp_path):
    path = tmp_path / "video.mp4"
    options = ["--out", tmp_path, "--no_plot", "--save_video", path, "--blur"]
    code, out, err = emorec("analyze", recording, *options)
    assert code == 2 and err.startswith("emorec: No face was found in drawn.mp4") and err.count("\n") == 1
    assert (tmp_path / "drawn.csv").exists() and not path.exists()


def test_sound_alone_has_no_video(tmp_path):
    clip = record(tmp_path / "clip.wav", audio=Audio(codec="pcm_s16le", rate=16_000))
    code, _, err = emorec("analyze", clip, "--out", tmp_path, "--no_plot", "--save_video", tmp_path / "video.mp4")
    assert code == 2 and err.startswith("emorec: clip.wav has no picture") and err.count("\n") == 1
    assert (tmp_path / "clip.csv").exists() and not (tmp_path / "video.mp4").exists()


def test_what_cannot_be_is_refused_before_anything_is_analyzed(recording, tmp_path):
    for options, words in (
        (["--save_video", tmp_path / "video.avi"], "end the name in .mp4."),
        (["--save_video", recording], "is the recording itself"),
        (["--save_video", tmp_path / "video.mp4", recording.parent / "other.mp4"], "cannot hold several recordings"),
        (["--blur"], "give both"),
    ):
        code, out, err = emorec("analyze", recording, *options, "--out", tmp_path / "out")
        assert (code, out) == (2, "") and words in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
