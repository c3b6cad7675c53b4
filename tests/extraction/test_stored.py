"""Stored features that are read by their key give the same timeline, without the recording."""

import numpy as np
import pytest

import emorec
from emorec.errors import EmorecError
from emorec.extraction import storing
from emorec.extraction.options import Settings
from support import make_tracks


@pytest.mark.parametrize("settings", [Settings(), Settings(start=2.0, end=6.0), Settings(channel="split")])
def test_features_are_the_same_after_the_recording_is_gone(tmp_path, settings):
    sound = np.stack([make_tracks.speech(8), make_tracks.tone(8)])
    recording = make_tracks.record_tracks(tmp_path / "sound.wav", [sound])
    analyzer = emorec.load()
    *_, extracted = analyzer.extract(recording, tmp_path / "cache", settings)
    recording.unlink()
    found = storing.load(extracted.key, "sound.wav", analyzer.model, tmp_path / "cache")
    before, after = analyzer.infer(extracted), analyzer.infer(found)
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    assert (found.media, found.notes, found.complete) == (extracted.media, extracted.notes, True)
    assert (after.duration, found.fingerprint) == (before.duration, analyzer.model.fingerprint)

    analyzer.forget_key(extracted.key, tmp_path / "cache")
    with pytest.raises(EmorecError, match="is not stored any more"):
        storing.load(extracted.key, "sound.wav", analyzer.model, tmp_path / "cache")
