"""Calibration on held-out people: their predictions, and the fit of every head and of late fusion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from emorec.emotions import EMOTIONS, emotion_of, fold
from emorec.inference.fusion import softmax
from emorec.inference.timeline import DEFAULT_WINDOW
from emorec.models.calibration import Calibration, HeadCalibration
from emorec.models.networks import FaceNet, VoiceNet
from train import calibration
from train.data import datasets
from train.evaluation import predictions, voice_predictions
from train.recipes import fusion, voice_baseline
from train.recipes.samples import Samples

# Shares of the emotions among the votes on FER+ Train, in the order of EMOTIONS, as the face network learned them
# (train/recipes/face.py: single votes dropped, contempt left out and the rest made to sum to 1).
FACE_SHARES = (0.088, 0.0101, 0.0313, 0.2677, 0.3364, 0.1434, 0.1231)

# Penalty of the bias of faces in recordings. From 0.05 to 0.8 accuracy on the Javanese clips, actors left out, falls
# from 37 to 32 %, and recall on faces of the press rises from 66 to 70 %; the loss is least at 0.1 to 0.4.
FACE_PENALTY = 0.1
PAIRS = 100  # of each emotion, of a clear face and a voice


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """Data for fitting a calibration: raw probabilities (N, 7) and labels (N,) of held-out people.

    ``clips`` are audio-visual ones with raw ``fused`` probabilities; ``voices``, ``faces`` (people in pictures of the
    press and of films, each read from one view, as in recordings), ``press`` (the same, read as still pictures) and
    ``stills`` (pictures chosen for their expression) are (probabilities, labels), voices also
    with their fold and their corpus. ``relative`` has the same columns as ``voices``, for voices
    relative to their speaker's baseline (NaN without one); it is None for a network without that head. ``face_shares``
    (7,) are the emotions' shares in the face network's training. ``clip_people`` and ``voice_people`` number the person
    of every clip and voice of the whole data; None if they are unknown.
    """

    clips: Samples
    fused: np.ndarray
    voices: tuple
    faces: tuple
    press: tuple
    stills: tuple
    face_shares: tuple
    relative: tuple | None = None
    clip_people: np.ndarray | None = None
    voice_people: np.ndarray | None = None

    def without(self, fold: int | None = None, corpus: int | None = None) -> Unseen:
        """The same data without the people of a fold and without a corpus of voices."""
        _, _, folds, corpora = self.voices
        voices = (folds != fold) & (corpora != corpus) if fold is not None else corpora != corpus
        clips = self.clips.fold != fold
        return replace(
            self,
            clips=self.clips.only(clips),
            fused=self.fused[clips],
            voices=tuple(column[voices] for column in self.voices),
            relative=self.relative and tuple(column[voices] for column in self.relative),
            clip_people=None,  # nothing is fitted to them
            voice_people=None,
        )


def fit_calibration(unseen: Unseen) -> Calibration:
    """The Calibration of every head, and the weights of late fusion, fitted on Unseen people.

    Data sets count alike within an emotion. The bias of faces in recordings has a larger penalty: it depends on seven
    actors.
    """
    clips = unseen.clips
    voice, relative = fit_voice(unseen)
    groups = np.concatenate([np.full(len(clips), "clips"), np.full(len(unseen.faces[1]), "faces")])
    probabilities_of_faces, truth_of_faces = _both((clips.face_probabilities, clips.truth), unseen.faces)
    face = calibration.fit_head(
        probabilities_of_faces, truth_of_faces, groups, unseen.face_shares, bias_penalty=FACE_PENALTY
    )
    groups = np.concatenate([np.full(len(unseen.stills[1]), "stills"), np.full(len(unseen.press[1]), "press")])
    probabilities_of_stills, truth_of_stills = _both(unseen.stills, unseen.press)
    found = Calibration(
        face=face,
        still=calibration.fit_head(probabilities_of_stills, truth_of_stills, groups, unseen.face_shares),
        voice=voice,
        relative=relative,
        # The fusion network was trained on such clips already; their few labels would only fit noise into a bias.
        fusion=calibration.fit_head(unseen.fused, clips.truth, biased=False),
    )
    paired = pairs(unseen)
    kinds = np.repeat(["clips", "pairs"], [len(clips), len(paired)])
    return calibration.fit_late(found, concatenate(clips, paired), kinds)


def fit_voice(unseen: Unseen) -> tuple[HeadCalibration, HeadCalibration]:
    """The calibrations of the heads for single windows and relative to the speaker, fitted on Unseen people."""
    probabilities, truth, _, corpora = unseen.voices
    voice = calibration.fit_head(probabilities, truth, corpora)
    if unseen.relative is None:
        return voice, HeadCalibration()
    probabilities, truth, _, corpora = unseen.relative
    return voice, calibration.fit_head(probabilities, truth, corpora)


def pairs(unseen: Unseen) -> Samples:
    """Pairs of a clear face and an acted voice of the same emotion, with full evidence, for the weights of late fusion.

    The faces of the audio-visual clips alone are small and dim. All are of held-out people.
    """
    random, (faces, face_truth) = np.random.default_rng(0), unseen.stills
    voices, voice_truth, _, corpora = unseen.voices
    acted = corpora == voice_predictions.VOICE_CORPORA.index("ravdess")
    face_rows, voice_rows, truth = [], [], []
    for emotion in np.intersect1d(face_truth, voice_truth[acted]):
        face_rows.append(random.choice(np.flatnonzero(face_truth == emotion), PAIRS))
        voice_rows.append(random.choice(np.flatnonzero(acted & (voice_truth == emotion)), PAIRS))
        truth.append(np.full(PAIRS, emotion))
    face_rows, voice_rows, truth = (
        np.concatenate([*column, np.zeros(0, int)]) for column in (face_rows, voice_rows, truth)
    )
    nothing, full = np.zeros((len(truth), 0)), np.ones(len(truth))
    return Samples(
        face_features=nothing,
        face_probabilities=faces[face_rows],
        face_coverage=full,
        voice_features=nothing,
        voice_probabilities=voices[voice_rows],
        voice_coverage=full,
        seconds=DEFAULT_WINDOW * full,
        truth=truth,
        fold=np.full(len(truth), datasets.NEVER),
    )


def concatenate(*samples: Samples) -> Samples:
    """Several Samples concatenated, without their features."""
    names = [name for name in vars(samples[0]) if not name.endswith("_features")]
    columns = {name: np.concatenate([getattr(one, name) for one in samples]) for name in names}
    nothing = np.zeros((len(columns["truth"]), 0))
    return Samples(**columns, face_features=nothing, voice_features=nothing)


def _both(*sets: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    probabilities, truth = (np.concatenate(column) for column in zip(*sets, strict=True))
    return probabilities, truth


def collect(
    setting: predictions.Setting,
    face_net: FaceNet,
    nets_of: Callable[[Iterable[int]], dict[int, VoiceNet]],
    cross_fit: Callable[[Iterable[int]], tuple] | None = None,
    layer_of: Callable[[VoiceNet, int], nn.Linear] | None = None,
) -> Unseen:
    """The Unseen of the data, predicted out of fold; ``nets_of(folds)`` returns the voice networks.

    ``cross_fit(folds)`` returns the audio-visual clips and their fused probabilities, if they were computed already.
    ``layer_of(net, fold)`` returns the layer relative to the speaker of a voice network; None if it has none.
    """

    def fitted(folds: Iterable[int]) -> tuple:
        return fusion.cross_fit(setting.data_folder, face_net, nets_of(folds), setting.cache)[1:]

    clips = predictions.clips(setting, lambda: (cross_fit or fitted)(audio_visual_folds()))
    voices = voice_predictions.voices(setting, lambda: nets_of(range(datasets.FOLDS)))
    stills = of_seven(predictions.ferplus(setting, face_net, "valid"))
    faces = predictions.webfaces(setting, face_net, "train")
    return Unseen(
        clips=predictions.as_samples(clips),
        fused=clips["fused"],
        voices=(voices["seven"], voices["truth"], voices["fold"], voices["corpus"]),
        faces=(fold(faces["single"], datasets.FERPLUS_LABELS), faces["label"]),
        press=(fold(faces["eight"], datasets.FERPLUS_LABELS), faces["label"]),
        stills=stills[:2],
        face_shares=FACE_SHARES,
        relative=_relative(setting, voices, lambda: nets_of(range(datasets.FOLDS)), layer_of) if layer_of else None,
        clip_people=clips.get("person"),
        voice_people=voices.get("person"),
    )


def _relative(
    setting: predictions.Setting,
    voices: predictions.Arrays,
    nets: Callable[[], dict[int, VoiceNet]],
    layer_of: Callable[[VoiceNet, int], nn.Linear],
) -> tuple:
    """The columns of ``Unseen.relative``; each speaker's baseline is the mean of all that was heard of the speaker."""
    said = voice_predictions.speakers(setting, nets, layer_of)
    offset, known = voice_baseline.relative(said["unbiased"], said["truth"], said["person"])
    probabilities = softmax(offset + said["bias"])
    probabilities[~known] = np.nan
    return (probabilities, voices["truth"], voices["fold"], voices["corpus"])


def of_seven(pictures: predictions.Arrays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """FER+ arrays as probabilities over the seven (N, 7), labels (N,) and agreement (N,), without contempt."""
    native = [emotion_of(label) for label in datasets.FERPLUS_LABELS]
    selected = np.array([native[label] is not None for label in pictures["label"]])
    labels = np.array([EMOTIONS.index(native[label]) for label in pictures["label"][selected]])
    return fold(pictures["eight"][selected], datasets.FERPLUS_LABELS), labels, pictures["agree"][selected] > 0


def audio_visual_folds() -> list[int]:
    """Folds that hold out people of audio-visual clips."""
    return [fold for fold, actors in enumerate(datasets.JAVANESE_FOLDS) if actors]
