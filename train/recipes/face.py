"""The face CNN's recipe: FER+ with the spread of its votes as soft labels."""

import numpy as np
import torch
from torch.nn import functional as F

from emorec.models.config import FaceConfig
from emorec.models.networks import FaceNet
from train import loop
from train.data import augment, datasets, pack

SCHEDULE = loop.Schedule(epochs=22, lr=4e-3, batch_size=128, weight_decay=0.05)
# Further trainings, each from the network of the one before on, with faces mixed harder.
REFINE_SCHEDULES = (
    loop.Schedule(epochs=22, lr=3e-3, batch_size=128, weight_decay=0.05, ema_epochs=1.0, seed=1),
    loop.Schedule(epochs=12, lr=2e-3, batch_size=128, weight_decay=0.05, ema_epochs=1.0, seed=2),
)
SMOOTHING = 0.03
MIXUP = 0.2  # how far two faces are blended: the parameter of the Beta distribution that the share is drawn from
REFINE_MIXUP = 0.4
RUNS = ("face", "face-refined", "face-refined-2")  # the folders of the trainings
CONFIG = FaceConfig(labels=datasets.FERPLUS_LABELS)


class Batches:
    """FER+ pictures with soft labels, shuffled anew each epoch.

    Each batch is blended by mixup, or, where ``cut`` says so, half of the batches by CutMix.
    """

    def __init__(self, crops, targets, batch_size, mixup=MIXUP, cut=False):
        self.crops, self.targets, self.batch_size = torch.from_numpy(crops), torch.from_numpy(targets), batch_size
        self.mixup, self.cut = mixup, cut

    def __len__(self):
        return len(self.crops) // self.batch_size

    def __call__(self, epoch, generator):
        order = torch.from_numpy(generator.permutation(len(self.crops)))
        for rows in order[: len(self) * self.batch_size].split(self.batch_size):
            crops = augment.faces(self.crops[rows].unsqueeze(1).float() / 255)
            if self.cut and generator.random() < 0.5:
                yield augment.cutmix(crops, self.targets[rows])
            else:
                yield augment.mixup(crops, self.targets[rows], self.mixup)


def soft_labels(items):
    """Votes as distributions over the eight emotions, (N, 8), and which items have any: (N,) bool.

    Single votes are noise and dropped, as are pictures that most saw as "unknown" or "not a face".
    """
    votes = np.array([item.votes for item in items], np.float32)
    votes[votes <= 1] = 0
    emotions = len(datasets.FERPLUS_LABELS)
    usable = (votes[:, :emotions].sum(1) > 0) & (votes.argmax(1) < emotions)
    total = votes[:, :emotions].sum(1, keepdims=True)
    return votes[:, :emotions] / np.maximum(total, 1), usable


def train(data, folder, cache, schedule=SCHEDULE, device="cpu", resume=False):
    """Train on FER+ Train, log accuracy on Valid after each epoch, return the FaceNet."""
    return _train(data, FaceNet(CONFIG), folder, cache, schedule, device, resume, {}, MIXUP, cut=False)


def refine(data, runs, cache, number, schedule=None, device="cpu", resume=False):
    """Train the network of ``RUNS[number]`` on, in the folder behind it, with CutMix too; return the FaceNet."""
    net = loop.averaged(runs / RUNS[number], FaceNet(CONFIG))
    settings = {"mixup": REFINE_MIXUP, "cutmix": True}
    schedule, folder = schedule or REFINE_SCHEDULES[number], runs / RUNS[number + 1]
    return _train(data, net, folder, cache, schedule, device, resume, settings, REFINE_MIXUP, cut=True)


def _train(data, net, folder, cache, schedule, device, resume, settings, mixup, cut):
    items = datasets.ferplus(data / "FERPlus", "train")
    targets, usable = soft_labels(items)
    crops = pack.face_crops(items, CONFIG.size, cache)
    batches = Batches(crops[usable], targets[usable], schedule.batch_size, mixup, cut)
    valid = labelled(datasets.ferplus(data / "FERPlus", "valid"), CONFIG, cache)

    def loss_of(net, batch):
        crops, targets = batch
        return F.cross_entropy(net(crops).float(), targets, label_smoothing=SMOOTHING)

    def evaluate(net):
        return {"valid": round(float((predict(net, valid[0]).argmax(1) == valid[1]).mean()), 4)}

    settings = {"task": "face", "items": int(usable.sum()), "persons": ["ferplus-train"]} | settings
    return loop.fit(net, batches, loss_of, schedule, folder, evaluate, device, resume, folder.name, settings)


def trained(runs):
    """The finished face network of a folder of runs: that of the last training, as far as they are finished."""
    last, *refined = RUNS
    for run, schedule in zip(refined, REFINE_SCHEDULES, strict=True):
        if loop.finished(runs / run) != schedule.epochs:
            break
        last = run
    return loop.averaged(runs / last, FaceNet(CONFIG))


def labelled(items, config, cache):
    """Crops and majority labels of the items that have a majority: (N, S, S) uint8, (N,) int."""
    crops = pack.face_crops(items, config.size, cache)
    kept = np.array([bool(item.label) for item in items])
    return crops[kept], np.array([config.labels.index(item.label) for item in items if item.label])


@torch.inference_mode()
def predict(net, crops, embed=False):
    """Probabilities (N, labels) of uint8 crops (N, S, S), or (embeddings, logits) with ``embed``."""
    net.eval()
    device = next(net.parameters()).device
    embeddings = torch.cat(
        [net.embed(part.to(device).unsqueeze(1).float() / 255) for part in torch.from_numpy(crops).split(64)]
    )
    logits = net.classify(embeddings).cpu()
    return (embeddings.cpu().numpy(), logits.numpy()) if embed else logits.softmax(1).numpy()
