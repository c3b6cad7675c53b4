"""The handlers of the page, without a browser: inputs, links, persons, checkpoints."""

import functools
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio.routes import App as Server
from starlette.testclient import TestClient

from emorec import download
from emorec.analyzer import Analyzer
from emorec.download import Fetched
from emorec.extraction.options import WHOLE, Settings
from emorec.extraction.people import RIGHT_VOICE
from emorec.models import checkpoint, pretrained
from emorec.output import tables
from emorec.ui import app, file_fragments, fragments
from emorec.ui.jobs.analyzers import AnalyzerCache
from emorec.ui.jobs.job import Job, link_fetcher
from emorec.ui.jobs.job_queue import BUSY, JobQueue
from emorec.ui.page import handlers as job_handlers
from emorec.ui.page.analysis import PAGE_ROWS, Analysis, infer, person_choices
from emorec.ui.page.handlers import JobHandlers
from emorec.ui.page.layout import build
from emorec.ui.page.recordings_handlers import RecordingsHandlers
from emorec.ui.page.result_handlers import LOADING, ResultHandlers
from emorec.ui.server.limits import ANALYSES
from emorec.ui.service import Service
from emorec.ui.sessions.files import upload_folder
from emorec.ui.sessions.recents import Recent
from support import factories

ONE = SimpleNamespace(session_hash="a", client=SimpleNamespace(host="127.0.0.1"))
LINK = "https://example.org/talk"
RECENT = Recent(name="a.mp4", at=0, until=6, duration=6, key="", cache=None, fingerprint="")


@pytest.fixture
def handlers(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("x", "x.mp4", "talk.m4a"):
        Path(name).touch()
    made = JobHandlers(Service(Analyzer(factories.checkpoint(), None)))
    monkeypatch.setattr(made.service, "start_job", lambda *_: SimpleNamespace(running=False))
    return made


def uploaded(handlers, name):
    """A file that was uploaded, as the field for files gives it."""
    file = upload_folder() / f"hash of {name}" / name
    file.parent.mkdir()
    file.write_text("x")
    return {"path": str(handlers.service.files.register_upload(file))}


def start(handlers, analysis, link="", tab="file", fusion="late", **choices):
    """The Analysis after a click on Analyze."""
    chosen = {"checkpoint": "", "active": "", "track": None, "channel": "mix", "start": "", "end": ""}
    chosen |= {"video_track": 0, "rotate": 0, "file": None}
    return handlers.start(analysis, link, tab, fusion, **chosen | choices, request=ONE)[0]


def test_the_page_takes_uploads_of_its_own_session_only(handlers, tmp_path):
    mine, other = SimpleNamespace(session_hash="a"), SimpleNamespace(session_hash="b")
    file = tmp_path / "hash" / "mine.mp4"
    file.parent.mkdir()
    file.write_text("x")
    file = handlers.service.files.register_upload(file)
    assert handlers.choose_file({"path": str(file)}, "file", Analysis(), mine)[0].path == str(file)
    with pytest.raises(gr.Error, match="not uploaded in this session"):
        handlers.choose_file({"path": str(file)}, "file", Analysis(), other)
    picture = ResultHandlers(handlers.service).recognise_picture({"path": str(file)}, other)
    assert "not uploaded in this session" in picture
    with pytest.raises(gr.Error, match="not uploaded in this session"):
        handlers.choose_file({"path": str(Path(__file__))}, "file", Analysis(), mine)
    assert handlers.choose_file(None, "file", Analysis(source="file"), other)[0].path == ""


def test_each_change_of_the_recording_has_a_new_revision(handlers):
    revisions = [
        handlers.choose_file(None, "file", Analysis(source="file"), ONE)[1],
        handlers.start(Analysis(path="x"), "", "file", "late", "", "", 0, "mix", "", "", 0, 0, None, ONE)[1],
        handlers.delete(ONE)[1],
    ]
    assert len({0, *revisions}) == 4  # the page begins with 0


def test_what_was_chosen_before_analyze_is_extracted_and_wrong_choices_are_refused(handlers):
    analysis = start(
        handlers, Analysis(path="x.mp4"), fusion="voice", track=2, channel="right", start="0:10", end="1:00"
    )
    assert analysis.settings == Settings(faces=False, audio_track=2, channel="right", start=10.0, end=60.0)
    assert analysis.pictures_ignored and not replace(analysis, path="x.wav").pictures_ignored
    again = start(handlers, analysis)
    assert again.settings == WHOLE and not again.pictures_ignored
    assert start(handlers, analysis, video_track=2).settings == replace(WHOLE, video_track=2)
    assert start(handlers, analysis, rotate=270).settings == replace(WHOLE, rotate=270)
    with pytest.raises(gr.Error, match="is not a time"):
        start(handlers, Analysis(path="x.mp4"), start="soon")


def test_analyze_removes_the_note_about_a_checkpoint_unless_its_name_is_wrong(handlers):
    handlers.service.analyzers = AnalyzerCache("default", lambda name: Analyzer(factories.checkpoint(), None))
    handlers.service.analyzers.get("org/name")
    arguments = (Analysis(path="x"), "", "file", "late")
    assert handlers.start(*arguments, " org/name ", "org/name", 0, "mix", "", "", 0, 0, None, ONE)[2] == ""
    assert handlers.start(*arguments, "wrong", "org/name", 0, "mix", "", "", 0, 0, None, ONE)[2] == gr.skip()


def test_a_checkpoint_that_is_being_loaded_is_waited_for(handlers, monkeypatch):
    other = Analyzer(factories.checkpoint(), None)
    handlers.service.analyzers = AnalyzerCache("default", lambda name: other)
    with pytest.raises(gr.Error, match="still being loaded; press the button again"):
        start(handlers, Analysis(path="x"), checkpoint="org/name")
    handlers.service.analyzers.get("org/name")
    # The page may not know yet that it is there, or that the field is empty again.
    assert start(handlers, Analysis(path="x"), checkpoint="org/name").checkpoint == "org/name"
    assert start(handlers, Analysis(path="x"), checkpoint=" ", active="org/name").checkpoint == ""
    assert start(handlers, Analysis(path="x"), checkpoint="wrong", active="org/name").checkpoint == "org/name"
    begun = []
    monkeypatch.setattr(
        handlers.service, "start_job", lambda analyzer, *_: begun.append(analyzer) or SimpleNamespace(running=False)
    )
    start(handlers, Analysis(path="x"), checkpoint="org/name")
    assert begun == [other]


@pytest.mark.parametrize(("named", "used"), [("org/name", "org/name"), ("wrong", "")])
def test_a_list_of_recordings_waits_for_a_checkpoint_too(handlers, monkeypatch, named, used):
    handlers.service.analyzers = AnalyzerCache("default", lambda name: Analyzer(factories.checkpoint(), None))
    several, begun = RecordingsHandlers(handlers.service), []
    monkeypatch.setattr(several, "_work", lambda choices, request: begun.append(choices))
    choices = (named, "", "late", 1.0, 3.0, 0.0, "even", "speaker", None, "mix", "", "", None, 0, ONE)
    if used:
        with pytest.raises(gr.Error, match="still being loaded; press the button again"):
            several.start(*choices)
        assert begun == []
        handlers.service.analyzers.get(used)
    with pytest.raises(gr.Error, match="nothing to analyse"):
        several.start(*choices)
    assert [one.checkpoint for one in begun] == [used]


def test_analyze_takes_away_what_another_result_said_in_the_place_of_the_player(handlers):
    def player(analysis, link, tab):
        return handlers.start(analysis, link, tab, "late", "", "", 0, "mix", "", "", 0, 0, None, ONE)[7]

    saved = Analysis(title="live 2026-11-29 10.00")  # which has nothing to play
    assert player(saved, LINK, "link") == file_fragments.player(None)
    assert player(Analysis(link=LINK), LINK, "link") == file_fragments.player(None)  # it failed, and is tried again
    assert player(Analysis(path="x.mp4"), "", "file") == gr.skip()  # its player stays, at its place
    assert player(Analysis(link=LINK, path="talk.m4a"), LINK, "link") == gr.skip()


def test_voice_only_downloads_the_sound_and_another_choice_downloads_again(handlers):
    analysis = start(handlers, Analysis(), LINK, "link", "voice")
    assert analysis.sound_only
    fetched = replace(analysis, path="talk.m4a", facts={"title": "Talk"})
    again = start(handlers, fetched, LINK, "link", "voice")
    assert again.path == "talk.m4a" and again.facts == {"title": "Talk"}
    other = start(handlers, fetched, LINK, "link", "late")
    assert other.path == "" and not other.sound_only


def test_after_a_link_the_tab_for_files_analyses_the_file_in_its_field(handlers):
    file = uploaded(handlers, "mine.mp4")
    of_link = Analysis(link=LINK, path="talk.m4a")
    chosen = start(handlers, of_link, LINK, "file", file=file)
    assert (chosen.path, chosen.link) == (file["path"], "")
    assert start(handlers, of_link, LINK, "file").path == "talk.m4a"  # the field is empty
    assert start(handlers, of_link, LINK, "link", file=file).path == "talk.m4a"


def test_the_file_that_its_field_shows_is_analysed_before_the_page_has_told_of_it(handlers):
    file, other = uploaded(handlers, "new.mp4"), uploaded(handlers, "other.mp4")
    for before in (Analysis(path="x.mp4", source="file"), Analysis()):
        begun = start(handlers, before, file=file)
        assert (begun.path, begun.source) == (file["path"], "file")
        ended = replace(begun, running=False)
        for now in (begun, ended):  # the page tells of it afterwards: no message, and nothing is taken away
            assert handlers.choose_file(file, "file", now, ONE) == (gr.skip(),) * 7
    assert start(handlers, ended, file=file).id == ended.id

    for running, shown in ((begun, file["path"]), (Analysis(path="x.mp4", running=True), None)):
        with pytest.warns(UserWarning, match="An analysis is running"):
            *nothing, field = handlers.choose_file(other, "file", running, ONE)
        assert nothing == [gr.skip()] * 6 and field["value"] == shown  # the field names what is analysed


def test_the_field_for_files_is_emptied_when_another_recording_is_made(handlers):
    file = uploaded(handlers, "webcam.mp4")
    chosen, *_, field = handlers.choose_file(file, "webcam", Analysis(path="x.mp4", source="file"), ONE)
    assert chosen.path == file["path"] and field["value"] is None
    assert handlers.choose_file(file, "file", chosen, ONE)[-1] == gr.skip()


def test_another_recording_begins_without_a_person_and_a_part_of_the_last_one(handlers):
    def kept(analysis, link="", tab="file", file=None):
        *_, person, part = handlers.start(analysis, link, tab, "late", "", "", 0, "mix", "", "", 0, 0, file, ONE)
        return person, part

    for given in (
        (Analysis(path="x.mp4"), LINK, "link"),
        (Analysis(title="saved"), "", "file", uploaded(handlers, "a")),
    ):
        person, part = kept(*given)
        assert (person["value"], part) == (-1, "")
    for given in ((Analysis(path="x.mp4"),), (Analysis(link=LINK, path="talk.m4a"), LINK, "link")):
        assert kept(*given) == (gr.skip(), gr.skip())


def test_the_job_of_a_page_that_is_loaded_again_at_once_runs_and_is_not_begun_twice(handlers, monkeypatch):
    begun = []
    monkeypatch.setattr(
        handlers.service, "start_job", lambda analyzer, path, *_: begun.append(path) or SimpleNamespace(running=True)
    )
    analysis = start(handlers, Analysis(path="x.mp4"))
    assert begun == ["x.mp4"] and handlers.service.watched["a"][1] is analysis
    with pytest.warns(UserWarning, match="An analysis is running"):  # the answer to the first click was lost
        assert start(handlers, Analysis(path="x")) is analysis
    assert begun == ["x.mp4"]


def test_a_full_queue_is_reported_at_once(handlers):
    queue = handlers.service.queue
    for _ in range(ANALYSES.total - 1):
        queue.join()
    assert start(handlers, Analysis(path="x"))
    ticket = queue.join()
    with pytest.raises(gr.Error, match="Too many analyses are waiting here already; try again in a few minutes."):
        start(handlers, Analysis(path="x"))
    queue.leave(ticket)
    assert start(handlers, Analysis(path="x"))


class Immediate:
    """An analyzer that extracts one second at once."""

    def extract(self, path, **_):
        yield factories.observations(1.0)


def test_a_link_is_downloaded_into_a_folder_and_its_title_and_source_are_in_the_results(tmp_path, monkeypatch):
    calls = []

    def fetch(url, folder, progress, sound_only):
        calls.append((url, folder, sound_only))
        return Fetched(path=folder / "A talk.mp4", title="A <talk>", source=url)

    monkeypatch.setattr(download, "fetch", fetch)
    job = Job(Immediate(), "", JobQueue(), link_fetcher(LINK, tmp_path, sound_only=True))
    job.join()
    assert calls == [(LINK, tmp_path, True)] and job.path == str(tmp_path / "A talk.mp4")
    analyzer = Analyzer(checkpoint.load(pretrained.BUNDLED), None)
    timeline = infer(analyzer, factories.observations(3.0), facts=job.facts)
    assert json.loads(tables.json_text(timeline))["media"].items() >= job.facts.items()


def test_the_persons_seen_most_come_first():
    times = factories.frame_times(10.0)
    features = factories.observations(10.0, factories.seen(times[:30], np.array([4] * 20 + [2] * 10)))
    assert person_choices(features)[1:] == [
        ("all persons", "all"),
        ("person 4, seen 40% of the time", 4),
        ("person 2, seen 20% of the time", 2),
    ]


def test_the_time_of_a_person_is_in_seconds_and_a_voice_is_only_heard():
    """A picture a second, then 40 s of one picture without a face."""
    times = np.arange(10.0)
    heard = factories.heard(np.ones(factories.hops(50.0)))
    voice = {"voice_channel": np.ones(len(heard["voice_time"]), np.uint8)}
    voice["voice_person"] = np.full(len(heard["voice_time"]), RIGHT_VOICE)
    features = factories.observations(50.0, factories.seen(times, 0), heard)
    frames = {"frame_time": np.append(times, 10.0), "frame_until": np.append(np.arange(1.0, 11.0), 50.0)}
    features.__dict__["arrays"] = features.arrays | voice | frames  # a cached property
    assert person_choices(features)[-2:] == [
        ("person 0, seen 20% of the time", 0),
        ("voice right, only heard", RIGHT_VOICE),
    ]


def test_a_person_of_another_recording_is_nobody(handlers):
    results = ResultHandlers(handlers.service)
    analysis = Analysis(features=factories.observations(3.0))
    drawn = results.draw(analysis, "", "late", 1.0, 3.0, 0.0, 7, "even", "speaker", "stacked", "", False, False)
    timeline, person = drawn[0], drawn[4]
    assert len(timeline) == 3 and person["value"] == -1
    analysis = Analysis(features=factories.observations(3.0, factories.seen(factories.frame_times(3.0), 0)))
    chosen = results.draw(analysis, "", "late", 1.0, 3.0, 0.0, 0, "even", "speaker", "stacked", "", False, False)[4]
    assert "value" not in chosen  # whatever the visitor may have chosen meanwhile stays


@pytest.mark.parametrize(
    ("analysis", "prepares"), [(Analysis(), False), (Analysis(path="a.wav"), True), (Analysis(running=True), True)]
)
def test_a_recording_without_features_prepares_the_browser_to_draw(handlers, analysis, prepares):
    shown = ResultHandlers(handlers.service).draw(
        analysis, "", "late", 1.0, 3.0, 0.0, -1, "even", "speaker", "stacked", "", False, False
    )
    timeline, chart, warnings, summary, *_, rows_page, _ = shown
    assert rows_page["visible"] is False  # the choice of a page of rows
    assert timeline is None and warnings == summary == "" and (chart is not None) == prepares


def test_a_checkpoint_whose_panel_cannot_be_shown_changes_nothing(handlers, monkeypatch):
    handlers.service.analyzers = AnalyzerCache("default", lambda name: Analyzer(factories.checkpoint(), None))
    monkeypatch.setattr(fragments, "trust", lambda *_: {}["spread"])
    name, about, note = ResultHandlers(handlers.service).choose_checkpoint("org/name", "", Analysis())
    assert note == fragments.callout(LOADING) and name == about == gr.skip()


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return functools.partial(
        build, Analyzer(checkpoint.load(pretrained.BUNDLED), None, pretrained.Origin(folder=pretrained.BUNDLED))
    )


def test_a_full_queue_of_gradio_is_reported_in_the_same_sentence(page):
    built = page()
    built.queue(max_size=0)
    served = TestClient(Server.create_app(built, app_kwargs={"exception_handlers": {503: app.queue_full}}))
    answer = served.post("/gradio_api/queue/join", json={"data": [], "fn_index": 0, "session_hash": "a"})
    assert (answer.status_code, answer.json()["detail"]) == (503, BUSY)


def test_a_deletion_empties_all_that_the_page_shows_and_forgets_what_the_other_pages_show(page):
    built = page()
    Server.create_app(built)
    (event,) = [each for each in built.fns.values() if each.name == "delete"]
    analysis, service = event.outputs[0], built.service
    for session in ("a", "b", "stranger"):
        service.browsers.enter(session, ("s" if session == "stranger" else "t") * 64)
        built.state_holder[session][analysis._id] = Analysis(path=session)
    emptied = dict(zip([each.elem_id for each in event.outputs], event.fn(ONE), strict=True))
    assert emptied["live-chart"] is None and emptied["range"] == "" and not emptied["live-save"]["interactive"]
    kept = [built.state_holder[session][analysis._id].path for session in ("a", "b", "stranger")]
    assert kept == ["a", "", "stranger"]  # of its own page the new value is on its way


def test_what_gradio_keeps_of_a_page_is_forgotten_an_hour_after_its_last_use_unless_it_is_open(page):
    built = page()
    Server.create_app(built)
    service, holder = built.service, built.state_holder
    for session in ("closed", "recent", "streaming", "beating"):
        assert holder[session].config_values  # Gradio's copy of the page
        if session != "recent":
            holder.time_last_used[session] -= timedelta(hours=1, seconds=1)
    with (
        service.open_pages.connected("streaming"),
        service.open_pages.heartbeats.holding("beating", pytest.fail),
    ):
        service.end_idle_sessions()
    assert set(holder.session_data) == set(holder.time_last_used) == {"recent", "streaming", "beating"}


def test_a_page_that_comes_back_in_the_moment_when_it_would_be_forgotten_stays(page):
    built = page()
    Server.create_app(built)
    holder = built.state_holder
    kept = holder["sleeping"]
    holder.time_last_used["sleeping"] -= timedelta(hours=1, seconds=1)
    built.forget_unused(
        lambda session: holder[session] is None
    )  # it is used again after the time of its last use was read
    assert holder.session_data == {"sleeping": kept}


def test_a_deletion_of_one_recording_takes_its_result_from_the_other_pages_of_the_browser_alone(page, monkeypatch):
    monkeypatch.setattr(Analyzer, "forget_key", lambda *given: True)
    built = page()
    Server.create_app(built)
    service, (event,) = built.service, [each for each in built.fns.values() if each.name == "do"]
    (changing,) = [each for each in built.fns.values() if each.name == "change_part"]
    analysis, timeline = event.inputs[1], changing.inputs[2]
    shown = {"a": "other", "b": "gone", "c": "other", "stranger": "gone"}
    for session, key in shown.items():
        owner = service.browsers.enter(session, ("s" if session == "stranger" else "t") * 64)
        features = replace(factories.observations(6.0), key=key)
        built.state_holder[session][analysis._id] = Analysis(features=features)
        built.state_holder[session][timeline._id] = factories.timeline(factories.probabilities(2))
        service.memory._recents.add(owner, replace(RECENT, key="gone", id="r"))
    stopped = []
    for session, key in {"a": "gone", "b": "gone", "c": "other"}.items():  # the page a shows another result by now
        service.writings[session] = SimpleNamespace(key=key, stop=lambda session=session: stopped.append(session))
    running = SimpleNamespace(running=True, key="gone", path="")
    service.watched["c"] = running, None
    with pytest.warns(UserWarning, match="a.mp4 is being analysed on another page"):
        event.fn("forget r #1", Analysis(), ONE)
    running.running = False
    answer, *_ = event.fn("forget r #2", Analysis(), ONE)
    assert 'data-emptied="b"' in answer and stopped == ["a", "b"] and list(service.writings) == ["c"]
    for session, key in shown.items():
        result, drawn = (built.state_holder[session][state._id] for state in (analysis, timeline))
        assert (result.features and result.features.key, drawn is None) == (
            (None, True) if session == "b" else (key, False)
        )
    at_b = SimpleNamespace(session_hash="b", client=ONE.client)
    for now, is_emptied in (
        (Analysis(), True),
        (Analysis(path="next.mp4"), False),
    ):  # another file was chosen meanwhile
        assert isinstance(event.fn("empty #1", now, at_b)[1], Analysis) is is_emptied


def test_a_job_that_a_deletion_has_stopped_shows_nothing_more(handlers, monkeypatch):
    job = SimpleNamespace(asked_to_stop=False)

    def watched(*_, **__):
        yield Analysis(features=factories.observations(1.0)), ""
        if deleted:
            handlers.service.delete_session_data("a")
            job.asked_to_stop = True
        yield Analysis(features=factories.observations(2.0)), ""

    monkeypatch.setattr(job_handlers, "watch", watched)
    for deleted in (False, True):
        assert len([*handlers._show(job, Analysis(), ONE)]) == 2 - deleted


def test_every_page_of_the_rows_can_be_reached(page):
    built = page()
    (event,) = [
        each for each in built.fns.values() if each.name == "shown_table" and isinstance(each.inputs[-1], gr.Slider)
    ]
    timeline = factories.timeline(factories.probabilities(2 * PAGE_ROWS + 1))
    asked = [timeline, "", False, True, 3]
    built.validate_inputs(event, asked)
    rows, choice = event.fn(*asked)
    assert len(rows["data"]) == 1 and (choice["value"], choice["maximum"]) == (3, 3)
    for wrong in (10**400, float("inf"), "3"):
        asked[-1] = wrong
        built.validate_inputs(event, asked)
        assert asked[-1] == 1


def test_the_browser_keeps_the_progress_of_no_component(page):
    # It would copy all properties of the outputs, the chart's among them, at each message of an event.
    events = [each for each in page().fns.values() if each.outputs and each.outputs[0].get_block_name() != "api"]
    with_progress = [each.name for each in events if each.show_progress_on != []]
    assert len(events) > 50 and with_progress in ([], ["load_example"])  # the latter is Gradio's own


@pytest.mark.parametrize(("setting", "shown"), [("off", False), ("on", True)])
def test_the_tab_for_links_is_shown_only_if_links_are_on(page, monkeypatch, setting, shown):
    monkeypatch.setenv("EMOREC_LINKS", setting)
    (tab,) = [block for block in page().blocks.values() if isinstance(block, gr.Tab) and block.id == "link"]
    assert tab.visible is shown
