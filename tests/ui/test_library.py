"""The tab Library in a real browser: found, compared, opened again; and what it does not show."""

import json
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

import emorec
from emorec.errors import EmorecError
from emorec.extraction.people import People, Person
from emorec.library.tables import write_tables
from emorec.output import trust
from emorec.ui import app, settings
from emorec.ui.page import stored_choices
from emorec.ui.page.analysis import ANYONE, Analysis
from emorec.ui.page.library_handlers import NO_ROWS, LibraryHandlers
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.page.result_handlers import ResultHandlers
from emorec.ui.service import Service
from emorec.ui.shelf import Shelf
from support import factories, make_media, page_process, result_folders
from support.pages import change, grave_faults, table, visiting


def served(folder, log, **more):
    """The page with ``folder`` as its library."""
    return page_process.serve_page("app.py", log, {"EMOREC_LIBRARY": str(folder)} | more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library") / "results"
    return folder, result_folders.batch(folder)


@pytest.fixture(scope="module")
def address(session_environment, made, tmp_path_factory):
    with served(made[0], tmp_path_factory.mktemp("log") / "log.txt") as address:
        yield address


@pytest.fixture(scope="module", params=[1280, 380])
def page(request, chromium, address):
    with visiting(chromium, address, viewport={"width": request.param, "height": 900}) as opened:
        opened.get_by_role("tab", name="Library").click()
        opened.wait_for_selector("#library-list [data-open]")
        yield opened


def names(page):
    return page.locator("#library-list .name").all_inner_texts()


def listed(page, count):
    page.wait_for_function("n => document.querySelectorAll('#library-list [data-open]').length === n", arg=count)


def test_analyses_are_listed_found_and_sorted(page):
    assert names(page) == ["cara-3.mp4", "ben-2.mp4", "anna-1.mp4"]
    assert page.locator("#library-list .ribbon i").count() > 0
    assert page.locator("#analyze").is_hidden()
    page.get_by_label("Find").fill("anna")
    listed(page, 1)
    page.get_by_label("Find").fill("")
    listed(page, 3)
    page.get_by_label("Order").click()
    page.get_by_role("option", name="Name").click()
    page.wait_for_function("document.querySelector('#library-list .name').textContent === 'anna-1.mp4'")
    assert "/operators" not in page.content()  # folders are nobody's business


def test_on_a_narrow_phone_all_of_it_can_be_read_and_reached(chromium, address):
    with visiting(chromium, address, viewport={"width": 360, "height": 800}, has_touch=True) as opened:
        tabs = opened.get_by_role("tab").evaluate_all(
            "all => all.map((tab) => [tab.textContent, tab.scrollWidth - tab.clientWidth, tab.offsetHeight,"
            " tab.getBoundingClientRect().right])"
        )
        assert len(tabs) == 5
        for name, cut, height, right in tabs:
            assert cut <= 0 and height >= 44 and right <= 360, name
        opened.get_by_role("tab", name="Live").click()
        opened.wait_for_selector("#live-save")
        rights = opened.locator("#live-buttons, #live-save").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().right)"
        )
        assert rights[1] <= rights[0]
        opened.get_by_role("tab", name="Library").click()
        opened.wait_for_selector("#library-list [data-open]")
        find, order = (opened.get_by_label(label).bounding_box() for label in ("Find", "Order"))
        assert order["y"] > find["y"] + find["height"]  # each has all of the width
        assert opened.locator(".to-compared").is_hidden()
        opened.check("#library-list [data-compare='anna-1']")
        opened.wait_for_selector("#library-first svg.marks")
        for empty in ("#player", "#awaited"):
            opened.wait_for_selector(empty, state="hidden")
        opened.get_by_role("button", name="See the comparison").tap()
        opened.wait_for_function(
            "Math.abs(document.querySelector('#library-compared').getBoundingClientRect().top) < 100"
        )
        opened.uncheck("#library-list [data-compare='anna-1']")
        opened.wait_for_selector(".to-compared", state="hidden")
        opened.wait_for_selector("#player", state="visible")


def test_two_are_compared_on_the_same_axis_with_means_of_all(page, made):
    for name in ("anna-1", "cara-3"):
        page.check(f"#library-list [data-compare='{name}']")
    page.wait_for_selector("#library-second svg.marks")
    page.wait_for_function("document.querySelector('.library-means h2')?.textContent === 'Means of 2 recordings'")
    page.wait_for_selector("#library-means-chart svg.marks")
    axes = [page.locator(f"#library-{which} .role-axis-label text").all_inner_texts() for which in ("first", "second")]
    assert axes[0] == axes[1] != []
    rows = page.locator(".library-means tbody tr").all_inner_texts()
    expected = [timeline.shares()[0]["happy"] for name, timeline in made[1].items() if name != "ben-2"]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=scheme == "dark")
        page.wait_for_timeout(500)  # colours change slowly
        assert grave_faults(page) == [], scheme
    page.emulate_media(color_scheme="light")
    happy = next(row for row in rows if row.startswith("happy"))
    assert f"{sum(expected) / 2:.1%}" in happy and " to " in happy
    page.uncheck("#library-list [data-compare='cara-3']")
    page.uncheck("#library-list [data-compare='anna-1']")
    page.wait_for_selector(".library-means", state="detached")


def test_one_is_opened_from_its_rows_and_can_be_downloaded(page, made):
    page.click("#library-list [data-open='ben-2']")
    page.wait_for_selector("#status >> text=/Opened ben-2.mp4 from the library, 0:28/")
    page.wait_for_selector("#timeline svg.marks")
    rows = table(page)
    timeline = made[1]["ben-2"]
    assert [float(row["start"]) for row in rows] == timeline.start.tolist()
    assert [row["dominant"] for row in rows] == timeline.dominant
    change(page, lambda: page.get_by_label("Lines", exact=True).check())
    change(page, lambda: page.get_by_label("Stacked", exact=True).check())
    page.click("#library-list [data-open='anna-1']")
    page.wait_for_selector("#status >> text=/Opened anna-1.mp4/")


def test_an_item_is_opened_again_after_the_page_was_loaded_again(chromium, address):
    with visiting(chromium, address) as opened:
        opened.get_by_role("tab", name="Library").click()
        opened.click("#library-list >> text=ben-2.mp4")
        opened.wait_for_selector("#status >> text=Opened ben-2.mp4")
        for looked_at in ("Video or audio", "Library"):  # with and without the fields of the tab Library
            opened.reload()
            opened.wait_for_selector("#reloaded button")
            opened.get_by_role("tab", name=looked_at).click()
            opened.get_by_role("tab", name="Picture").click()
            opened.click("#reloaded button")
            opened.wait_for_selector("#status >> text=Opened ben-2.mp4")
            opened.wait_for_selector("#reloaded", state="detached")


def test_without_a_folder_there_is_no_tab(chromium, page_server):
    with visiting(chromium, page_server) as opened:
        assert opened.get_by_role("tab", name="Library").count() == 0


@pytest.fixture(scope="module")
def analysed(session_environment, tmp_path_factory):
    """A loaded analyzer, and a library with a result of which the features are stored."""
    folder = tmp_path_factory.mktemp("stored")
    sound = folder / "voice.wav"
    make_media.record(sound, audio=make_media.Audio(codec="pcm_s16le", rate=16_000, duration=6, tones=((0, 6),)))
    loaded = emorec.load()
    (folder / "library" / "voice-1").mkdir(parents=True)
    cache = folder / "cache"
    *_, features = loaded.extract(sound, cache)
    write_tables(folder / "library" / "voice-1", loaded.infer(features), features)
    return loaded, folder / "library", cache


def opened(analysed, shared):
    loaded, folder, _ = analysed
    shelf = Shelf(folder)
    shelf.entries()
    service = SimpleNamespace(shelf=shelf, shared_cache=shared, analyzers=SimpleNamespace(default=loaded))
    analysis, _, _, words, *_ = LibraryHandlers(service).open("voice-1 #1", Analysis())
    return analysis, words


def test_with_its_features_it_is_opened_with_all_choices(analysed, monkeypatch):
    monkeypatch.setenv("EMOREC_CACHE", str(analysed[2]))
    analysis, words = opened(analysed, shared=True)
    assert analysis.features is not None and analysis.rows is None and "choices do not" not in words
    assert len(analysed[0].infer(analysis.features, step=0.5)) == 12


OWN = {"fusion": "voice", "step": 0.5, "window": 5.0, "smooth": 2.0, "prior": "even", "baseline": "none"}


@pytest.fixture
def made_with_others(analysed, tmp_path):
    """The timeline in a library whose choices are not those of the page."""
    loaded, folder, cache = analysed
    *_, features = loaded.extract(folder.parent / "voice.wav", cache)
    timeline = loaded.infer(features, **OWN)
    (tmp_path / "library" / "voice-2").mkdir(parents=True)
    write_tables(tmp_path / "library" / "voice-2", timeline, features)
    return timeline


def test_opened_from_its_features_it_is_drawn_with_its_own_choices(analysed, made_with_others, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_CACHE", str(analysed[2]))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    loaded, made = analysed[0], made_with_others
    service = Service(loaded, library=tmp_path / "library")
    service.shared_cache = True
    service.shelf.entries()
    analysis, _, _, words, _, person, _, *controls = LibraryHandlers(service).open("voice-2 #1", Analysis())
    values = [update["value"] for update in controls]
    assert dict(zip(stored_choices.NAMES, values, strict=True)) == OWN and "does not offer" not in words
    fusion, step, window, smooth, prior, baseline = values
    choices = (fusion, step, window, smooth, person["value"], prior, baseline, "stacked", "", False, False)
    drawn = ResultHandlers(service).draw(analysis, "", *choices)[0]
    assert drawn.probabilities == pytest.approx(made.probabilities, nan_ok=True) and len(drawn) == 12


def test_the_controls_of_the_page_say_with_which_choices_it_is_drawn(chromium, analysed, made_with_others, tmp_path):
    more = {"EMOREC_SHARED_STORE": "1", "EMOREC_CACHE": str(analysed[2])}
    with served(tmp_path / "library", tmp_path / "log.txt", **more) as address, visiting(chromium, address) as page:
        page.get_by_role("tab", name="Library").click()
        page.click("#library-list [data-open='voice-2']")
        page.wait_for_selector("#timeline svg.marks")
        for name, words in (("fusion", "Voice only"), ("prior", "Even"), ("baseline", "None")):
            page.wait_for_selector(f"#{name} label:has(input:checked) >> text={words}")
        for name in ("step", "window", "smooth"):
            assert float(page.locator(f"#{name} input[type=number]").input_value()) == OWN[name]
        assert len(table(page)) == len(made_with_others) == 12


def test_what_the_page_does_not_offer_is_told_and_what_is_not_known_stays():
    features = result_folders.two_people()
    stored = {"fusion": "late", "step": 1.0, "window": 30.0, "prior": "own.json", "person": "Anna", "unsure_below": 0.5}
    updates, note = stored_choices.control_updates(stored, features)
    assert [update.get("value") for update in updates] == ["late", 1.0, None, None, None, None, ANYONE[1]]
    assert "with window 30.0, prior own.json, unsure below 0.5 and person Anna; the page does not offer this" in note
    for person in ("all", 1):
        *_, update = stored_choices.control_updates({"person": person}, features)[0]
        assert update["value"] == person and person in [value for _, value in update["choices"]]
    alone = factories.observations(4.0, factories.seen(factories.frame_times(4.0), 0))
    assert stored_choices.control_updates({"person": "all"}, alone)[1] == ""  # the same as whoever is visible


@pytest.mark.parametrize(("person", "number"), [("main", 1), ("person 1", 1), ("Person 0", 0), ("nobody", ANYONE[1])])
def test_a_person_who_was_stored_by_name_is_known_again(person, number):
    *_, update = stored_choices.control_updates({"person": person}, result_folders.two_people())[0]
    assert update["value"] == number


def test_it_is_told_that_given_names_are_not_taken_over():
    features = result_folders.two_people()
    default = stored_choices.control_updates({"person": "all"}, features, features.names)
    assert default[1] == ""
    (*_, update), note = stored_choices.control_updates(
        {"person": "Ben"}, features, {-1: "Ben", 0: "person 0", 1: "Ben"}
    )
    assert update["value"] == 1 and note == stored_choices.NOT_NAMED


def test_a_stored_name_is_the_same_however_it_is_encoded():
    features = result_folders.two_people().with_people(People((Person(number=1, name="José"),)))
    stored = {"person": "Jose\N{COMBINING ACUTE ACCENT}"}
    (*_, update), note = stored_choices.control_updates(stored, features, {1: stored["person"]})
    assert (update["value"], note) == (1, "")


def test_with_its_features_it_is_opened_even_if_its_rows_are_damaged(analysed, made_with_others, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_CACHE", str(analysed[2]))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    service = Service(analysed[0], library=tmp_path / "library")
    service.shared_cache = True
    service.shelf.entries()
    for rows in (tmp_path / "library").rglob("*windows*"):
        rows.write_bytes(b"damaged")
    analysis, _, _, words, *_ = LibraryHandlers(service).open("voice-2 #1", Analysis())
    assert analysis.features is not None and NO_ROWS in words


def test_features_are_shown_to_nobody_but_on_a_page_that_shares_its_store(analysed, monkeypatch):
    monkeypatch.setenv("EMOREC_CACHE", str(analysed[2]))
    analysis, words = opened(analysed, shared=False)
    assert analysis.features is None and len(analysis.rows) == 6 and "choices do not" in words


def test_without_its_features_its_rows_are_shown(analysed, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path))
    assert len(opened(analysed, shared=True)[0].rows) == 6


@pytest.mark.parametrize("own", [True, False])
def test_a_report_of_other_weights_claims_nothing_measured_of_those_of_the_page(analysed, tmp_path, monkeypatch, own):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    rows = factories.timeline(factories.probabilities(9))
    rows.choices["fingerprint"] = analysed[0].model.fingerprint if own else "of others"
    handlers, analysis = ResultHandlers(Service(analysed[0])), Analysis(title="voice", rows=rows)
    page = handlers.draw_rows(analysis, rows, "stacked", "", False, False)[-1]
    file = handlers.download(
        "report", analysis, "", "", False, PeopleEdits(), timeline=rows, request=SimpleNamespace(session_hash="a")
    )
    report = Path(file).read_text(encoding="utf-8")
    assert ("Tested on people" in page) == ("Tested on people" in report) == ("cannot tell" in report) == own
    assert (trust.UNKNOWN in report) != own


def test_what_the_script_cannot_have_sent_changes_nothing(analysed, monkeypatch):
    loaded, folder, _ = analysed
    service = SimpleNamespace(shelf=Shelf(folder), shared_cache=True, analyzers=SimpleNamespace(default=loaded))
    monkeypatch.setattr("gradio.Warning", lambda words: None)
    handlers = LibraryHandlers(service)
    for sent in ("{", "[" * 100_000, "5", '[["a"]]x'):
        assert all(update == gr.skip() for update in handlers.compare(sent))
    assert all(update == gr.skip() for update in handlers.open("../outside #1", Analysis()))


def test_one_that_has_left_the_library_does_not_stop_the_comparison_of_the_others(analysed, monkeypatch):
    shelf, warnings = Shelf(analysed[1]), []
    shelf.entries()
    monkeypatch.setattr("gradio.Warning", warnings.append)
    handlers = LibraryHandlers(SimpleNamespace(shelf=shelf))
    alone = handlers.compare('["voice-1"]')
    assert "voice.wav" in alone[0] and handlers.compare('["gone", "voice-1"]') == alone and warnings == []
    assert handlers.compare('["voice-1", "gone"]') == alone and "gone is not in the library any more" in warnings[0]
    for only in ("gone", "../outside"):
        assert handlers.compare(f'["{only}"]') == ("", None, "", None, "", None)


def test_compared_charts_and_means_say_with_which_choices_they_were_made(tmp_path):
    others = [{}, {}, {"prior": "everyday"}, {"baseline": "none"}, *({"window": float(size)} for size in range(4, 8))]
    for number, choices in enumerate(others):
        result_folders.item(tmp_path, f"item-{number}", number, **choices)
    shelf = Shelf(tmp_path)
    shelf.entries()

    def compared(*numbers):
        found = LibraryHandlers(SimpleNamespace(shelf=shelf)).compare(json.dumps([f"item-{each}" for each in numbers]))
        return found[0], found[2], found[4]

    first, second, means = compared(0, 1)
    assert all(">late fusion, even prior, 1 s steps<" in heading for heading in (first, second))
    assert "different choices" not in means
    first, second, means = compared(2, 3, 0, 1)
    assert ">late fusion, everyday prior, 1 s steps<" in first and "even prior, 1 s steps, baseline none<" in second
    assert means.index("with different choices") < means.index("<table")
    assert "even prior, 1 s steps (2 of 4); late fusion, everyday prior, 1 s steps (1 of 4)" in means
    assert "5 s windows (1 of 8); 2 more." in compared(*range(8))[2]


def test_a_folder_that_is_none_is_one_sentence(tmp_path):
    with pytest.raises(EmorecError, match=r"^EMOREC_LIBRARY \(or --library\) is .*none, which is not a folder"):
        settings.library({"EMOREC_LIBRARY": str(tmp_path / "none")})
    assert settings.library({}) is None and settings.library({"EMOREC_LIBRARY": ""}) is None


def test_the_option_names_the_folder_too(tmp_path, capsys):
    assert app.main(["--library", str(tmp_path / "none")]) == app.USER_ERROR
    assert capsys.readouterr().err.startswith(f"emorec: EMOREC_LIBRARY (or --library) is {tmp_path / 'none'}, which")
