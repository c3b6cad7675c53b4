"""The voice network's listener: a second trunk that learns what published speech encoders hear, and no emotion.

The trunk that learns emotions knows its actors by heart within an hour of training. This one is taught to say of each
hop what two encoders of thousands of voices say of it (distillation; Hinton et al., 2015), then also to judge as a
linear layer on top of the encoders does. A linear layer on its features is enough
(train/recipes/merging.py), and such a layer can hardly overfit.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from emorec.models.networks import listener, pooled
from emorec.voice.features import VoiceFrontEnd
from train import loop
from train.data import augment, datasets, pack
from train.recipes import regression, teachers, voice

SCHEDULE = loop.Schedule(epochs=10, lr=3e-3, batch_size=32, weight_decay=0.02, warm_up=0.1, ema_epochs=2.0)
JUDGING_SCHEDULE = loop.Schedule(epochs=3, lr=1e-3, batch_size=32, weight_decay=0.02, ema_epochs=2.0, seed=1)
HOPS = 12  # 3.07 s
# Every recording is also heard slower and faster (a seed and factors each), as if more people spoke.
SPEEDS = (None, (93, (0.8, 0.84, 0.88, 0.92)), (126, (1.08, 1.12, 1.16, 1.2, 1.25)))
SHARES = {"ravdess": 0.4, "ased": 0.28, "nemo": 0.2, "javanese": 0.12}  # of what is drawn; ASED has most people
JUDGING_SHARES = {"ravdess": 0.5, "ased": 0.225, "nemo": 0.175, "javanese": 0.1}
ITEMS = 15_000  # drawn in what is called an epoch here
SPOKEN = 0.3  # probability of speech from which on the teachers are asked about a hop
JUDGE_DECAY = 0.15  # of the layer that judges by the teachers' words, see regression.fit
DROPOUT = 0.2  # of what the listener judges by


class Pupil(nn.Module):
    """A listener, the layer by which it says its teachers' words, and the one by which it judges as they would."""

    def __init__(self, words):
        super().__init__()
        size = voice.LISTENER["listener_embedding"]
        self.listener = listener(voice.with_listener())
        self.say = nn.Linear(size, words)
        self.judge = nn.Linear(2 * size, len(datasets.RAVDESS_LABELS))

    def forward(self, log_mel):
        """Log-mel (N, n_mels, T) -> what is heard in each hop (N, T / 16, D)."""
        log_mel = log_mel.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        return self.listener(log_mel).float().squeeze(2).transpose(1, 2)


class Lessons:
    """Random windows of clips around their speech, with the teachers' words on each hop."""

    def __init__(self, clips, words, weights, batch_size):
        self.clips, self.words, self.batch_size = clips, words, batch_size
        self.weights = weights / weights.sum()

    def __len__(self):
        return ITEMS // self.batch_size

    def __call__(self, epoch, generator):
        rows = generator.choice(len(self.clips), size=len(self) * self.batch_size, p=self.weights)
        for part in rows.reshape(-1, self.batch_size):
            windows = [voice.window(*self.clips[row], generator, HOPS, self.words[row]) for row in part]
            columns = zip(*windows, strict=True)
            log_mel, speech, words = (torch.from_numpy(np.stack(column)).float() for column in columns)
            yield augment.rooms(log_mel), speech, words


@dataclass(frozen=True)
class School:
    """Every recording at every speed, what the teachers say of it, and who is inside and outside a fold."""

    items: list
    copies: list  # of [clip for each item]
    words: list  # of [(hops, words) for each item]
    inside: np.ndarray
    outside: np.ndarray  # of RAVDESS alone

    @classmethod
    def open(cls, data, cache, fold):
        """Raises EmorecError where the teachers' packages are missing."""
        items = datasets.voices(data)
        places, ravdess = datasets.fold_of(items), np.array([item.corpus == "ravdess" for item in items])
        copies = [pack.voice_clips(items, VoiceFrontEnd(), cache, speeds) for speeds in SPEEDS]
        words = scaled([words_of(items, cache, speeds) for speeds in SPEEDS])
        return cls(items, copies, words, np.flatnonzero(places != fold), np.flatnonzero((places == fold) & ravdess))

    def lessons(self, shares, batch_size):
        corpora = np.array([self.items[row].corpus for row in self.inside])
        weights = np.array([shares[corpus] / (corpora == corpus).sum() for corpus in corpora])
        clips = [clips[row] for clips in self.copies for row in self.inside]
        words = [words[row] for words in self.words for row in self.inside]
        return Lessons(clips, words, np.tile(weights, len(SPEEDS)), batch_size)

    def explained(self, pupil):
        """The share of the words' variance that a pupil says of people whom it never heard; {} where there are none."""
        if not len(self.outside):
            return {}
        missed = [distance(pupil, self.copies[0][row], self.words[0][row]) for row in self.outside]
        return {"explained": round(1 - float(np.mean(np.concatenate(missed))), 4)}

    def judge(self):
        """A linear layer on the pooled words of a recording that names RAVDESS's labels, fitted on people inside."""
        labels = voice.targets_of(self.items)[:, 1]
        rows = [row for row in self.inside if labels[row] != voice.ABSENT]
        told = [
            pool(*(torch.from_numpy(part).float().unsqueeze(0) for part in (words[row], clips[row][1])))[0].numpy()
            for words, clips in zip(self.words, self.copies, strict=True)
            for row in rows
        ]
        targets = np.tile(labels[rows], len(SPEEDS)).astype(np.int64)
        shape = (len(targets), 2 * self.words[0][0].shape[1])
        features = np.array(told, np.float32).reshape(shape)
        return regression.fit(features, targets, np.ones(len(targets)), len(datasets.RAVDESS_LABELS), JUDGE_DECAY)

    def settings(self):
        persons = sorted({self.items[row].person for row in self.inside})
        return {"task": "listener", "items": len(self.inside), "persons": persons}


def train(data, runs, cache, fold, schedule=SCHEDULE, device="cpu", resume=False):
    """Teach a listener the words of everybody outside ``fold``, in RUNS/listener-FOLD; logs how much of them it says of
    the fold's people in RAVDESS. Raises EmorecError where the teachers' packages are missing."""
    school = School.open(data, cache, fold)
    pupil = Pupil(teachers.WORDS)
    lessons, folder = school.lessons(SHARES, schedule.batch_size), runs / run_of(fold)
    return loop.fit(
        pupil, lessons, distance_of, schedule, folder, school.explained, device, resume, folder.name, school.settings()
    )


def refine(data, runs, cache, fold, schedule=JUDGING_SCHEDULE, device="cpu", resume=False):
    """Teach the finished listener of ``fold`` also to judge by what it hears in a window as a linear layer on its
    teachers' words there does, in RUNS/listener-FOLD-judging."""
    school = School.open(data, cache, fold)
    pupil = loop.averaged(runs / run_of(fold), Pupil(teachers.WORDS))
    judge = school.judge().to(device)

    def loss_of(net, batch):
        _, speech, words = batch
        heard = net(batch[0])
        wanted = judge(pool(words, speech)).softmax(1)
        judged = net.judge(F.dropout(pool(heard, speech), DROPOUT, net.training))
        return missed(net.say(heard), words, speech) + F.cross_entropy(judged.float(), wanted)

    lessons, folder = school.lessons(JUDGING_SHARES, schedule.batch_size), runs / judging_of(fold)
    return loop.fit(
        pupil, lessons, loss_of, schedule, folder, school.explained, device, resume, folder.name, school.settings()
    )


def trained(runs, fold):
    """The finished listener of ``fold``."""
    return loop.averaged(runs / judging_of(fold), Pupil(teachers.WORDS)).listener


def run_of(fold):
    """The name of the folder that ``train`` trains in."""
    return f"listener-{fold}"


def judging_of(fold):
    """The name of the folder that ``refine`` trains in."""
    return f"listener-{fold}-judging"


def distance_of(net, batch):
    """The loss of ``train``."""
    log_mel, speech, words = batch
    return missed(net.say(net(log_mel)), words, speech)


def missed(said, words, speech):
    """Mean squared distance of what is said from the teachers' words (N, H, words), over hops that hold speech."""
    spoken = (speech > SPOKEN).unsqueeze(2)
    return ((said.float() - words).square() * spoken).sum() / (spoken.sum() * words.shape[2]).clamp_min(1)


def pool(values, speech):
    """Mean and deviation of values (N, H, D) over hops weighted by speech (N, H), as VoiceNet pools a listener's."""
    return pooled([(values, speech.clamp_min(voice.SILENT))])


@torch.inference_mode()
def distance(net, clip, words):
    """Mean squared distance for each hop of a clip that holds speech."""
    log_mel, speech = (torch.from_numpy(part).float().to(next(net.parameters()).device) for part in clip)
    said = net.say(net(log_mel.unsqueeze(0)))[0].cpu()
    return (said - torch.from_numpy(words).float()).square().mean(1)[speech.cpu() > SPOKEN].numpy()


def words_of(items, cache, speeds=None):
    """What the teachers hear in every recording: float16 (hops, words) each."""
    front_end = VoiceFrontEnd()

    def heard():
        said = [teachers.features(samples, front_end.hop) for samples in pack.played(items, front_end, speeds)]
        return {"words": np.concatenate(said), "hops": np.array([len(words) for words in said])}

    packed = pack.cached(cache, "words", items, pack.settings_of(front_end, speeds), heard)
    return np.split(packed["words"], np.cumsum(packed["hops"])[:-1])


def scaled(copies):
    """Words of no mean and unit deviation over the first of the copies of all recordings.

    A fold's people are among these, some three hops in a hundred; no label is looked at.
    """
    everything = np.concatenate(copies[0]).astype(np.float32)
    mean, spread = everything.mean(0), everything.std(0) + 1e-3
    return [[((words - mean) / spread).astype(np.float16) for words in copy] for copy in copies]
