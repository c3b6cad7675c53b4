"""Train the bundled speaker network: mouths and sounds of the same moment get vectors that agree.

python -m train.recipes.speaker --data DATA --output FILE [--actors 01,02]

The pictures of a clip and the sound around them are positive pairs, other moments of the same actor are negative ones
(InfoNCE; van den Oord and others, 2018). As all clips of a batch are of one actor, only the movement of the mouth can
tell them apart, not who it is. Only Javanese clips have picture and sound, so there are seven actors; part of
the time a mouth is paired with the same sentence in another voice (``same_sentence``). How well the network works for
people who are left out is measured by ``train.evaluation.who_speaks --left_out``.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from emorec.errors import EmorecError
from emorec.extraction import keyframes
from emorec.face import alignment
from emorec.face.detection import Detector
from emorec.media import sampling, streams
from emorec.media.streams import AudioBlock, Frame
from emorec.models import bundled, speaker
from emorec.models.speaker import DIMENSIONS, FRAMES_PER_STEP, SIDE, SIZE, SpeakerNet
from emorec.voice import features
from train.data.pack import face_detector
from train.recipes import same_sentence
from train.recipes.same_sentence import OtherVoice

ACTORS = "01,02,04,05,06,08,10"
STEPS = 1400
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.05
CLIPS, PICTURES = 8, 28  # of one actor in a batch, and of one clip
PICTURE_RATE, DETECTION_RATE = 30.0, 5.0  # Hz
LONGEST = 208  # frames of log-mel of a clip in a batch
MARGIN = 8  # pixels around the mouth that are kept for moving it
APART = 0.25  # seconds; pictures closer to each other are not told apart
FRAME = 0.016  # seconds of a frame of log-mel
MEL_SCALE = 2.5  # nats, see VoiceFrontEnd.scale
VOCAL_TRACT = 0.1  # standard deviation of the logarithm of a factor on the bands: other voices
OTHER_VOICE_SHARE = 0.4  # share of the clips of a batch that are heard in the voice of somebody else who says the same


@dataclass(frozen=True)
class Clip:
    """``mouths`` (N, 1, H, W) in [0, 1] with margins, their ``times`` (s), and the ``log_mel`` (mels, T).

    ``other_voices`` are other recordings of its sentence.
    """

    actor: str
    mouths: torch.Tensor
    times: torch.Tensor
    log_mel: torch.Tensor
    other_voices: tuple[OtherVoice, ...] = ()


def clips(data: Path, actors: Sequence[str], detector: Detector) -> Iterator[Clip]:
    """The clips of actors. Raises EmorecError if there are none."""
    found = sorted(file for file in (data / "JavaneseAV").rglob("*.mp4") if file.stem.split("-")[0] in actors)
    if not found:
        raise EmorecError(f"{data} has no folder JavaneseAV with videos of {', '.join(actors)}.")
    sounds = {file.stem: features.log_mel(_sound(file)) for file in same_sentence.recordings_of(data, tuple(actors))}
    for file in found:
        frames = [one for one in streams.frames(file, PICTURE_RATE, max_side=320) if isinstance(one, Frame)]
        landmarks = _landmarks(frames, detector)
        if landmarks is None:
            continue
        pairs = zip(frames, landmarks, strict=True)
        crops = [alignment.align(one.luma, marks, SIZE, one.limited) for one, marks in pairs]
        rows, columns = (slice(max(0, part.start - MARGIN), part.stop + MARGIN) for part in speaker.MOUTH)
        mouths = torch.from_numpy(np.stack(crops)[:, rows, columns].copy()).unsqueeze(1).float() / 255
        times = torch.tensor([one.time for one in frames], dtype=torch.float32)
        log_mel = features.log_mel(_sound(file))
        other_voices = same_sentence.find_other_voices(file.stem, log_mel, sounds)
        yield Clip(file.stem.split("-")[0], mouths, times, log_mel, other_voices)


def _landmarks(frames: Sequence[Frame], detector: Detector) -> np.ndarray | None:
    """Landmarks (N, 5, 2) in pixels of every frame, interpolated between those detected as in a recording."""
    bins = np.array([sampling.bin_of(one.time, DETECTION_RATE) for one in frames])
    sampled = [one for one, new in zip(frames, np.diff(bins, prepend=-1), strict=True) if new]
    times, marks = [], []
    for frame, found in keyframes.detect(sampled, detector, DETECTION_RATE):
        if found:
            largest = max(found, key=lambda face: float(np.prod(face.box[2:])))
            full = np.array(frame.luma.shape[1::-1], np.float32) / np.array(frame.image.shape[1::-1], np.float32)
            times.append(frame.time)
            marks.append((largest.landmarks * full).ravel())
    if len(times) < 2:
        return None
    columns = [np.interp([one.time for one in frames], times, column) for column in np.stack(marks, axis=1)]
    return np.stack(columns, axis=1).reshape(-1, 5, 2)


def _sound(file: Path) -> np.ndarray:
    blocks = [one for one in streams.audio(file) if isinstance(one, AudioBlock)]
    begins = [round(one.time * 16_000) for one in blocks]
    samples = np.zeros(max(begin + len(one.samples) for begin, one in zip(begins, blocks, strict=True)), np.float32)
    for begin, one in zip(begins, blocks, strict=True):
        samples[begin : begin + len(one.samples)] = one.samples
    return samples[: len(samples) // 4096 * 4096]


def augment_mouths(mouths: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Mouths with margins (N, 1, H, W), moved, blurred, lit and noisy -> (N, 1, SIDE, SIDE)."""
    count, _, height, width = mouths.shape
    if generator.random() < 0.4:
        share = generator.uniform(0.35, 1)
        mouths = F.interpolate(F.interpolate(mouths, scale_factor=share, mode="area"), (height, width), mode="bilinear")
    mouths = mouths.clamp(0.001, 1) ** float(np.exp(generator.normal(0, 0.3)))
    slope = torch.linspace(-1, 1, width) if generator.random() < 0.5 else torch.linspace(-1, 1, height)[:, None]
    mouths = mouths * (1 + generator.normal(0, 0.2) * slope)
    angle, zoom = torch.randn(count) * 0.05, 1 + torch.randn(count) * 0.05
    flip = -1.0 if generator.random() < 0.5 else 1.0
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = zoom * angle.cos() * flip * SIDE / width, -zoom * angle.sin() * SIDE / width
    matrix[:, 1, 0], matrix[:, 1, 1] = zoom * angle.sin() * flip * SIDE / height, zoom * angle.cos() * SIDE / height
    matrix[:, 0, 2] = torch.randn(count) * 0.04
    # The crop ends below the chin, so there is a margin above only.
    matrix[:, 1, 2] = 1 - SIDE / height + torch.randn(count) * 0.04
    grid = F.affine_grid(matrix, [count, 1, SIDE, SIDE], align_corners=False)
    moved = F.grid_sample(mouths, grid, padding_mode="border", align_corners=False)
    return moved + torch.randn_like(moved) * 0.015 * generator.random()


def augment_sound(log_mel: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Log-mel (mels, T) of another voice, through another microphone, in noise, and with some bands missing."""
    mels, length = log_mel.shape
    bands = (torch.arange(mels) * float(np.exp(generator.normal(0, VOCAL_TRACT)))).clamp(0, mels - 1.001)
    low = bands.floor().long()
    share = (bands - low)[:, None]
    log_mel = log_mel[low] * (1 - share) + log_mel[low + 1] * share
    log_mel = log_mel + torch.randn(mels, 1) * 0.1 + torch.randn(mels, length) * 0.1
    if generator.random() < 0.5:
        noise = generator.uniform(-6, -1.5) + torch.randn(mels, 1).cumsum(0) * 0.15 + torch.randn(mels, length) * 0.5
        log_mel = torch.logaddexp(log_mel * MEL_SCALE, noise) / MEL_SCALE
    if generator.random() < 0.5:
        first = int(generator.integers(0, mels - 12))
        log_mel[first : first + 12] = 0
    return log_mel


def interpolate(steps: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
    """Vectors of sound (DIMENSIONS, steps) at times (N,) in s from their start: (N, DIMENSIONS)."""
    at = ((times / FRAME - 0.5) / FRAMES_PER_STEP).clamp(0, steps.shape[1] - 1.001)
    low = at.floor().long()
    share = (at - low)[:, None]
    return steps[:, low].T * (1 - share) + steps[:, low + 1].T * share


def loss_of(net: SpeakerNet, batch: Sequence[Clip], generator: np.random.Generator) -> torch.Tensor:
    """InfoNCE in both directions over some pictures of every clip of a batch."""
    length = min(LONGEST, min(clip.log_mel.shape[1] for clip in batch) // 16 * 16)
    mouths, sounds, times = [], [], []
    for clip in batch:
        log_mel = clip.log_mel
        if clip.other_voices and generator.random() < OTHER_VOICE_SHARE:
            log_mel = clip.other_voices[int(generator.integers(len(clip.other_voices)))].at_times_of_clip()
        first = FRAMES_PER_STEP * int(generator.integers(0, (clip.log_mel.shape[1] - length) // FRAMES_PER_STEP + 1))
        begin = first * FRAME
        inside = np.flatnonzero((clip.times > begin) & (clip.times < begin + length * FRAME))
        chosen = np.sort(generator.choice(inside, PICTURES, replace=len(inside) < PICTURES))
        mouths.append(augment_mouths(clip.mouths[chosen], generator))
        sounds.append(augment_sound(log_mel[:, first : first + length], generator))
        # Picture and sound of real recordings are not quite in step.
        times.append(clip.times[chosen] - begin + generator.normal(0, 0.03))
    seen = net.mouth(torch.cat(mouths)).reshape(len(batch), PICTURES, DIMENSIONS)
    seen = (seen - seen.mean(dim=1, keepdim=True)).reshape(-1, DIMENSIONS)
    steps = net.sound(torch.stack(sounds))
    heard = torch.cat([interpolate(one, at) for one, at in zip(steps, times, strict=True)])
    logits, moments = seen @ heard.T, torch.cat(times)
    clip_of = torch.arange(len(batch)).repeat_interleave(PICTURES)
    near = (clip_of[:, None] == clip_of) & ((moments[:, None] - moments).abs() < APART)
    near.fill_diagonal_(False)
    logits, right = logits.masked_fill(near, -1e4), torch.arange(len(moments))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def fit(
    training: Sequence[Clip], steps: int = STEPS, seed: int = 0, report: Callable[[str], None] = print
) -> SpeakerNet:
    """Train a network on clips, each batch of another actor in turn; other voices are only those of these actors."""
    torch.manual_seed(seed)
    generator, net = np.random.default_rng(seed), SpeakerNet()
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps)
    actors = sorted({clip.actor for clip in training})
    training = [
        replace(clip, other_voices=tuple(one for one in clip.other_voices if one.actor in actors)) for clip in training
    ]
    for step in range(steps):
        own = [clip for clip in training if clip.actor == actors[step % len(actors)]]
        batch = [own[index] for index in generator.choice(len(own), min(CLIPS, len(own)), replace=False)]
        loss = loss_of(net, batch, generator)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            report(f"step {step + 1}: loss {loss.item():.3f}, by chance {np.log(CLIPS * PICTURES):.3f}")
    return net.eval()


def main(arguments: list[str] | None = None) -> None:
    """Train and write the weights as float16."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--output", type=Path, required=True, help="the safetensors file to write")
    parser.add_argument("--actors", default=ACTORS, help="whose clips to train on, with commas between them")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    net = fit([*clips(asked.data, asked.actors.split(","), face_detector())], asked.steps, asked.seed)
    bundled.write(net, asked.output)
    print(f"{asked.output}: {os.path.getsize(asked.output):,} bytes")


if __name__ == "__main__":
    main()
