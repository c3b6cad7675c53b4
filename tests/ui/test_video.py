"""The annotated video on the page: written one after the other, with progress, and stopped when nobody needs it."""

import contextlib
import threading
from dataclasses import replace
from types import SimpleNamespace

import av
import gradio as gr
import pytest

from emorec.analyzer import Analyzer
from emorec.output import video as output
from emorec.ui import example, fragments
from emorec.ui.jobs.job_queue import JobQueue
from emorec.ui.jobs.writing import FULL, Writing
from emorec.ui.page import video
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.page.result_handlers import NOTHING_YET
from emorec.ui.server.limits import VIDEOS, Visitor
from emorec.ui.service import Service
from support import factories
from support.pages import analyze, change, visiting
from support.waiting import PATIENCE, until

ONE, OTHER = Visitor("a", "127.0.0.1"), Visitor("b", "127.0.0.1")
REQUEST = SimpleNamespace(session_hash="a", client=SimpleNamespace(host="127.0.0.1"))


class Slow:
    """Writes a tenth whenever ``go`` allows it."""

    def __init__(self):
        self.go, self.begun = threading.Semaphore(0), False

    def __call__(self, progress):
        self.begun = True
        for tenth in range(1, 11):
            assert self.go.acquire(timeout=PATIENCE)
            progress(tenth / 10)


def test_files_are_written_one_after_the_other_and_tell_how_far_they_are():
    queue, first, second = JobQueue(VIDEOS), Slow(), Slow()
    one = Writing(first, queue, ONE)
    other = Writing(second, queue, OTHER)
    until(lambda: first.begun and other.files_ahead == 1)
    first.go.release(3)
    until(lambda: one.share == 0.3)
    assert not second.begun
    first.go.release(7)
    until(lambda: second.begun)
    assert not one.running and not (one.problem or one.stopped) and other.files_ahead == 0
    other.stop()
    second.go.release()
    assert other.wait(PATIENCE) and other.stopped and other.share == 0.1 and len(queue) == 0


def test_nothing_is_written_for_a_client_that_has_left():
    slow, gone = Slow(), []
    one = Writing(slow, JobQueue(VIDEOS), ONE, lambda: bool(gone))
    slow.go.release()
    until(lambda: one.share == 0.1)
    gone.append(True)
    slow.go.release()
    assert one.wait(PATIENCE) and one.stopped


def test_a_visitor_has_one_video_at_a_time():
    queue, slow = JobQueue(VIDEOS), Slow()
    one = Writing(slow, queue, ONE)
    until(lambda: slow.begun)
    another = Writing(Slow(), queue, ONE)
    assert another.wait(PATIENCE) and another.problem == FULL
    one.stop()
    slow.go.release()


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Handlers whose video is written by a Slow, and what they are given of a page with a result."""
    slow = Slow()
    monkeypatch.setattr(video, "_write", lambda media, features, timeline, cut, file, hide, progress: slow(progress))

    @contextlib.contextmanager
    def new_download(session, key=None):
        yield tmp_path

    media = tmp_path / "clip.mp4"
    media.write_bytes(b"-")
    service = SimpleNamespace(
        files=SimpleNamespace(use=lambda session: None, new_download=new_download),
        visitor=Visitor.of,
        client_gone=lambda request, stays: lambda: False,
        writings={},
    )
    analysis = Analysis(path=str(media), features=factories.observations(4.0))
    return video.VideoHandlers(service), slow, [False, analysis, "", False, PeopleEdits()]


def write(handlers, page):
    return handlers.write(*page, timeline=factories.timeline(factories.probabilities(4)), request=REQUEST)


def test_it_says_how_far_it_is_and_can_be_stopped(given):
    handlers, slow, page = given
    steps = write(handlers, page)
    _, words, boxes, hidden, stop = next(steps)
    assert "Writing the video" in words and stop["visible"] and not (boxes["interactive"] or hidden["interactive"])
    slow.go.release(4)
    assert any("40%" in step[1] for step in steps)
    assert handlers.drawn(REQUEST) == gr.skip()  # another result: this video is still being written
    with pytest.warns(match="written already"):
        assert [*write(handlers, page)] == [(None, *[gr.skip()] * 4)]  # Stop stays
    handlers.stop(REQUEST)
    slow.go.release()
    file, words, boxes, _, stop = [*steps][-1]
    assert (file, words) == (None, fragments.callout(video.STOPPED)) and boxes["interactive"] and not stop["visible"]
    assert handlers.drawn(REQUEST) == ""
    assert "Writing the video" in next(write(handlers, page))[1]  # another one can begin


@pytest.mark.parametrize("written", [False, True])
def test_deletion_deletes_a_video_that_is_being_written(given, tmp_path, monkeypatch, written):
    handlers, slow, page = given
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(
        video, "_write", lambda media, features, timeline, cut, file, *_: file.write_text("face") and slow(_[-1])
    )
    handlers.service = service = Service(Analyzer(factories.checkpoint(), None))
    service.browsers.enter("a", "a" * 64)
    steps = write(handlers, page)
    next(steps)
    until(lambda: slow.begun)
    writing = service.writings["a"]
    monkeypatch.setattr(writing, "stop", lambda: (Writing.stop(writing), slow.go.release(10)))
    if written:
        slow.go.release(10)
        until(lambda: not writing.running)
    assert service.delete_session_data("a") == []
    file, words, *_ = [*steps][-1]
    assert (file, words) == (None, fragments.callout(video.STOPPED)) and not [*tmp_path.rglob("*.faces.mp4")]


def test_a_page_that_is_closed_stops_it(given):
    handlers, slow, page = given
    steps = write(handlers, page)
    next(steps)
    until(lambda: slow.begun)
    slow.go.release()
    steps.close()
    assert len(handlers._queue) == 0


def test_without_its_recording_there_is_no_video(given):
    handlers, _, page = given
    page[1] = replace(page[1], path=page[1].path + ".gone")
    assert [step[1] for step in write(handlers, page)] == [fragments.callout(video.GONE)]
    page[1] = Analysis()
    nothing = handlers.write(*page, timeline=None, request=REQUEST)
    assert [step[1] for step in nothing] == [fragments.callout(NOTHING_YET)]


def test_the_shown_part_becomes_a_video_with_boxes_and_hidden_faces(chromium, page_server, tmp_path):
    with visiting(chromium, page_server) as page:
        assert page.locator("#video").is_hidden()
        analyze(page, example.clip())
        for button, ending in (("video-boxes", ".faces.mp4"), ("video-hidden", ".faces-hidden.mp4")):
            with page.expect_download(timeout=60_000) as waiting:
                page.click(f"#{button}")
            name, file = waiting.value.suggested_filename, tmp_path / "all.mp4"
            waiting.value.save_as(file)
            assert name == example.clip().stem + ending
            with av.open(str(file)) as movie, av.open(str(example.clip())) as clip:
                assert movie.duration == pytest.approx(clip.duration, abs=200_000)
                assert movie.streams.video[0].height > clip.streams.video[0].height  # the timeline is below
            page.wait_for_selector(f"#video-status >> text={video.WRITTEN}")
        change(page, lambda: page.evaluate("window.emorecView.show(2, 5)"))
        page.check("#only input")
        page.wait_for_function("document.querySelector('#summary [data-rows]').dataset.rows < 6")
        with page.expect_download(timeout=60_000) as waiting:
            page.click("#video-boxes")
        waiting.value.save_as(tmp_path / "part.mp4")
        with av.open(str(tmp_path / "part.mp4")) as movie:
            assert 2_500_000 < movie.duration < 4_500_000
        assert page.locator("#video-stop").is_hidden()
        page.wait_for_selector(f"#video-status >> text={video.WRITTEN}")
        page.locator("#prior").get_by_label("Even").check()
        page.wait_for_function("!document.querySelector('#video-status').textContent.trim()")  # said of another result


def test_what_cannot_be_written_is_said_in_the_words_of_the_page():
    said = fragments.callout(output.NO_FACE.format(name="a.mp4")) + fragments.callout(
        output.NO_PICTURE.format(name="b")
    )
    assert "choose Video with boxes if its pictures may be shown" in said and "choose a video." in said
    assert "--" not in said
