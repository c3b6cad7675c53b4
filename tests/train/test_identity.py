"""Training and measuring the identity network."""

import numpy as np
import pytest
import torch

from emorec.models.identity import DIMENSIONS, SIZE, IdentityNet
from train.data.identity_faces import SIDE, Packed, wide_framing
from train.evaluation.identity import Recording, bcubed, pairs, score_groups
from train.metrics import area_under_curve
from train.recipes import identity as recipe


def faces(count=24, people=6, seed=0):
    """Packed faces: random pictures, several of each person, whose features lie near that of the person."""
    random = np.random.default_rng(seed)
    persons = np.arange(count) % people
    features = random.normal(size=(people, 1024))[persons] + 0.3 * random.normal(size=(count, 1024))
    crops = random.integers(0, 255, (people, SIDE, SIDE))[persons].astype(np.uint8)
    names = np.array([f"person {one}" for one in persons])
    return Packed(crops, features.astype(np.float16), names, np.full(count, "train"), np.full(count, "web"))


def test_targets_keep_the_cosines_of_the_features_and_move_towards_the_person():
    some = faces()
    targets = recipe.Targets(some)
    plain, moved = targets(some.features), targets.of_faces(some)
    assert plain.shape[0] == 24 and np.linalg.norm(plain, axis=1) == pytest.approx(1, abs=1e-4)
    same, other = recipe.pair_cosines(plain, some.persons)
    closer, _ = recipe.pair_cosines(moved, some.persons)
    assert same.min() > other.max() and closer.mean() > same.mean()


def test_spoiled_faces_have_the_networks_size_and_differ_every_time():
    crop, generator = faces().crops[0], np.random.default_rng(0)
    one, other = recipe.augment_face(crop, generator), recipe.augment_face(crop, generator)
    assert one.shape == (SIZE, SIZE) and one.dtype == np.uint8 and (one != other).any()


def test_plain_faces_are_the_middle_of_the_packed_ones():
    """A dot where an eye is lies where alignment puts it."""
    crop = np.zeros((SIDE, SIDE), np.uint8)
    left, top = np.round(wide_framing(SIDE)[0] - 0.5).astype(int)
    crop[top - 2 : top + 3, left - 2 : left + 3] = 255
    rows, columns = np.nonzero(recipe.central_crops(crop[None])[0] > 128)
    expected = wide_framing(SIZE, 1.0)[0] - 0.5
    assert [columns.mean(), rows.mean()] == pytest.approx(list(expected), abs=0.8)


def test_training_lowers_the_loss():
    some = faces()
    targets = recipe.Targets(some)
    torch.manual_seed(0)
    net = IdentityNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    batches = recipe.Batches(some, np.pad(targets.of_faces(some), ((0, 0), (0, DIMENSIONS - 24))), 12)
    assert len(batches) == 2
    losses = []
    for epoch in range(6):
        for batch in batches(epoch, np.random.default_rng(epoch)):
            loss = recipe.loss_of(net, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert np.mean(losses[-2:]) < 0.7 * np.mean(losses[:2])


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order():
    assert area_under_curve(np.array([3.0, 2.0]), np.array([1.0, 0.0])) == 1
    assert area_under_curve(np.array([1.0]), np.array([1.0, 2.0])) == 0.25


def test_bcubed_of_equal_groupings_is_one_and_of_one_big_group_is_less():
    truth = np.array(["a", "a", "b", "b"])
    assert bcubed(truth, np.array([7, 7, 3, 3])) == 1
    assert bcubed(truth, np.zeros(4)) == pytest.approx(2 / 3)
    assert bcubed(truth, np.arange(4)) == pytest.approx(2 / 3)


def test_pairs_and_groups_of_clear_people_are_all_right():
    some = faces()
    embeddings = recipe.Targets(some)(some.features)
    assert pairs(some, embeddings)["area under the curve"] == 1
    found = score_groups(some, embeddings)
    assert max(score for score, _ in found.values()) == 1


def test_a_recording_knows_who_is_in_every_picture():
    picture = np.zeros((4, 4, 3), np.uint8)
    recording = Recording.of("two", ([picture] * 2, ["a"]), ([picture], []), ([picture], ["b", "a"]))
    assert recording.people == [["a"], ["a"], [], ["b", "a"]] and len(recording.images) == 4
