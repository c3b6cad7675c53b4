"""What a visitor says of persons and markers is kept with the recent analysis, and used for the results of the list."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from emorec.analyzer import Analyzer
from emorec.annotation import Marker
from emorec.extraction.options import Settings
from emorec.extraction.people import People, Person
from emorec.ui.page import recordings_handlers
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.handlers import JobHandlers
from emorec.ui.page.kept_edits import LIST, KeptEdits
from emorec.ui.page.marker_panel import Marked
from emorec.ui.page.people_handlers import Edited
from emorec.ui.page.recents_handlers import RecentsHandlers
from emorec.ui.page.recordings_handlers import Choices, RecordingsHandlers
from emorec.ui.service import Service
from emorec.ui.sessions.batch import DONE
from emorec.ui.sessions.memory import NOTHING
from emorec.ui.sessions.recents import Recent
from support import factories

ONE, OTHER = (SimpleNamespace(session_hash=name, client=SimpleNamespace(host="127.0.0.1")) for name in "ab")
ANNA = Edited("x", People((Person(number=0, name="Anna"),)))
LOOK = Marked("x", (Marker(2.0, "look"), Marker(90.0, "of another session")))
EVERYBODY = {"person": "all"}


@pytest.fixture
def shown():
    times = factories.frame_times(6.0)
    features = factories.observations(6.0, factories.seen(times, (times > 4).astype(int)))
    return Analysis(features=replace(features, key="k"), id="x")


@pytest.fixture
def service(tmp_path, monkeypatch, shown):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    made = Service(Analyzer(factories.checkpoint(), None))
    for page, token in ((ONE, "1"), (OTHER, "2")):
        owner = made.browsers.enter(page.session_hash, token * 64)
        recent = Recent(name="a.mp4", at=0, until=6, duration=6, key="k", cache=None, fingerprint="", id="r")
        made.memory._recents.add(owner, recent)
    monkeypatch.setattr(made.memory, "features", lambda recent: shown.features)
    return made


@pytest.fixture
def lists(service):
    return RecentsHandlers(service, JobHandlers(service), RecordingsHandlers(service))


def opened(lists, page):
    _, analysis, _, _, _, edited, _, _, marked, *_ = lists.do("open r #1", Analysis(), page)
    return edited.features(analysis).names[0], [marker.label for marker in marked.of(analysis)]


def test_names_and_markers_are_there_when_the_recording_is_opened_again_by_the_same_browser(lists, service, shown):
    kept = KeptEdits(service, lists.recordings)
    assert opened(lists, ONE) == ("person 0", [])
    kept.keep(shown, ANNA, LOOK, ONE)
    assert opened(lists, ONE) == ("Anna", ["look", "of another session"])
    assert opened(lists, OTHER) == ("person 0", [])
    again = replace(shown, id="y")
    assert kept.keep(again, ANNA, LOOK, ONE) == (gr.skip(),) * LIST  # said of what was shown before
    edited, marked = kept.restore(again, ONE)
    assert edited.features(again).names[0] == "Anna" and len(marked.of(again)) == 2
    kept.keep(shown, Edited("x"), Marked("x"), ONE)
    assert opened(lists, ONE) == ("person 0", [])


def test_what_was_said_is_deleted_with_the_analysis(lists, service, shown, monkeypatch):
    monkeypatch.setattr(Analyzer, "forget_key", lambda *given: True)
    for delete in ("forget r #1", "forget-all #1"):
        service.memory._recents.add(service.browsers.owner("a"), replace(service.memory.of("b")[0]))
        KeptEdits(service, lists.recordings).keep(shown, ANNA, LOOK, ONE)
        assert service.memory.said("a", "k") != NOTHING
        lists.do(delete, Analysis(), ONE)
        assert service.memory.said("a", "k") == NOTHING
    KeptEdits(service, lists.recordings).keep(shown, ANNA, LOOK, ONE)  # on another page that still shows it
    assert service.memory.said("a", "k") == NOTHING


def test_the_results_of_the_list_follow_what_is_said(lists, service, shown, tmp_path):
    batch = lists.recordings.batch("a")
    item = batch.add("a.mp4", "")
    choices = Choices(checkpoint="", settings=Settings(), inference=EVERYBODY)
    item.result = recordings_handlers.figures(service, item, {}, choices, "r", tmp_path / "out", shown.features)
    item.state = DONE
    assert item.result.persons == 2
    everybody = Edited("x", People((Person(number=0, name="Anna"), Person(number=1, name="Eva"))))
    listed = KeptEdits(service, lists.recordings).keep(shown, everybody, LOOK, ONE)
    assert len(listed) == LIST and "a.mp4" in listed[0]
    with item.result.files["csv"].open() as file:
        assert {row["name"] for row in csv.DictReader(file)} == {"Anna", "Eva"}
    written = json.loads(item.result.files["json"].read_text())
    assert [marker["label"] for marker in written["markers"]] == ["look"]
