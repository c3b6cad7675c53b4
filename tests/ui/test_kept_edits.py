"""What a visitor says of persons and markers is kept with the recent analysis, and used for the results of the list."""

import csv
import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from emorec.analyzer import Analyzer
from emorec.annotation import Marker
from emorec.errors import EmorecError
from emorec.extraction.options import Settings
from emorec.extraction.people import People, Person
from emorec.extraction.people_edits import rename
from emorec.ui.page import figures, layout
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.figures import Choices
from emorec.ui.page.handlers import JobHandlers
from emorec.ui.page.kept_edits import FINISHED, SETTLED, KeptEdits
from emorec.ui.page.marker_panel import PageMarkers
from emorec.ui.page.people_handlers import PeopleEdits, PeopleHandlers
from emorec.ui.page.recents_handlers import RecentsHandlers
from emorec.ui.page.recordings_handlers import LIST, RecordingsHandlers
from emorec.ui.service import Service
from emorec.ui.sessions import memory
from emorec.ui.sessions.batch import DONE
from emorec.ui.sessions.memory import NO_EDITS, Edits
from emorec.ui.sessions.recents import Recent
from support import factories, two_people
from support.pages import analyze, await_cards, give_name, visiting
from support.small_page import wait_for

ONE, OTHER = (SimpleNamespace(session_hash=name, client=SimpleNamespace(host="127.0.0.1")) for name in "ab")
ANNA = PeopleEdits("x", People((Person(number=0, name="Anna"),)))
LOOK = PageMarkers("x", (Marker(2.0, "look"), Marker(90.0, "of another session")))
EVA = PeopleEdits("x", People((Person(number=0, name="Eva"),)))
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


def keep(kept, analysis, page, edited=None, marked=None):
    """What the page does when a state changes; the list."""
    listed = kept.keep_people(analysis, edited, page) if edited else None
    return kept.keep_markers(analysis, marked, page) if marked else listed


def in_list(lists, features, folder, *names):
    """Recordings of the list that are done, the first of which is the recent analysis r, the next r2."""
    batch = lists.recordings.batch("a")
    choices = Choices(checkpoint="", settings=Settings(), inference=EVERYBODY)
    for name, recent in zip(names, ("r", "r2"), strict=False):
        item = batch.add(name, f"/{name}")
        item.result = figures.make_figures(lists.service, item, {}, choices, recent, folder, features)
        item.state = DONE
    return batch.items


def written(item):
    return json.loads(item.result.files["json"].read_text())


def test_names_and_markers_are_there_when_the_recording_is_opened_again_by_the_same_browser(lists, service, shown):
    kept = KeptEdits(service, lists)
    assert opened(lists, ONE) == ("person 0", [])
    keep(kept, shown, ONE, ANNA, LOOK)
    assert opened(lists, ONE) == ("Anna", ["look", "of another session"])
    assert opened(lists, OTHER) == ("person 0", [])
    again = replace(shown, id="y")
    assert keep(kept, again, ONE, EVA, PageMarkers("x")) == (gr.skip(),) * LIST  # said of what was shown before
    edited, marked = kept.restore(again, EVA, PageMarkers("x"), ONE)
    assert edited.features(again).names[0] == "Anna" and len(marked.of(again)) == 2
    keep(kept, shown, ONE, PeopleEdits("x"), PageMarkers("x"))
    assert opened(lists, ONE) == ("person 0", [])


def test_the_end_of_a_job_changes_nothing_after_all_was_deleted(lists, service):
    nothing = KeptEdits(service, lists).finish(Analysis(), PeopleEdits(), PageMarkers(), ONE)
    assert nothing == (gr.skip(),) * 7  # not: "Stopped before anything was analysed."


def test_what_was_said_is_deleted_with_the_analysis(lists, service, shown, monkeypatch):
    monkeypatch.setattr(Analyzer, "forget_key", lambda *given: True)
    for delete in ("forget r #1", "forget-all #1"):
        service.memory._recents.add(service.browsers.owner("a"), replace(service.memory.recent_analyses("b")[0]))
        keep(KeptEdits(service, lists), shown, ONE, ANNA, LOOK)
        assert service.memory.edits("a", "k") != NO_EDITS
        lists.do(delete, Analysis(), ONE)
        assert service.memory.edits("a", "k") == NO_EDITS
    keep(KeptEdits(service, lists), shown, ONE, ANNA, LOOK)  # on another page that still shows it
    assert service.memory.edits("a", "k") == NO_EDITS


def test_a_deletion_that_fails_for_one_recording_empties_the_page_of_another_that_is_deleted(
    lists, service, shown, monkeypatch
):
    first = replace(service.memory.recent_analyses("a")[0], key="first", id="r1")
    service.memory._recents.add(service.browsers.owner("a"), first)

    def forget_key(analyzer, key, cache):
        if key == "k":
            raise EmorecError("It could not be deleted.")
        return True

    monkeypatch.setattr(Analyzer, "forget_key", forget_key)
    analysis = replace(shown, features=replace(shown.features, key="first"))
    with pytest.warns(UserWarning, match="It could not be deleted"):
        _, emptied, *_ = lists.do("forget-all #1", analysis, ONE)
    assert emptied.features is None
    assert [each.key for each in service.memory.recent_analyses("a")] == ["k"]


def test_the_results_of_the_list_follow_what_is_said(lists, service, shown, tmp_path):
    (item,) = in_list(lists, shown.features, tmp_path / "out", "a.mp4")
    assert item.result.persons == 2
    everybody = PeopleEdits("x", People((Person(number=0, name="Anna"), Person(number=1, name="Eva"))))
    listed = keep(KeptEdits(service, lists), shown, ONE, everybody, LOOK)
    assert len(listed) == LIST and "a.mp4" in listed[0]
    with item.result.files["csv"].open() as file:
        assert {row["name"] for row in csv.DictReader(file)} == {"Anna", "Eva"}
    assert [marker["label"] for marker in written(item)["markers"]] == ["look"]


def test_two_pages_of_a_browser_keep_what_the_other_says(lists, service, shown):
    kept, other = KeptEdits(service, lists), replace(shown, id="y")
    keep(kept, shown, ONE, edited=ANNA)
    keep(kept, other, ONE, marked=PageMarkers("y", LOOK.markers))  # its persons were opened before Anna had a name
    assert opened(lists, ONE) == ("Anna", ["look", "of another session"])


def test_names_that_two_pages_of_a_browser_give_are_both_kept(lists, service, shown):
    service.browsers.enter("c", "1" * 64)  # another page of the browser of ONE
    second, kept = SimpleNamespace(session_hash="c", client=ONE.client), KeptEdits(service, lists)
    other = replace(shown, id="y", running=True)  # was opened, or begun, before Anna had a name
    keep(kept, shown, ONE, edited=ANNA)
    eva = PeopleEdits("y", rename(shown.features, 1, "Eva"))
    _, _, _, _, _, merged, _ = kept.finish(other, eva, PageMarkers(), second)
    kept.keep_all(replace(other, running=False), eva, PageMarkers(), second)  # a name may have been given meanwhile
    assert service.memory.edits("a", "k").people.names() == {0: "Anna", 1: "Eva"} == merged.people.names()
    keep(kept, shown, ONE, edited=PeopleEdits("x"))  # takes Anna away, and not Eva, of whom this page knows nothing
    assert service.memory.edits("a", "k").people.names() == {1: "Eva"}
    assert opened(lists, ONE)[0] == "person 0"
    keep(kept, shown, ONE, edited=PeopleEdits("x"))  # it is shown Eva now, and undoes all
    assert service.memory.edits("a", "k").people.names() == {}


def test_persons_that_another_page_has_set_back_during_an_analysis_are_set_back_at_its_end(lists, service, shown):
    service.browsers.enter("c", "1" * 64)
    second, kept = SimpleNamespace(session_hash="c", client=ONE.client), KeptEdits(service, lists)
    running = replace(shown, running=True)
    keep(kept, running, ONE, edited=ANNA)
    assert opened(lists, second)[0] == "Anna"
    keep(kept, replace(shown, id="y"), second, edited=PeopleEdits("y"))
    _, _, _, _, _, edited, _ = kept.finish(running, ANNA, PageMarkers(), ONE)
    assert edited == PeopleEdits("x")


def test_what_a_page_was_shown_is_forgotten_once_it_is_closed(lists, service, shown):
    service.browsers.enter("c", "1" * 64)
    for page in (ONE, SimpleNamespace(session_hash="c", client=ONE.client)):
        opened(lists, page)
        service.browsers.leave(page.session_hash)
    assert [*service.memory._said[service.browsers.owner("c")]] == [("c", "k")]


def test_a_name_is_kept_at_once(lists, service, shown):
    PeopleHandlers(service).rename(shown, PeopleEdits(), 0, "Anna", ONE)  # the page was loaded again just then
    assert opened(lists, ONE)[0] == "Anna"


def test_pages_that_speak_at_once_lose_nothing(service, shown, monkeypatch):
    other = threading.Thread(
        target=service.memory.keep_edits, args=["a", shown.features], kwargs={"markers": LOOK.markers}
    )

    def slow(said, **changes):
        if "people" in changes:
            other.start()
            other.join(0.3)  # it waits until this one has spoken
        return replace(said, **changes)

    monkeypatch.setattr(memory, "replace", slow)
    service.memory.keep_edits("a", shown.features, people=ANNA.people)
    other.join()
    assert service.memory.edits("a", "k") == Edits(people=ANNA.people, markers=LOOK.markers)


def test_what_was_said_stays_when_the_recording_is_analysed_with_other_choices(lists, service, shown):
    kept, recent = KeptEdits(service, lists), service.memory.recent_analyses("a")[0]
    service.memory._recents.add(service.browsers.owner("a"), replace(recent, key="l", id="s"))
    other = replace(shown, features=replace(shown.features, key="l"), id="old")
    keep(kept, other, ONE, PeopleEdits("old", EVA.people), PageMarkers("old", LOOK.markers))
    keep(kept, shown, ONE, edited=ANNA)
    other = replace(other, id="x")  # analysed again: the page still shows Anna, which is newer than Eva
    edited, marked = kept.restore(other, ANNA, PageMarkers(), ONE)
    assert edited == gr.skip() and marked.of(other) == LOOK.markers
    kept.keep_all(other, ANNA, PageMarkers(), ONE)
    assert service.memory.edits("a", "l").people == ANNA.people

    _, analysis, _, _, _, edited, _, _, marked, *_ = lists.do("open r #1", Analysis(), ONE)
    kept.keep_people(shown, PeopleEdits("x"), ONE)
    _, analysis, _, _, _, edited, _, _, marked, *_ = lists.do("open r #2", Analysis(), ONE)
    other = replace(other, id=analysis.id)  # nothing was said of what was opened, so nothing is taken away
    edited, _ = kept.restore(other, edited, marked, ONE)
    assert edited.people == ANNA.people and service.memory.edits("a", "l").people == ANNA.people


def test_a_part_of_a_recording_does_not_replace_the_results_of_all_of_it(lists, service, shown, tmp_path):
    kept, (item,) = KeptEdits(service, lists), in_list(lists, shown.features, tmp_path / "out", "a.mp4")
    before = item.result
    part = replace(shown, features=replace(shown.features, complete=False), running=True)
    assert keep(kept, part, ONE, edited=ANNA) == (gr.skip(),) * LIST and item.result is before
    kept.restore(shown, ANNA, PageMarkers(), ONE)
    assert "a.mp4" in kept.renew(shown, ONE)[0]
    assert written(item)["people"][0]["name"] == "Anna"
    assert kept.renew(shown, ONE) == (gr.skip(),) * LIST  # it has what is said


def test_results_of_one_content_under_two_names_keep_their_names(lists, service, shown, tmp_path):
    recent = service.memory.recent_analyses("a")[0]
    service.memory._recents.add(service.browsers.owner("a"), replace(recent, name="b.mp4", id="r2"))
    items = in_list(lists, shown.features, tmp_path / "out", "a.mp4", "b.mp4")
    keep(KeptEdits(service, lists), shown, ONE, edited=ANNA)
    assert [written(item)["media"]["name"] for item in items] == ["a.mp4", "b.mp4"]
    assert [written(item)["people"][0]["name"] for item in items] == ["Anna", "Anna"]


@pytest.mark.parametrize("end", ["delete_session_data", "_end"])
def test_results_that_are_written_anew_are_deleted_too(lists, service, shown, monkeypatch, end):
    owner, infer = service.browsers.owner("a"), figures.infer
    folder = service.files.folder("a")
    items = in_list(lists, shown.features, folder / "results", "a.mp4", "b.mp4")
    recent = service.memory.recent_analyses("a")[0]
    service.memory._recents.add(owner, replace(recent, name="b.mp4", id="r2"))
    deletion = threading.Thread(target=getattr(service, end), args=[owner])
    calls = []

    def slow(*given, **choices):
        calls.append(given)
        deletion.start()
        assert wait_for(lambda: owner not in service.batches)
        deletion.join(0.3)
        return infer(*given, **choices)

    monkeypatch.setattr(figures, "infer", slow)
    keep(KeptEdits(service, lists), shown, ONE, edited=ANNA)
    deletion.join()
    assert len(items) == 2 and len(calls) == 1 and not folder.exists()


def test_a_deleted_folder_is_not_made_anew(lists, shown, tmp_path):
    with pytest.raises(FileNotFoundError):
        in_list(lists, shown.features, tmp_path / "deleted" / "results", "a.mp4")
    assert not (tmp_path / "deleted").exists()


def test_the_end_of_an_analysis_restores_what_was_kept_for_its_recording(lists, service, shown):
    kept, running = KeptEdits(service, lists), replace(shown, id="y", running=True)
    keep(kept, shown, ONE, ANNA, LOOK)
    analysis, *_, edited, marked = kept.finish(running, PeopleEdits(), PageMarkers(), ONE)
    assert not analysis.running and edited.features(analysis).names[0] == "Anna" and len(marked.of(analysis)) == 2
    assert kept.finish(analysis, edited, marked, ONE) == (gr.skip(),) * FINISHED  # a page that was loaded: no job ended
    assert kept.finish(Analysis(), PeopleEdits(), PageMarkers(), ONE) == (gr.skip(),) * FINISHED  # all was deleted


def test_the_end_of_an_analysis_that_was_deleted_meanwhile_keeps_no_name(lists, service, shown, monkeypatch):
    monkeypatch.setattr(Analyzer, "forget_key", lambda *given: True)
    kept, running = KeptEdits(service, lists), replace(shown, running=True)
    lists.do("forget-all #1", Analysis(), ONE)
    analysis, *_ = kept.finish(running, ANNA, LOOK, ONE)
    kept.keep_all(analysis, ANNA, LOOK, ONE)
    assert service.memory.edits("a", "k") == NO_EDITS


def test_after_a_job_the_list_has_the_edits_that_were_made_meanwhile(lists, service, shown, tmp_path):
    (item,) = in_list(lists, shown.features, tmp_path / "out", "a.mp4")
    kept = KeptEdits(service, lists)
    assert kept.keep_all(shown, PeopleEdits(), PageMarkers(), ONE) == (gr.skip(),) * (LIST + SETTLED)
    assert "a.mp4" in kept.keep_all(shown, ANNA, PageMarkers(), ONE)[0]
    assert "Anna" in {row["name"] for row in written(item)["rows"]}


def test_after_a_job_the_page_shows_what_was_analysed_after_cancel(lists, service, shown):
    kept, session = KeptEdits(service, lists), ONE.session_hash
    before = replace(shown, features=replace(shown.features, until=4.0, complete=False), running=True)
    after = replace(shown.features, until=5.0, complete=False)
    for id_now, told in (("x", True), ("another", False)):  # another recording was chosen meanwhile
        service.watched[session] = SimpleNamespace(running=False, features=before.features), before
        analysis, status, *_ = kept.finish(before, PeopleEdits(), PageMarkers(), ONE)
        lists.jobs.ending[session][0].features = after  # while it stopped
        assert "Stopped at 0:04" in status and len(lists.after_job(ONE)) == 1 + LIST
        now = replace(analysis, id=id_now)
        *_, analysis, revision, status = kept.keep_all(now, PeopleEdits(), PageMarkers(), ONE)
        assert (analysis == gr.skip()) is (revision == gr.skip()) is (not told)
        assert status == gr.skip() if not told else "Stopped at 0:05" in status and analysis.features is after
        assert not lists.jobs.ending


def test_the_last_features_of_a_stopped_job_do_not_replace_what_was_begun_or_opened_meanwhile(
    lists, service, shown, monkeypatch
):
    page, kept, session = layout.build(service.analyzers.default), KeptEdits(service, lists), ONE.session_hash
    (state,) = {each._id for event in page.fns.values() for each in event.inputs if isinstance(each.value, Analysis)}
    monkeypatch.setattr(service, "page_shows", page.shows)
    stopped = replace(shown, features=replace(shown.features, until=4.0, complete=False))
    job = SimpleNamespace(features=replace(shown.features, until=5.0, complete=False))
    newer = replace(stopped, running=True, features=None)  # Analyze: the same recording, so the same ``id``
    shows = page.state_holder[session]

    def end(meanwhile):
        lists.jobs.ending[session], shows[state] = (job, "x"), stopped
        monkeypatch.setattr(kept, "renew", lambda *given: meanwhile() or (gr.skip(),) * LIST)  # takes a while
        return kept.keep_all(stopped, PeopleEdits(), PageMarkers(), ONE)[LIST:]

    assert end(lambda: None)[0].features is job.features
    assert end(lambda: shows.__setitem__(state, newer)) == (gr.skip(),) * SETTLED
    # The job has begun, and the page does not have the answer yet.
    assert end(lambda: service.watched.update({session: (job, newer)})) == (gr.skip(),) * SETTLED


def test_the_event_that_waits_for_the_end_of_a_job_has_no_edits_from_before(service):
    page = layout.build(service.analyzers.default)
    waiting = [number for number, event in page.fns.items() if event.name == "after_job"]
    keeping = [event for event in page.fns.values() if event.name == "keep_all"]
    assert len(waiting) == 2 and all(page.fns[number].inputs == [] for number in waiting)
    assert [trigger[0] for event in keeping for trigger in event.targets] == [None, None]
    assert [event.trigger_after for event in keeping] == waiting
    states = [type(block.value) for block in keeping[0].inputs]
    assert states == [Analysis, PeopleEdits, PageMarkers]


def test_a_name_is_there_that_was_given_just_before_a_reload(chromium, page_server, tmp_path):
    with visiting(chromium, page_server) as page:
        analyze(page, two_people.record(tmp_path / "reloaded.mkv"))
        page.click("#people > button")
        await_cards(page, "person 0", "person 1")
        page.wait_for_selector("#recents button.name")
        give_name(page, "Anna")
        page.reload()
        page.wait_for_selector("body[data-loaded]")
        page.click("#recents >> text=reloaded.mkv")
        page.wait_for_selector("#summary [data-complete]", state="attached")
        page.click("#people > button")
        await_cards(page, "Anna", "person 1")


def test_a_name_is_there_when_another_recording_was_opened_between(chromium, page_server, tmp_path):
    names = "two.mkv", "again.mkv"
    two_people.record(tmp_path / names[0])
    (tmp_path / names[1]).write_bytes((tmp_path / names[0]).read_bytes() + b"\0")
    with visiting(chromium, page_server) as page:

        def field_has(name):
            page.wait_for_function(
                "name => document.querySelector('#name :is(input, textarea)').value === name", arg=name
            )

        analyze(page, tmp_path / names[0])
        page.click("#people > button")
        await_cards(page, "person 0", "person 1")
        give_name(page, "Anna")
        await_cards(page, "Anna", "person 1")
        for again in (names[1], names[0]):
            page.get_by_label("Clear", exact=True).click()
            page.wait_for_selector("#player .empty")
            analyze(page, tmp_path / again)
            await_cards(page, *(("Anna", "person 1") if again == names[0] else ("person 0", "person 1")))
            field_has("Anna" if again == names[0] else "")
        page.click(f"#recents >> text={names[1]}")
        await_cards(page, "person 0", "person 1")
        field_has("")
        page.click(f"#recents >> text={names[0]}")
        await_cards(page, "Anna", "person 1")
        field_has("Anna")
