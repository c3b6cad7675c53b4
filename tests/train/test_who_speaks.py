"""The training of the speaker network and the recordings it is measured on, with made clips."""

from dataclasses import replace

import numpy as np
import torch

from emorec.extraction.spoken import OFF_SCREEN, UNSURE
from emorec.models.speaker import SIDE
from train.evaluation import composed, who_speaks
from train.evaluation.composed import Clip, Shot
from train.recipes import same_sentence
from train.recipes import speaker as recipe

FRAMES, LENGTH = 208, 3.3  # of log-mel, and seconds of a clip


def talking(actor, seed):
    """A clip whose mouth opens, as a dark bar, as loud as its sound is."""
    random = np.random.default_rng(seed)
    loud = np.repeat(random.random(FRAMES // 16), 16)
    log_mel = torch.from_numpy(loud[None] * 3 - 2 + random.normal(0, 0.05, (64, FRAMES))).float()
    times = torch.arange(0.1, LENGTH - 0.2, 1 / 30)
    side = SIDE + recipe.MARGIN
    mouths = torch.full((len(times), 1, side, side + recipe.MARGIN), 0.8)
    for picture, time in zip(mouths, times, strict=True):
        half = 1 + int(7 * loud[int(time / recipe.FRAME)])
        picture[0, side // 2 - half : side // 2 + half, 8:-8] = 0.1
    return recipe.Clip(actor, mouths, times, log_mel)


def fit_of(net, clip, heard):
    """The mean inner product of the mouths of a clip, less their mean, and the sound of another one."""
    with torch.inference_mode():
        pictures = clip.mouths[:, :, -SIDE:, recipe.MARGIN : recipe.MARGIN + SIDE]
        seen = net.mouth(pictures)
        steps = net.sound(heard.log_mel.unsqueeze(0))[0]
        return float(((seen - seen.mean(dim=0)) * recipe.interpolate(steps, clip.times)).sum(dim=1).mean())


def test_the_network_learns_which_sound_belongs_to_a_mouth():
    training = [talking(actor, 10 * number + seed) for number, actor in enumerate("ab") for seed in range(4)]
    lines = []
    net = recipe.fit(training, steps=100, report=lines.append)
    assert len(lines) == 1 and lines[0].startswith("step 100: loss ")
    new = [talking("c", 100 + seed) for seed in range(4)]
    own = [fit_of(net, clip, clip) for clip in new]
    other = [fit_of(net, clip, new[number - 1]) for number, clip in enumerate(new)]
    assert min(own) > max(other) + 0.5


def test_another_voice_has_its_formants_elsewhere():
    class Raised:
        """Draws twice the bands at the spread that is used, and nothing else."""

        def normal(self, _, spread):
            return spread * np.log(2) / 0.1

        def random(self):
            return 1.0

    log_mel = torch.zeros(64, 16)
    log_mel[20] = 5.0
    spoiled = recipe.augment_sound(log_mel, Raised())
    assert int(spoiled.mean(dim=1).argmax()) == 10


def moments(stretch):
    """Where in a sentence of 24 sounds its frames are, said evenly, or slower in its second half."""
    return np.append(np.arange(0, 12, 0.2), np.arange(12, 23, 0.2 / stretch))


def sentence(seed, stretch=1.0):
    """Log-mel (64, T) of a made sentence."""
    sounds = np.random.default_rng(seed).normal(0, 0.3, (64, 24)).cumsum(axis=0)
    return torch.from_numpy(np.stack([np.interp(moments(stretch), np.arange(24), band) for band in sounds])).float()


def test_the_same_sentence_of_somebody_slower_is_paired_frame_by_frame():
    clip, slower = sentence(1), sentence(1, stretch=1.5)
    (frames,), _ = same_sentence.align(same_sentence._cepstrum(clip), [same_sentence._cepstrum(slower)])
    assert (np.diff(frames) >= 0).all()
    assert np.abs(moments(1.5)[frames] - moments(1.0)).max() < 0.5
    other = same_sentence.OtherVoice("b", slower, torch.from_numpy(frames))
    assert (other.at_times_of_clip() - clip).abs().mean() < 0.3 < (slower[:, : clip.shape[1]] - clip).abs().mean()


def test_only_the_best_of_the_same_sentence_of_others_is_used():
    sounds = {f"0{actor}-01-01_0{take}": sentence(1, stretch=1 + take / 10) for actor in (1, 2) for take in (1, 2, 3)}
    sounds |= {"02-02-01_01": sentence(2), "01-01-01_01": sentence(1), "02-01-06_01": sentence(3)}
    found = same_sentence.find_other_voices("01-01-01_01", sentence(1), sounds)
    assert len(found) == 3 and {one.actor for one in found} == {"01", "02"}  # half of six
    assert not any(
        one.log_mel is sounds[name] for one in found for name in ("01-01-01_01", "02-02-01_01", "02-01-06_01")
    )
    assert same_sentence.find_other_voices("01-09-01_01", sentence(1), sounds) == ()


def test_nobody_who_is_left_out_is_heard_in_training(monkeypatch):
    def of(actor):
        return same_sentence.OtherVoice(actor, torch.zeros(64, 4), torch.zeros(FRAMES, dtype=torch.long))

    heard = set()
    monkeypatch.setattr(recipe, "OTHER_VOICE_SHARE", 1.0)
    monkeypatch.setattr(
        same_sentence.OtherVoice, "at_times_of_clip", lambda one: heard.add(one.actor) or torch.zeros(64, FRAMES)
    )
    training = [replace(talking(actor, 5), other_voices=(of("a"), of("b"), of("left out"))) for actor in "ab"]
    recipe.fit(training, steps=20, report=lambda _: None)
    assert heard == {"a", "b"}


def made(length, seed):
    images = [np.full((8, 12, 3), seed, np.uint8)] * length
    return Clip(images, np.full(round(length / who_speaks.FRAME_RATE * composed.RATE), seed, np.float32))


def test_composed_recordings_tell_where_the_voice_comes_from():
    actors = {"a": [made(30, 1), made(45, 2)], "b": [made(36, 11), made(60, 12)]}
    kinds = {}
    for name, shots in composed.recordings(actors, count=2):
        kinds[name] = kinds.get(name, 0) + 1
        for shot in shots:
            assert len(shot.samples) == round(len(shot.images) / who_speaks.FRAME_RATE * composed.RATE)
            if shot.speaker is None:
                assert "off screen" in name or "then a voice" in name
            elif shot.speaker != 0.5:  # two side by side: the half of the one who speaks is of the same actor
                half = shot.images[0][:, :12] if shot.speaker == 0.25 else shot.images[0][:, 12:]
                assert (half[0, 0, 0] < 10) == (shot.samples[0] < 10)
    assert len(kinds) == 12 and set(kinds.values()) == {2}


class Given:
    """Features with a face at the left (person 0) and one at the right (person 1), and five hops of speech."""

    arrays = {
        "face_time": np.repeat(np.arange(0, 2, 0.2), 2),
        "face_person": np.tile([0, 1], 10),
        "face_box": np.tile([[0.1, 0.3, 0.2, 0.3], [0.6, 0.3, 0.3, 0.3]], (10, 1)),
        "voice_time": np.array([0.2, 0.6, 1.0, 1.4, 1.8]),
        "voice_speech": np.array([1.0, 1.0, 1.0, 1.0, 0.2]),
        "voice_person": np.array([0, 1, UNSURE, OFF_SCREEN, 0]),
    }


def test_hops_are_counted_as_right_unsure_or_wrong():
    shot = Shot([None] * 60, np.zeros(0), 0.25)
    assert who_speaks.count_hops(Given, [shot]).tolist() == [1, 1, 2]
    assert who_speaks.count_hops(Given, [Shot(shot.images, shot.samples, None)]).tolist() == [1, 1, 2]
    assert who_speaks.count_hops(Given, [Shot(shot.images, shot.samples, 0.75)]).tolist() == [1, 1, 2]


def test_kinds_are_summed_by_where_the_speaker_is():
    lines = []
    counts = {"own voice, one clip": np.array([8, 1, 1]), "off screen: over a face": np.array([1, 0, 3])}
    who_speaks.show(counts, lines.append)
    assert [line.split("  ")[0] for line in lines] == [*counts, "all in view", "all off screen"]
    assert "right 80.0%, unsure 10.0%, wrong 10.0% of 10 hops" in lines[2]
    assert "right 25.0%, unsure 0.0%, wrong 75.0% of 4 hops" in lines[3]
