"""The last training of the face network: spoilt faces, faces of the press, and their own shares of emotions."""

import copy
import csv

import numpy as np
import pytest
import torch

from emorec.models.networks import FaceNet
from train import loop, run_dir
from train.data import datasets, pack, spoil
from train.recipes import face, face_web


def gradients(count):
    """Faces that no two pixels of are alike, (N, 1, 48, 48) in [0, 1]."""
    line = torch.linspace(0.2, 0.8, 48)
    wave = 0.1 * torch.sin(torch.arange(48) * 1.3)
    return (line.view(1, 1, 48, 1) + wave.view(1, 1, 1, 48)).expand(count, -1, -1, -1).clone()


@pytest.mark.parametrize(
    "kind",
    [spoil.turned, spoil.lit, spoil.moved, spoil.shrunk, spoil.noisy, spoil.compressed],
    ids=lambda k: k.__name__,
)
def test_every_kind_spoils_a_face_and_keeps_its_shape(kind):
    torch.manual_seed(0)
    faces = gradients(16)
    spoilt = kind(faces.clone())
    assert spoilt.shape == faces.shape and torch.isfinite(spoilt).all()
    change = (spoilt - faces).abs().mean(dim=(1, 2, 3))
    assert change.max() > 0.005 and change.mean() < 0.4


def test_more_than_half_of_the_faces_stay_as_they_are():
    torch.manual_seed(0)
    faces = gradients(400)
    before = faces.clone()
    spoilt = spoil.faces(faces)
    assert torch.equal(faces, before), "the faces themselves were changed"
    changed = (spoilt != faces).any(dim=3).any(dim=2).any(dim=1).float().mean()
    assert 0.2 < changed < 0.5 and spoilt.min() >= 0 and spoilt.max() <= 1


def web(folder, labels, crops):
    """A folder WebFaces with rows (image, label, person, split) in its two tables."""
    (folder / "WebFaces").mkdir(parents=True)
    for name, rows in (("labels.csv", labels), ("crops.csv", crops)):
        with open(folder / "WebFaces" / name, "w", newline="") as file:
            csv.writer(file).writerows([("image", "label", "person", "split"), *rows])
    return folder


def test_nobody_who_is_judged_or_calibrated_on_is_trained_on(tmp_path):
    labels = [("a.jpg", "happiness", "ann", "train"), ("b.jpg", "neutral", "bob", "valid")]
    crops = [
        ("1.jpg", "neutral", "ann", "train"),
        ("2.jpg", "neutral", "bob", "train"),
        ("3.jpg", "happiness", "cat", "train"),
        ("4.jpg", "happiness", "dan", "valid"),
    ]
    items = datasets.webface_crops(web(tmp_path, labels, crops))
    assert [(item.path.name, item.label, item.person) for item in items] == [("3.jpg", "happiness", "cat")]


def net_of(seed=0):
    torch.manual_seed(seed)
    return FaceNet(face.CONFIG).eval()


def test_an_opinion_is_the_same_for_a_face_and_its_mirror_image():
    crops = np.random.default_rng(0).integers(0, 255, (3, 48, 48)).astype(np.uint8)
    mirrored = np.ascontiguousarray(crops[:, :, ::-1])
    net = net_of()
    straight = [face_web.opinion(net, some) for some in (crops, mirrored)]
    # Shifts to one side are not mirrored, hence the tolerance; a single view differs more.
    single = np.abs(face.predict(net, crops) - face.predict(net, mirrored)).max()
    assert np.abs(straight[0] - straight[1]).max() < single
    assert straight[0].sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Two pictures of FER+, one neutral and one sad, and three neutral faces and a happy one of the press."""
    votes = [(10, 0, 0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 0, 10, 0, 0, 0, 0, 0, 0)]
    fer = [datasets.Item(tmp_path / f"{row}.png", "ferplus", "", "p", vote) for row, vote in enumerate(votes)]
    press = [
        datasets.Item(tmp_path / f"w{row}.jpg", "webfaces", label, f"person {row}")
        for row, label in enumerate(("neutral", "neutral", "neutral", "happiness"))
    ]
    monkeypatch.setattr(datasets, "ferplus", lambda folder, split: fer)
    monkeypatch.setattr(datasets, "webface_crops", lambda data: press)
    monkeypatch.setattr(pack, "face_crops", lambda items, size, cache: np.full((len(items), size, size), 9, np.uint8))
    monkeypatch.setattr(
        pack, "web_crops", lambda items, size, cache: (np.full((3, size, size), 7, np.uint8), np.array([0, 1, 3]))
    )
    own = np.full((3, 8), 0.125)
    monkeypatch.setattr(face_web, "opinion", lambda net, crops: own)
    return face_web.training_faces(tmp_path, net_of(), tmp_path)


def test_a_face_of_the_press_is_half_its_label_and_half_the_networks_opinion(faces):
    assert faces.targets.shape == (5, 8)
    assert faces.targets[:2].tolist() == np.eye(8)[[0, 3]].tolist()
    assert faces.targets[2:].argmax(axis=1).tolist() == [0, 0, 1]  # the rows of those with a face, not the first three
    assert faces.targets[2:].max(axis=1) == pytest.approx(0.5 + 0.5 / 8)
    assert faces.targets.sum(axis=1) == pytest.approx(np.ones(5))


def test_the_press_gets_its_own_shares_of_emotions_and_ferplus_keeps_its_own(faces):
    assert not faces.offsets[:2].any()
    neutral, happiness, surprise, sadness = faces.offsets[2, :4]
    assert neutral == pytest.approx(np.log(faces.targets[2:, 0].mean() / 0.5))
    assert happiness == surprise == face_web.MAX_OFFSET  # never seen in FER+ here
    assert sadness < 0 and (faces.offsets[2] == faces.offsets[4]).all()


def test_batches_blend_offsets_as_targets_and_mix_less_at_the_end(faces, monkeypatch):
    many = face_web.Faces(*(np.repeat(column, 8, axis=0) for column in (faces.crops, faces.targets, faces.offsets)))
    strengths, cut = [], []
    mixup = face_web.augment.mixup

    def spied(crops, both, alpha):
        strengths.append(alpha)
        return mixup(crops, both, alpha)

    monkeypatch.setattr(face_web.augment, "mixup", spied)
    monkeypatch.setattr(face_web.augment, "cutmix", lambda *given: cut.append(1) or given)
    batches = face_web.Batches(many, loop.Schedule(epochs=4, lr=1e-3, batch_size=8))
    generator = np.random.default_rng(0)
    for epoch in range(4):
        found = list(batches(epoch, generator))
        assert len(found) == len(batches) == 5
        for crops, targets, offsets in found:
            assert crops.shape == (8, 1, 48, 48)
            assert targets.sum(dim=1) == pytest.approx(torch.ones(8), abs=1e-5)
            assert offsets.shape == (8, 8) and offsets.abs().max() <= face_web.MAX_OFFSET
        if epoch < 3:
            assert set(strengths) <= {face.REFINE_MIXUP}
            strengths.clear()
    assert strengths == [face.MIXUP] * 5 and cut


def test_recall_leaves_contempt_out_and_divides_shares_out():
    eight = np.full((3, 8), 0.01)
    eight[0, 0] = eight[1, 7] = 0.93
    eight[2, 0], eight[2, 5] = 0.5, 0.4  # neutral, or a disgust that is rare in training
    shares = np.full(8, 0.08)
    shares[0], shares[5] = 0.5, 0.01
    truth = face_web.seven_of(np.array([0, 7, 5]))
    assert truth[1] == -1
    assert face_web.recall(eight, truth, shares) == 1.0
    assert face_web.recall(eight, truth, np.full(8, 0.125)) == 0.5


def test_the_weights_before_and_after_are_averaged_once_it_is_finished(tmp_path, monkeypatch):
    runs = {face_web.RUN: face_web.SCHEDULE.epochs - 1}
    nets = {"face": net_of(1), face_web.RUN: net_of(2)}
    monkeypatch.setattr(loop, "finished", lambda folder: runs.get(folder.name, 0))
    monkeypatch.setattr(loop, "averaged", lambda folder, net: copy.deepcopy(nets[folder.name]))
    assert torch.equal(face_web.trained(tmp_path).head.weight, nets["face"].head.weight)
    runs[face_web.RUN] += 1
    monkeypatch.setattr(face_web, "SHARE", 0.25)
    found = face_web.trained(tmp_path)
    expected = 0.75 * nets["face"].head.weight + 0.25 * nets[face_web.RUN].head.weight
    assert torch.allclose(found.head.weight, expected) and not found.training
    assert found.trunk[0][1].num_batches_tracked.dtype == torch.int64


def test_it_trains_from_the_network_before_it(tmp_path, monkeypatch, faces):
    """One epoch on a few faces: the loss is finite, the log has all numbers, and the weights have moved."""
    before = net_of(3)
    monkeypatch.setattr(face, "trained", lambda runs: net_of(3))
    monkeypatch.setattr(face_web, "training_faces", lambda data, net, cache: faces)
    labelled = (np.zeros((2, 48, 48), np.uint8), np.array([0, 3]))
    monkeypatch.setattr(face, "labelled", lambda items, config, cache: labelled)
    monkeypatch.setattr(
        datasets,
        "webfaces",
        lambda data, split: [datasets.Item(tmp_path / "a", "webfaces", "neutral", "p")] * 4,
    )
    net = face_web.train(tmp_path, tmp_path, tmp_path, loop.Schedule(epochs=1, lr=1e-3, batch_size=4))
    assert not torch.equal(net.head.weight, before.head.weight)
    (row,) = run_dir.read_log(tmp_path / face_web.RUN)
    assert {"loss", "valid", "valid_recall", "web_recall"} <= row.keys() and np.isfinite(row["loss"])
