"""Live sessions on the server: what is taken and answered, limits, the end of a session, and the route's guard."""

import io
import time
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from emorec.errors import EmorecError
from emorec.live import session as library
from emorec.media import sandbox
from emorec.ui.jobs.analyzers import AnalyzerCache
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.handlers import JobHandlers
from emorec.ui.page.live import UNSAVED, LiveHandlers
from emorec.ui.page.recents_handlers import RecentsHandlers
from emorec.ui.page.recordings_handlers import RecordingsHandlers
from emorec.ui.server.limits import Visitor
from emorec.ui.service import Service
from emorec.ui.sessions import browsers
from emorec.ui.sessions.live import (
    FROM_THERE,
    IDLE,
    KEEP,
    OVER,
    TOO_MANY,
    LiveInput,
    LiveSession,
    LiveSessions,
    SessionOver,
)
from support.clock import Clock
from support.one_face import OneFace
from support.small_page import API, serving, wait_for

RATE = 16_000
ONE = SimpleNamespace(session_hash="a", client=SimpleNamespace(host="127.0.0.1"))


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    monkeypatch.setattr(library.detection, "detector", lambda file: OneFace())


@pytest.fixture
def sessions():
    made = LiveSessions(most=1, clock=Clock())
    yield made
    for session in ("a", "b"):
        made.end(session)


def start(sessions, analyzer, session, address=""):
    sessions.start(Visitor(session, address), analyzer, "", "live now")


def jpeg(value=120, size=(96, 72), form="JPEG"):
    out = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(out, form)
    return out.getvalue()


def sent(second):
    sound = (3000 * np.sin(np.arange(RATE) / 5)).astype("<i2").tobytes()
    return LiveInput(picture=jpeg(), picture_at=second + 0.1, sound=sound, sound_at=float(second), rate=RATE)


def test_what_a_browser_sends_is_read_and_becomes_a_result(sessions, analyzer):
    start(sessions, analyzer, "a")
    for second in range(4):
        answer = sessions.receive("a", sent(second))
    deadline = time.monotonic() + 60
    while answer["newest"] != 3.1 or answer["until"] < 4.0:
        assert time.monotonic() < deadline, answer
        answer = sessions.receive("a", LiveInput())
    assert answer["face"] and answer["emotion"] and answer["words"].startswith((answer["emotion"], "unsure ("))
    assert answer["dropped"] <= 3
    assert len(sessions.timeline("a", {"fusion": "face"})) == 4
    features, checkpoint = sessions.save("a")
    assert features.complete and checkpoint == "" and features.media["name"] == "live now"
    assert len(features.arrays["voice_time"]) == 16 and features.arrays["frame_time"][-1] == 3.1
    with pytest.raises(SessionOver, match="has ended"):
        sessions.receive("a", sent(5))


def test_no_more_sessions_are_followed_than_the_server_can(sessions, analyzer):
    start(sessions, analyzer, "a")
    with pytest.raises(EmorecError) as refused:
        start(sessions, analyzer, "b")
    assert str(refused.value) == TOO_MANY
    sessions.receive("a", sent(0))
    sessions._clock.now += IDLE + 1
    start(sessions, analyzer, "b")  # nothing came from the other one for some time
    assert sessions.active("b") and not sessions.active("a")
    with pytest.raises(SessionOver):
        sessions.receive("a", sent(1))
    assert sessions.save("a")[0].duration == pytest.approx(1.0)  # what it knew is kept


def test_an_address_has_one_session_unless_many_people_share_it(analyzer):
    sessions = LiveSessions(most=5, clock=Clock())
    start(sessions, analyzer, "a", "8.8.8.8")
    with pytest.raises(EmorecError) as refused:  # though the server could follow more
        start(sessions, analyzer, "b", "8.8.8.8")
    assert str(refused.value) == FROM_THERE
    start(sessions, analyzer, "c", "10.0.0.1")
    start(sessions, analyzer, "d", "10.0.0.1")
    for session in "acd":
        sessions.end(session)


def test_a_session_that_is_not_heard_of_is_forgotten(sessions, analyzer):
    start(sessions, analyzer, "a")
    sessions._clock.now += KEEP + 1
    sessions.end_idle()
    assert sessions.timeline("a", {}) is None and not sessions.stop("a")


def test_a_session_has_a_longest_time(sessions, analyzer, monkeypatch):
    start(sessions, analyzer, "a")
    monkeypatch.setattr("emorec.ui.sessions.live.MAX_SECONDS", 1.5)
    sessions.receive("a", LiveInput(sound=bytes(4 * RATE)))
    sessions._get("a").live.close()
    with pytest.raises(SessionOver, match="at most 120 minutes"):
        sessions.receive("a", sent(2))
    assert sessions.save("a")[0].duration == 2.0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (LiveInput(picture=b"no picture", picture_at=1.0), "not a picture that can be read"),
        (LiveInput(picture=jpeg(form="PNG"), picture_at=1.0), "send a whole JPEG"),
        (LiveInput(picture=jpeg(size=(1300, 8)), picture_at=1.0), "at most 1280 pixels"),
        (LiveInput(sound=bytes(100), rate=1), "a rate that is not possible"),
        (LiveInput(sound=bytes(100), sound_at=float("nan")), "is not possible; give seconds"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(given, sentence, sessions, analyzer):
    start(sessions, analyzer, "a")
    with pytest.raises(EmorecError, match=sentence):
        sessions.receive("a", given)
    sessions.receive("a", sent(2))  # and the session goes on


def test_a_jpeg_is_decoded_in_the_sandbox():
    assert np.abs(sandbox.jpeg(jpeg(200), 100).astype(int) - 200).max() <= 2
    assert sandbox.jpeg(jpeg(), 100).shape == (72, 96, 3)


def test_a_session_ends_with_the_visit_and_with_the_deletion(analyzer, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    service = Service(analyzer)
    for end in (service.end_session, service.delete_session_data):
        start(service.live, analyzer, "a")
        end("a")
        with pytest.raises(SessionOver):
            service.live.receive("a", sent(0))


def test_a_result_that_did_not_reach_the_browser_is_saved_again(sessions, analyzer):
    start(sessions, analyzer, "a")
    sessions.receive("a", sent(0))
    assert sessions.save("a")[0].duration == sessions.save("a")[0].duration == pytest.approx(1.0)


@pytest.fixture
def browser(analyzer, tmp_path, monkeypatch):
    """The service, and what loads another page of one browser: the values of the tab, without the chart."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    service = Service(analyzer)
    handlers = RecentsHandlers(service, JobHandlers(service), RecordingsHandlers(service))

    def load(session, token="a" * 40):
        return handlers.arrive(token, SimpleNamespace(session_hash=session, client=ONE.client))[-5:]

    yield SimpleNamespace(service=service, live=service.live, load=load)
    for session in ("before", "after", "stranger"):
        service.live.end(session)


def test_a_reload_finds_the_live_session_again(browser, analyzer, capsys):
    browser.load("before")
    start(browser.live, analyzer, "before")
    browser.live.receive("before", sent(0))
    browser.service.end_session("before")
    assert all("value" not in each for each in browser.load("stranger", "b" * 40))
    note, timer, begin, end, save = browser.load("after")
    assert "live session of 0:01 that ended with its page is still here" in capsys.readouterr().out
    assert "0:01 of the session" in note and 'data-session=""' in note
    assert timer["active"] and begin["interactive"] and save["interactive"] and not end["interactive"]
    assert not browser.live.running("after") and browser.live.save("after")[0].duration == pytest.approx(1.0)
    assert not browser.live.stop("before") and not browser.live.stop("stranger")


def test_a_live_session_that_is_deleted_while_a_page_takes_it_is_gone(browser, analyzer, monkeypatch):
    browser.load("before")
    start(browser.live, analyzer, "before")
    browser.live.receive("before", sent(0))
    stop = LiveSession.stop

    def delete_during(session):
        monkeypatch.setattr(LiveSession, "stop", stop)
        stop(session)
        browser.service.delete_session_data("after")

    browser.service.browsers.leave("before")
    monkeypatch.setattr(LiveSession, "stop", delete_during)
    assert all("interactive" not in each for each in browser.load("after"))
    assert not browser.live.stop("before") and not browser.live.stop("after")


def test_a_reload_says_nothing_of_a_live_session_without_anything(browser, analyzer):
    browser.load("before")
    start(browser.live, analyzer, "before")
    browser.service.end_session("before")
    assert all("interactive" not in each for each in browser.load("after"))
    assert not browser.live.stop("before") and not browser.live.stop("after")


@pytest.mark.parametrize("silence", [0.0, IDLE + 1])
def test_a_page_takes_the_live_session_of_one_in_doubt_only_if_that_is_silent(silence, browser, analyzer, monkeypatch):
    browser.load("before")
    browser.live._clock = clock = Clock()
    start(browser.live, analyzer, "before")
    browser.live.receive("before", sent(0))
    clock.now = silence
    monkeypatch.setattr(browser.service.open_pages.heartbeats, "is_held", "before".__eq__)
    browser.load("after")
    assert browser.live.running("before") is not bool(silence)
    assert browser.live.stop("after") is bool(silence)


def test_a_browser_that_does_not_come_back_loses_its_live_session(browser, analyzer, monkeypatch):
    monkeypatch.setattr(browsers, "COMES_BACK_WITHIN", 0.0)
    browser.load("before")
    start(browser.live, analyzer, "before")
    browser.live.receive("before", sent(0))
    browser.service.end_session("before")
    assert wait_for(lambda: browser.live.timeline("before", {}) is None)


def test_the_buttons_of_the_tab(analyzer, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    handlers = LiveHandlers(Service(analyzer))
    for problem in ("denied", "<script>"):
        note, timer, begin, end, save = handlers.start(problem, "", "", ONE)
        assert note.count(".</div>") == 1 and "script" not in note and not timer["active"] and begin["interactive"]
    with pytest.warns(match="has ended"):
        *_, timer, begin, end, save = handlers.save(Analysis(), ONE)
    assert begin["interactive"] and not (timer["active"] or end["interactive"] or save["interactive"])
    note, timer, begin, end, save = handlers.start("", "", "", ONE)
    assert 'data-session="a"' in note and timer["active"] and save["interactive"] and not begin["interactive"]
    handlers.service.live.receive("a", sent(0))
    assert handlers.stop(ONE)[-1]["interactive"]  # Save
    analysis, revision, words, _, _, person, part, *_ = handlers.save(Analysis(), ONE)
    assert (person["value"], part) == (-1, "")  # of another recording
    assert analysis.features.duration == pytest.approx(1.0) and analysis.name.startswith("live 20")
    assert revision and "Saved 0:01 of the live session" in words
    handlers.start("", "", "", ONE)
    handlers.service.live.stop("a")
    with pytest.warns(match="nothing to save"):
        *_, begin, end, _ = handlers.save(Analysis(), ONE)
    assert begin["interactive"] and not end["interactive"]
    handlers.service.live.end("a")


def test_a_session_that_was_not_saved_is_replaced_only_after_a_question(analyzer, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    handlers = LiveHandlers(Service(analyzer))

    def pressed(handler, *given):
        note, timer, begin, end, save = handler(*given, ONE)[-5:]
        return note, (begin["interactive"], end["interactive"], save["interactive"])

    pressed(handlers.start, "", "", "")
    assert pressed(handlers.stop)[1] == (True, False, False)  # there is nothing to save
    assert "not kept any more" in pressed(handlers.start, UNSAVED, "", "")[0]
    pressed(handlers.start, "", "", "")
    handlers.service.live.receive("a", sent(0))
    assert pressed(handlers.stop)[1] == (True, False, True)
    for problem, words, asked in ((UNSAVED, "0:01 of the last session are not saved.", True), ("denied", "", False)):
        note, interactive = pressed(handlers.start, problem, "", "")
        assert words in note and ("data-asked" in note) is asked and interactive == (True, False, True)
    note, interactive = pressed(handlers.save, Analysis())
    assert "Saved 0:01 of the live session" in note and interactive == (True, False, False)
    assert not handlers.service.live.unsaved("a")
    assert handlers.draw("late", 3.0, "everyday", "speaker", "stacked", ONE)[-1]["interactive"] is False
    assert handlers.service.live.hand_over("a", "b") and handlers.service.live.unsaved("b")  # it shows no result
    handlers.service.live.end("b")


def test_a_session_waits_for_a_checkpoint_that_is_being_loaded(analyzer, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    handlers = LiveHandlers(Service(analyzer))
    handlers.service.analyzers = AnalyzerCache(analyzer, lambda name: analyzer)
    note, _, begin, _, save = handlers.start("", "org/name", "", ONE)
    assert "still being loaded; press the button again" in note and "data-session" not in note
    assert begin["interactive"] and not save["interactive"]
    handlers.service.analyzers.get("org/name")
    handlers.start("", "org/name", "", ONE)
    handlers.service.live.receive("a", sent(0))
    assert handlers.save(Analysis(), ONE)[0].checkpoint == "org/name"


def test_the_buttons_follow_a_session_that_the_server_ends(analyzer, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    handlers = LiveHandlers(Service(analyzer))

    def ticked():
        _, *state = handlers.draw("late", 3.0, "everyday", "speaker", "stacked", ONE)
        return [each.get("active", each.get("interactive")) for each in state]

    assert ticked() == [False, True, False, False]  # timer, Start, Stop, Save
    handlers.start("", "", "", ONE)
    assert ticked() == [None] * 4
    handlers.service.live.receive("a", sent(0))
    handlers.service.live.stop("a")  # as after two hours
    assert ticked() == [False, True, False, True]
    handlers.service.live.end("a")
    assert ticked() == [False, True, False, False]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("temp-dir")) as running:
        yield running


def test_the_route_is_guarded(served):
    with httpx.Client(base_url=served.address, timeout=60) as visitor, httpx.Client(base_url=served.address) as other:
        page = visitor.get("/")
        other.get("/")
        assert page.headers["permissions-policy"].startswith("camera=(self), microphone=(self)")
        assert visitor.get("/health").headers["permissions-policy"].startswith("camera=(), microphone=()")
        answer = visitor.post(f"{API}/live/mine?picture=1.5&length=3", content=b"abcdef")
        assert (answer.status_code, answer.json()) == (200, {"session": "mine", "picture": 3})
        assert other.post(f"{API}/live/mine", content=b"").status_code == 403
        assert visitor.get(f"{API}/live/mine").status_code == 404
        assert visitor.post(f"{API}/live/mine", content=bytes(1_100_000)).status_code == 413
        elsewhere = {"origin": "http://elsewhere.example"}
        assert visitor.post(f"{API}/live/mine", content=b"", headers=elsewhere).status_code == 403
        wrong = ("length=7", "length=-1", "length=x", "picture=x", "rate=1e400")
        for query in (*wrong, "picture=nan", "picture=inf", "sound=-inf"):
            answer = visitor.post(f"{API}/live/mine?{query}", content=b"abcdef")
            assert answer.status_code == 400 and answer.json()["detail"].endswith("open the page again.")
    assert OVER.endswith(".")
