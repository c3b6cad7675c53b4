"""The bundled identity network."""

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from emorec.errors import EmorecError
from emorec.face.alignment import align
from emorec.models import identity
from support.paths import ROOT

# Eyes, nose and corners of the mouth in the shipped portrait, in pixels.
LANDMARKS = np.array([[180, 103], [230, 102], [205, 126], [185, 147], [226, 144]], np.float32)


def portrait():
    """The face of the shipped portrait, as alignment cuts it out."""
    with Image.open(ROOT / "emorec" / "ui" / "assets" / "portrait.jpg") as opened:
        image = np.asarray(opened.convert("RGB"))
    return align(image, LANDMARKS, identity.SIZE)


def test_it_is_small():
    assert sum(one.numel() for one in identity.IdentityNet().parameters()) <= 1_000_000
    assert identity.WEIGHTS_FILE.stat().st_size < 2_000_000


def test_embeddings_have_unit_length_and_do_not_depend_on_the_batch():
    crops = np.random.default_rng(0).integers(0, 255, (identity.BATCH + 3, identity.SIZE, identity.SIZE), np.uint8)
    found = identity.embed(identity.load(), crops)
    assert found.shape == (len(crops), identity.DIMENSIONS) and found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-3)
    alone = identity.embed(identity.load(), crops[-1:])
    assert float((alone @ found[-1:].T)[0, 0]) > 0.99
    assert identity.embed(identity.load(), crops[:0]).shape == (0, identity.DIMENSIONS)


def test_a_face_in_another_light_looks_the_same_and_mirrored_upside_down_it_does_not():
    face = portrait()
    dim = (face * 0.5 + 20).astype(np.uint8)
    one, other, turned = identity.embed(identity.load(), np.stack([face, dim, face[::-1]]))
    assert one @ other > 0.9 > 0.4 > one @ turned


def test_a_file_that_is_not_the_network_is_one_sentence(tmp_path):
    broken, other = tmp_path / "broken.safetensors", tmp_path / "other.safetensors"
    broken.write_bytes(b"nothing")
    safetensors.torch.save_file({"trunk": torch.zeros(3)}, other)
    for file in (broken, other, tmp_path / "missing.safetensors"):
        with pytest.raises(EmorecError, match="identity network"):
            identity.load(file)
    with pytest.raises(EmorecError, match="cannot be read"):
        identity.fingerprint(tmp_path / "missing.safetensors")
