"""People never seen in training: what networks say of them, and the calibration that is fitted on it."""

from dataclasses import dataclass, replace

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of, fold
from emorec.inference.timeline import DEFAULT_WINDOW
from emorec.models.calibration import Calibration
from train import calibration
from train.data import datasets
from train.evaluation import predictions
from train.recipes import fusion
from train.recipes.samples import Samples

# Shares of the emotions among the votes on FER+ Train, in the order of EMOTIONS, as the face network learned them
# (train/recipes/face.py: single votes dropped, contempt left out and the rest made to sum to 1).
FACE_SHARES = (0.088, 0.0101, 0.0313, 0.2677, 0.3364, 0.1434, 0.1231)

# Of the bias of faces in recordings. From 0.05 to 0.8 it trades 37 for 32 % of the Javanese clips, actors left out, for
# a recall of 66 to 70 % on faces of the press; their loss is least at 0.1 to 0.4.
FACE_PENALTY = 0.1
PAIRS = 100  # of each emotion, of a clear face and a voice


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """What a calibration is fitted on: raw probabilities (N, 7) and labels (N,) of people never seen in training.

    ``clips`` are real audio-visual ones with raw ``fused`` probabilities; ``voices``, ``faces`` (people in pictures of
    the press and of films) and ``stills`` (pictures chosen for their expression) are (probabilities, labels), voices
    with their fold and the name of their corpus too. ``face_shares`` (7,) are the emotions' shares in the face
    network's training.
    """

    clips: Samples
    fused: np.ndarray
    voices: tuple
    faces: tuple
    stills: tuple
    face_shares: tuple

    def without(self, fold=None, corpus=None):
        """This without the people of a fold and without a corpus of voices."""
        probabilities, truth, folds, corpora = self.voices
        voices = (folds != fold) & (corpora != corpus) if fold is not None else corpora != corpus
        clips = self.clips.fold != fold
        return replace(
            self,
            clips=self.clips.only(clips),
            fused=self.fused[clips],
            voices=tuple(column[voices] for column in self.voices),
        )


def fit_calibration(unseen):
    """The Calibration of every head, and the weights of late fusion, from Unseen people.

    Data sets count alike within an emotion. The bias of faces in recordings is kept small: seven actors decide it.
    """
    clips = unseen.clips
    probabilities, truth, _, corpora = unseen.voices
    groups = np.concatenate([np.full(len(clips), "clips"), np.full(len(unseen.faces[1]), "faces")])
    face = calibration.fit_head(
        *_both((clips.face_probabilities, clips.truth), unseen.faces),
        groups,
        unseen.face_shares,
        bias_penalty=FACE_PENALTY,
    )
    groups = np.concatenate([np.full(len(unseen.stills[1]), "stills"), np.full(len(unseen.faces[1]), "faces")])
    found = Calibration(
        face=face,
        still=calibration.fit_head(*_both(unseen.stills, unseen.faces), groups, unseen.face_shares),
        voice=calibration.fit_head(probabilities, truth, corpora),
        # The fusion network was trained on such clips already; their few labels would only fit noise into a bias.
        fusion=calibration.fit_head(unseen.fused, clips.truth, biased=False),
    )
    paired = pairs(unseen)
    kinds = np.repeat(["clips", "pairs"], [len(clips), len(paired)])
    return calibration.fit_late(found, joined(clips, paired), kinds)


def pairs(unseen):
    """Clear faces beside acted voices of the same emotion, as Samples: they say what a face is worth that is seen well.

    The faces of the audio-visual clips are small and dim. Both are of people never seen, and full evidence.
    """
    random, (faces, shown) = np.random.default_rng(0), unseen.stills
    voices, heard, _, corpora = unseen.voices
    acted = corpora == predictions.VOICE_CORPORA.index("ravdess")
    seen, said, truth = [], [], []
    for emotion in np.intersect1d(shown, heard[acted]):
        seen.append(random.choice(np.flatnonzero(shown == emotion), PAIRS))
        said.append(random.choice(np.flatnonzero(acted & (heard == emotion)), PAIRS))
        truth.append(np.full(PAIRS, emotion))
    seen, said, truth = (np.concatenate([*column, np.zeros(0, int)]) for column in (seen, said, truth))
    nothing, full = np.zeros((len(truth), 0)), np.ones(len(truth))
    return Samples(
        face_features=nothing,
        face_probabilities=faces[seen],
        face_coverage=full,
        voice_features=nothing,
        voice_probabilities=voices[said],
        voice_coverage=full,
        seconds=DEFAULT_WINDOW * full,
        truth=truth,
        fold=np.full(len(truth), datasets.NEVER),
    )


def joined(*samples):
    """Several Samples as one, without their features."""
    names = [name for name in vars(samples[0]) if not name.endswith("_features")]
    columns = {name: np.concatenate([getattr(one, name) for one in samples]) for name in names}
    nothing = np.zeros((len(columns["truth"]), 0))
    return Samples(**columns, face_features=nothing, voice_features=nothing)


def _both(*sets):
    return (np.concatenate(column) for column in zip(*sets, strict=True))


def collected(setting, face_net, nets_of, cross_fit=None):
    """An Unseen of the data, by networks that never met them; ``nets_of(folds)`` gives those of voices.

    ``cross_fit(folds)`` gives the audio-visual clips and their fused probabilities, if they are at hand already.
    """

    def fitted(folds):
        return fusion.cross_fit(setting.data, face_net, nets_of(folds), setting.cache)[1:]

    clips = predictions.clips(setting, lambda: (cross_fit or fitted)(audio_visual_folds()))
    voices = predictions.voices(setting, lambda: nets_of(range(datasets.FOLDS)))
    stills = of_seven(predictions.ferplus(setting, face_net, "valid"))
    faces = predictions.webfaces(setting, face_net, "train")
    return Unseen(
        clips=predictions.as_samples(clips),
        fused=clips["fused"],
        voices=(voices["seven"], voices["truth"], voices["fold"], voices["corpus"]),
        faces=(fold(faces["eight"], datasets.FERPLUS_LABELS), faces["label"]),
        stills=stills[:2],
        face_shares=FACE_SHARES,
    )


def of_seven(pictures):
    """FER+ arrays as probabilities over the seven (N, 7), labels (N,) and agreement (N,), without contempt."""
    native = [emotion_of(label) for label in datasets.FERPLUS_LABELS]
    kept = np.array([native[label] is not None for label in pictures["label"]])
    labels = np.array([EMOTIONS.index(native[label]) for label in pictures["label"][kept]])
    return fold(pictures["eight"][kept], datasets.FERPLUS_LABELS), labels, pictures["agree"][kept] > 0


def audio_visual_folds():
    """Folds that hold out somebody who is seen and heard."""
    return [fold for fold, actors in enumerate(datasets.JAVANESE_FOLDS) if actors]
