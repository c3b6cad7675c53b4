"""What the page shows and keeps when several things happen to it: handlers, without a browser."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from emorec import files
from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.live import session as live_library
from emorec.output.summary import summary
from emorec.ui import file_fragments, fragments
from emorec.ui.page import list_downloads, recents
from emorec.ui.page.analysis import BUSY, Analysis
from emorec.ui.page.figures import Figures
from emorec.ui.page.handlers import GONE, NO_FILE, JobHandlers
from emorec.ui.page.live import LiveHandlers
from emorec.ui.page.recents_handlers import RecentsHandlers
from emorec.ui.page.recordings_handlers import RecordingsHandlers
from emorec.ui.server.limits import Visitor
from emorec.ui.service import Service
from emorec.ui.sessions import batch
from emorec.ui.sessions.files import KEEP, NOT_WRITTEN
from emorec.ui.sessions.live import TOO_MANY, LiveInput, LiveSessions
from emorec.ui.sessions.recents import Recent
from support import factories
from support.clock import Clock
from support.one_face import OneFace
from support.paths import ROOT

ONE = SimpleNamespace(session_hash="a", client=SimpleNamespace(host="127.0.0.1"))
ANALYZE = ("file", "late", "", "", 0, "mix", "", "", 0, 0)  # the choices of a click on Analyze


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return Service(Analyzer(factories.checkpoint(), None), clock=Clock())


@pytest.fixture
def lists(service, monkeypatch):
    monkeypatch.setattr(service, "start_job", lambda *_: SimpleNamespace(running=False))
    return RecentsHandlers(service, JobHandlers(service), RecordingsHandlers(service))


def uploaded(service, tmp_path, name="mine.wav"):
    file = tmp_path / "digest" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("x")
    return service.files.register_upload(file)


def warned(monkeypatch):
    said = []
    monkeypatch.setattr(gr, "Warning", said.append)
    return said


def test_a_live_session_is_not_saved_into_a_running_analysis(service, monkeypatch):
    monkeypatch.setattr(live_library.detection, "detector", lambda file: OneFace())
    said, handlers = warned(monkeypatch), LiveHandlers(service)
    handlers.start("", "", "", ONE)
    service.live.receive("a", LiveInput(sound=bytes(64_000)))
    *shown, _, _, _, save = handlers.save(Analysis(path="x", running=True), ONE)
    assert said == [BUSY] and shown[:7] == [gr.skip()] * 7 and save["interactive"]
    assert service.live.stop("a")  # it is still there
    service.live.end("a")


def test_a_live_session_that_cannot_begin_does_not_end_the_last_one(monkeypatch):
    monkeypatch.setattr(live_library.detection, "detector", lambda file: OneFace())
    sessions, analyzer = LiveSessions(most=1, clock=Clock()), Analyzer(factories.checkpoint(), None)
    sessions.start(Visitor("a", ""), analyzer, "", "first")
    sessions.stop("a")
    first = sessions._get("a")
    sessions.start(Visitor("b", ""), analyzer, "", "other")
    with pytest.raises(EmorecError, match=TOO_MANY):
        sessions.start(Visitor("a", ""), analyzer, "", "second")
    assert sessions._get("a") is first
    sessions.end("b")
    sessions.start(Visitor("a", ""), analyzer, "", "second")
    assert sessions._get("a") is not first and not sessions._get("a").stopped
    sessions.end("a")


def test_a_request_of_the_lists_that_fails_is_answered_all_the_same(lists, monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("/uploads/anna.mp4")

    said = warned(monkeypatch)
    monkeypatch.setattr(lists.recordings, "add", fail)
    ack, *changed = lists.do('add [{"path": "x", "name": "y"}] #7', Analysis(), ONE)
    assert 'data-ack="7"' in ack and changed[:7] == [gr.skip()] * 7
    assert len(said) == 1 and said[0].endswith("Try again.")
    assert "A request of the lists failed: RuntimeError" in caplog.text and "anna" not in caplog.text


def test_the_time_of_an_idle_session_begins_at_the_end_of_its_job(service, tmp_path, monkeypatch):
    file, clock = uploaded(service, tmp_path), service.files._clock
    assert service.files.claim("a", file)
    monkeypatch.setattr(service.history, "running", lambda session: True)
    clock.now = KEEP + 1
    service.end_idle_sessions()
    monkeypatch.setattr(service.history, "running", lambda session: False)
    clock.now += KEEP - 1
    service.end_idle_sessions()
    assert file.exists()
    clock.now += 2
    service.end_idle_sessions()
    assert not file.exists()


def test_the_list_of_recent_analyses_holds_all_of_a_list_and_shows_the_latest():
    found = [
        Recent(name=f"{number}.wav", at=0, until=1, duration=1, key="k", cache=None, fingerprint="")
        for number in range(batch.MAX_ITEMS)
    ]
    shown = recents.list_html(found)
    assert shown.count("<li") == recents.MAX_LISTED and f"latest 100 of {batch.MAX_ITEMS} are listed" in shown
    assert "are listed" not in recents.list_html(found[:100])
    from emorec.ui.sessions.recents import Recents

    known = Recents()
    for each in found:
        known.add("a", each)
    assert known.get("a", found[0].id).name == "0.wav"


def done(number):
    timeline = factories.timeline(factories.probabilities(4))
    figures = Figures(
        duration=4.0, persons=0, summary=summary(timeline), recent="", files={}, how="how", has_faces=False
    )
    return batch.Item(name=f"{number}.wav", path="", state=batch.DONE, result=figures)


def test_a_list_sends_only_what_has_changed(lists, monkeypatch):
    own = lists.recordings.batch("a")
    for number in range(3):
        item = done(number)
        own._items[item.id] = item
    waiting = own.add("last.wav", "")
    monkeypatch.setattr(batch.Batch, "running", property(lambda self: True))
    first = lists.both(ONE)
    assert "<table" in first[5] and lists.tick(ONE) == (gr.skip(),) * len(first)
    waiting.state, waiting.share = batch.WORKING, 0.5
    recent, listed, *_, table, _, _ = lists.tick(ONE)
    assert "50%" in listed and recent == table == gr.skip()
    waiting.state, waiting.result = batch.DONE, done(4).result
    recent, listed, *_, table, _, _ = lists.tick(ONE)
    assert file_fragments.file_name("last.wav") in table and "4 of 4 done" in listed and recent == gr.skip()
    other = SimpleNamespace(session_hash="b")  # another page has seen nothing yet
    service = lists.service
    service.batches["b"] = own
    assert "4 of 4 done" in lists.tick(other)[1]


def test_a_full_list_keeps_no_file_that_it_refuses_and_says_so(lists, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "MAX_ITEMS", 2)
    files = [uploaded(lists.service, tmp_path, f"{number}.wav") for number in range(4)]
    said = warned(monkeypatch)
    given = str([{"path": str(file), "name": file.name} for file in files]).replace("'", '"')
    ack = lists.do(f"add {given} #7", Analysis(), ONE)[0]
    assert 'data-ack="7"' in ack and " data-full>" in ack and len(said) == 1 and "at most" in said[0]
    assert [file.exists() for file in files] == [True, True, False, False]


def test_one_file_that_is_not_the_visitors_does_not_stop_the_others(lists, tmp_path, monkeypatch):
    file, said = uploaded(lists.service, tmp_path), warned(monkeypatch)
    given = str([{"path": path, "name": "n"} for path in (__file__, str(file))]).replace("'", '"')
    ack = lists.do(f"add {given} #1", Analysis(), ONE)[0]
    assert len(lists.recordings.batch("a").items) == 1 and "not uploaded" in said[0] and "full" not in ack


def test_no_other_recording_is_chosen_while_one_is_analysed(lists, tmp_path):
    file = uploaded(lists.service, tmp_path)
    running = Analysis(path="x", running=True, source="file")
    with pytest.raises(gr.Error, match=BUSY):
        lists.jobs.choose_file({"path": str(file)}, "webcam", running, ONE)
    assert lists.jobs.choose_file(None, "file", running, ONE) == (gr.skip(),) * 7


def test_removing_a_file_that_is_not_shown_leaves_the_page_as_it_is(lists, tmp_path):
    file = uploaded(lists.service, tmp_path)
    shown = lists.jobs.choose_file({"path": str(file)}, "file", Analysis(), ONE)
    assert shown[0].source == "file" and shown[-2] == ""  # all of it is shown
    assert lists.jobs.choose_file(None, "webcam", shown[0], ONE) == (gr.skip(),) * 7
    assert lists.jobs.choose_file(None, "file", shown[0], ONE)[0].path == ""


def test_analyze_takes_the_file_of_the_field_if_the_one_that_was_shown_is_gone(lists, tmp_path):
    file, jobs = uploaded(lists.service, tmp_path), lists.jobs
    given = {"path": str(file)}
    for shown in (Analysis(), Analysis(path=str(tmp_path / "gone.wav"))):
        assert jobs.start(shown, "", *ANALYZE, given, ONE)[0].path == str(file)
    with pytest.raises(gr.Error, match=NO_FILE):
        jobs.start(Analysis(), "", *ANALYZE, None, ONE)
    lists.service.files.remove_files("a", file)
    with pytest.raises(gr.Error, match=GONE):
        jobs.start(Analysis(), "", *ANALYZE, given, ONE)
    with pytest.raises(gr.Error, match=GONE):
        jobs.start(Analysis(path=str(file)), "", *ANALYZE, None, ONE)


@pytest.mark.parametrize("elsewhere", [ROOT / "app.py", ROOT / "none.py"])
def test_nobody_learns_which_files_the_server_has(lists, elsewhere):
    with pytest.raises(gr.Error, match="was not uploaded in this session"):
        lists.jobs.start(Analysis(), "", *ANALYZE, {"path": str(elsewhere)}, ONE)


def test_a_link_whose_file_is_gone_is_fetched_again(lists, tmp_path):
    link = "https://example.org/talk"
    fetched = Analysis(link=link, path=str(tmp_path / "talk.mp4"))
    assert lists.jobs.start(fetched, link, "link", *ANALYZE[1:], None, ONE)[0].path == ""
    Path(fetched.path).touch()
    assert lists.jobs.start(fetched, link, "link", *ANALYZE[1:], None, ONE)[0].path == fetched.path


@pytest.mark.parametrize("write", [files.write, files.write_result])
def test_a_download_that_cannot_be_written_leaves_nothing_and_names_no_path(service, monkeypatch, write):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(EmorecError) as failed, service.files.new_download("a") as folder:
        (folder / "part").write_text("x")
        write(folder / "file.csv", b"x")
    assert str(failed.value) == NOT_WRITTEN and not folder.exists()
    monkeypatch.undo()
    with service.files.new_download("a") as folder:
        write(folder / "file.csv", b"x")
    assert service.files.claim("a", folder / "file.csv")


def test_a_folder_that_cannot_be_made_is_the_same_sentence(lists, monkeypatch):
    own = lists.recordings.batch("a")
    own._items["x"] = done(1)

    def fail():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lists.service.files, "new_folder", fail)
    for kind in list_downloads.NAMES:
        with pytest.raises(gr.Error, match=NOT_WRITTEN):
            lists.recordings.downloader(kind)(ONE)


def test_the_summary_names_the_part_that_the_chart_beside_it_shows():
    timeline = factories.timeline(factories.probabilities(9))
    assert 'data-shown="2.000,4.500"' in fragments.result(timeline, (2.0, 4.5))
    assert "data-shown" not in fragments.result(replace(timeline))


def test_of_two_openings_of_the_camera_the_first_is_closed(chromium, tmp_path):
    """The script of the tab, without a server: Start is pressed twice before the camera opens, and then Stop."""
    live = (Path(fragments.__file__).parent / "page" / "assets" / "live.js").read_text(encoding="utf-8")
    devices = """
      window.open_ = [];
      const track = () => { const one = { on: true, stop() { one.on = false; } }; window.open_.push(one); return one; };
      Object.defineProperty(navigator, "mediaDevices", { value: { getUserMedia: () => new Promise((resolve) =>
        setTimeout(() => { const all = [track()]; resolve({ getTracks: () => all, getAudioTracks: () => [] }); }, 30)),
      } });
      Object.defineProperty(HTMLMediaElement.prototype, "srcObject", { set() {} });
    """
    html = f'<div id="live-view"><video></video></div><script>{devices}({live})();</script>'
    (tmp_path / "live.html").write_text(html, encoding="utf-8")
    page = chromium.new_page()
    page.goto((tmp_path / "live.html").as_uri())
    page.evaluate("Promise.all([emorecLive.open(), emorecLive.open()])")
    assert page.evaluate("open_.map((one) => one.on)") == [False, True]
    page.evaluate("emorecLive.stop()")
    assert page.evaluate("open_.map((one) => one.on)") == [False, False]
    page.close()
