"""A recording of two people for the commands, and an engine that reads it quickly."""

import pytest

from emorec import analyzer
from support import factories, two_people


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return two_people.record(tmp_path_factory.mktemp("media") / "two.mkv")


@pytest.fixture
def untrained(monkeypatch, tmp_path, cache):
    """Untrained networks for emotions, the bundled ones for faces; the recording is only extracted once."""
    tiny = analyzer.Analyzer(factories.checkpoint(), None)
    monkeypatch.setattr(analyzer, "load", lambda *_: tiny)
    monkeypatch.setenv("EMOREC_CACHE", cache)
    monkeypatch.chdir(tmp_path)
