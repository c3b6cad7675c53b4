"""Files of the page that a browser or a virus scanner has open, which Windows neither removes nor replaces."""

from types import SimpleNamespace
from unittest import mock

import pytest

from emorec import files
from emorec.ui import example
from emorec.ui.page import list_downloads
from emorec.ui.page.figures import Figures
from emorec.ui.page.recordings_handlers import RecordingsHandlers
from support.in_use import held_open


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr(files.time, "sleep", lambda _: None)


def test_the_rows_in_an_archive_do_not_stay_beside_it(tmp_path):
    with held_open(tmp_path / list_downloads.NAMES["rows"], tries=2):
        archive = list_downloads.write("zip", [], tmp_path)
    assert [*tmp_path.iterdir()] == [archive]


def test_the_example_is_made_although_it_is_in_use_for_a_moment(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path))
    monkeypatch.setattr(example, "record", lambda path: path.write_text("a clip"))
    with held_open(tmp_path / example.FOLDER / example.NAME, tries=2):
        assert example.clip().read_text() == "a clip"


def test_a_recording_is_taken_from_the_list_while_one_of_its_results_is_received(tmp_path):
    results = {kind: tmp_path / f"1.{kind}" for kind in ("csv", "json")}
    for file in results.values():
        file.write_text("x")
    item = SimpleNamespace(result=mock.Mock(spec=Figures, files=results))
    handlers = SimpleNamespace(batch=lambda _: SimpleNamespace(remove=lambda _: item))
    with held_open(results["csv"]):
        RecordingsHandlers.discard(handlers, "session", "1")
    assert results["csv"].exists() and not results["json"].exists()
