"""The example clip of the page."""

import pytest

from emorec.analyzer import Analyzer
from emorec.media.streams import probe
from emorec.models import checkpoint, pretrained
from emorec.ui import example


def test_the_example_has_a_face_then_a_voice_and_ends_without_evidence(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path))
    file = example.clip()
    info = probe(file)
    assert info.has_video and info.has_audio
    assert info.duration == pytest.approx(example.SECONDS, abs=0.3)
    assert file.stat().st_size < 400_000
    assert example.clip() == file and [path.name for path in file.parent.iterdir()] == [example.NAME]
    model = checkpoint.load(pretrained.BUNDLED)
    analyzer = Analyzer(model, pretrained.face_detector_file())
    *_, seen = analyzer.extract(file)
    timeline = analyzer.infer(seen)
    assert not timeline.known[-1]
    assert timeline.face_coverage[: int(example.FACE_GONE) - 1].min() > 0.9
    # The lips of a portrait do not move, so the voice counts only once the face is gone.
    assert timeline.speech_coverage[: int(example.FACE_GONE) - 1].max() == 0
    assert timeline.speech_coverage[int(example.FACE_GONE) + 2 : 10].min() > 0.5
