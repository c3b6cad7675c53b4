"""What several tests of the batch analyze, and with what."""

import pytest

from support import batches
from support.make_media import Audio, record


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return batches.small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return record(tmp_path_factory.mktemp("media") / "sound.m4a", None, Audio(duration=1.0))
