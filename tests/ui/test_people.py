"""The panel of people: in a real browser, and its handlers without one."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from emorec.extraction.people import People, Person
from emorec.ui.page import people_handlers
from emorec.ui.page.analysis import ANYONE, Analysis, person_choices
from emorec.ui.page.people_handlers import PeopleEdits, PeopleHandlers, Shown
from emorec.ui.sessions.files import SessionFiles
from support import factories, two_people
from support.pages import (
    analyze,
    await_cards,
    change,
    dismiss,
    download,
    give_name,
    holding,
    set_number,
    toast,
    visiting,
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return two_people.record(tmp_path_factory.mktemp("two") / "two.mkv")


@pytest.fixture(scope="module")
def analysed(chromium, page_server, recording):
    """The page with the recording analysed, and its panel of people unfolded."""
    with visiting(chromium, page_server) as opened:
        analyze(opened, recording)
        opened.click("#people > button")
        yield opened


@pytest.fixture
def page(analysed):
    """The same page in each test, as if nothing had been chosen and nothing been said of its persons before."""
    analysed.unroute_all()
    while analysed.get_by_test_id("toast-close").count():
        analysed.get_by_test_id("toast-close").first.click()
    if analysed.locator("#person input").input_value() != ANYONE[0]:
        change(analysed, lambda: choose(analysed, "Person", ANYONE[0]))
    if analysed.get_by_label("number input for Step").input_value() != "1":
        change(analysed, lambda: set_number(analysed, "Step", 1))
    analysed.click("#reset")
    await_cards(analysed, "person 0", "person 1")
    if analysed.locator("#who input").input_value() != "person 0":
        choose_who(analysed, "", "person 0")
    return analysed


HREFS = "all => all.map(one => one.getAttribute('href') ?? one.getAttribute('xlink:href'))"


def choose(page, name, option):
    """Choose in one of Gradio's lists; the highlights have a list of persons of their own."""
    field = page.get_by_role("combobox", name=name).and_(page.locator("input"))
    field.click()
    page.get_by_test_id("dropdown-option").filter(has_text=option).click()


def cards(page):
    return page.locator("#cards li b").all_inner_texts()


EVENT_OF_CARDS = """() => {
  const { components, dependencies } = window.gradio_config;
  const { id } = components.find(({ props }) => props.elem_id === "cards");
  return dependencies.find(({ outputs }) => outputs.includes(id)).id;
}"""
CHOSEN = """([who, name]) => document.querySelector("#who input").value === who
  && document.querySelector("#name :is(input, textarea)").value === name"""


def test_a_person_who_is_chosen_during_a_redraw_stays_chosen(page):
    held = []
    await_cards(page, "person 0", "person 1")
    give_name(page, "Anna")
    page.wait_for_function(CHOSEN, arg=["Anna", "Anna"])
    number = page.evaluate(EVENT_OF_CARDS)

    def hold(route):
        if not held and route.request.post_data_json["fn_index"] == number:
            held.append(route)  # with the person who is chosen now
        else:
            route.continue_()

    page.route("**/queue/join*", hold)
    change(page, lambda: set_number(page, "Step", 2))
    choose(page, "Who", "person 1")
    page.wait_for_function(CHOSEN, arg=["person 1", ""])
    (redraw,) = held
    redraw.continue_()
    page.wait_for_timeout(1000)  # until the answer is there and shown
    assert page.evaluate(CHOSEN, ["person 1", ""])


SENT_BY = """() => {
  const { components, dependencies } = window.gradio_config;
  const choices = components.filter(({ props }) => ["Person", "Who", "The same as"].includes(props.label));
  const ids = choices.map(({ id }) => id);
  return dependencies.map(({ inputs }) => inputs.flatMap((id, place) => ids.includes(id) ? [place] : []));
}"""


def test_a_person_who_is_not_offered_any_more_is_no_error(page):
    await_cards(page, "person 0", "person 1")
    places, changed = page.evaluate(SENT_BY), []

    def change_person(route):
        sent = route.request.post_data_json
        for place in places[sent["fn_index"]]:
            sent["data"][place] = 7
            changed.append(sent["fn_index"])
        route.continue_(post_data=json.dumps(sent))

    page.route("**/queue/join*", change_person)
    change(page, lambda: set_number(page, "Step", 2))
    rows = csv.DictReader(download(page, "csv")[1].decode().splitlines())
    assert [row["start"] for row in rows][:2] == ["0.0", "2.0"]
    assert len(set(changed)) == 3  # the redraw, what follows it, and the download
    assert page.get_by_test_id("toast-text").count() == 0


def test_persons_are_named_joined_and_divided_without_decoding(page, page_folder, tmp_path):
    decoded = (page_folder / "opened").stat().st_size
    await_cards(page, "person 0", "person 1")
    assert page.locator("#cards img").evaluate_all("all => all.every(one => one.naturalWidth === 64)")
    assert page.locator("#join").bounding_box()["y"] == page.locator("#divide").bounding_box()["y"]

    give_name(page, "Anna")
    content = download(page, "csv")[1].decode()  # in the same moment: it does not overtake the name
    assert "Anna" in {row["name"] for row in csv.DictReader(content.splitlines())}
    await_cards(page, "Anna", "person 1")

    change(page, lambda: choose(page, "Person", "all persons"))
    page.wait_for_selector("#timeline svg.marks >> text=Everybody (mean)")
    page.wait_for_selector("#timeline svg.marks >> text=Anna")
    pictures = page.locator("#timeline svg.marks .mark-image image")
    assert pictures.count() == 2
    assert {one[:22] for one in pictures.evaluate_all(HREFS)} == {"data:image/jpeg;base64"}
    change(page, lambda: set_number(page, "Step", 2))
    rows = list(csv.DictReader(download(page, "csv")[1].decode().splitlines()))
    assert [(row["start"], row["name"]) for row in rows[:3]] == [
        ("0.0", "Anna"),
        ("0.0", "person 1"),
        ("2.0", "Anna"),
    ]

    choose(page, "The same as", "person 1")
    page.click("#join")
    assert toast(page).startswith("Anna and person 1 are in one picture at 0:00")
    dismiss(page)

    choose(page, "Somebody else at", "0:03 – 0:06")
    page.keyboard.press("Escape")
    page.click("#divide")
    await_cards(page, "Anna", "person 1", "person 2")
    choose(page, "The same as", "person 2")
    page.click("#join")
    await_cards(page, "Anna", "person 1")
    # Anna has the number of who was chosen, and stays chosen.
    page.wait_for_function("document.querySelector('#who input').value === 'Anna'")

    name, content = download(page, "save-people")
    assert name == "two.people.json"
    saved = json.loads(content)
    assert [(one["name"], len(one["tracks"])) for one in saved["persons"]] == [("Anna", 2), ("", 1)]
    saved["persons"][1]["name"] = "Eva"
    (tmp_path / name).write_text(json.dumps(saved))
    page.click("#reset")
    await_cards(page, "person 0", "person 1")
    (tmp_path / "truth.csv").write_text("start,person\n0,Anna\n")
    page.set_input_files("#names-file input[type=file]", tmp_path / "truth.csv")
    assert toast(page) == (
        "truth.csv cannot be read as a names file (it is not JSON); give one that emorec wrote, NAME.people.json."
    )
    dismiss(page)
    page.set_input_files("#names-file input[type=file]", tmp_path / name)
    await_cards(page, "Anna", "Eva")
    assert (page_folder / "opened").stat().st_size == decoded


def choose_who(page, name, option):
    """Choose whom to change, and wait until the field has the name, which the browser itself writes."""
    choose(page, "Who", option)
    page.wait_for_function("name => document.querySelector('#name input, #name textarea').value === name", arg=name)


def test_nothing_is_lost_that_is_done_while_the_answers_to_it_are_on_their_way(page):
    await_cards(page, "person 0", "person 1")
    with holding(page):
        give_name(page, "Ann")
        choose_who(page, "", "person 1")
        give_name(page, "Eva")
        choose_who(page, "", "person 0")
        give_name(page, "Anna")
        choose_who(page, "", "person 1")
        page.get_by_label("Name").fill("Ev")  # goes on typing
    await_cards(page, "Anna", "Eva")
    choose(page, "The same as", "Anna")  # the answer to the last choice of a person
    fields = "[...document.querySelectorAll('#who input, #name :is(input, textarea)')].map(field => field.value)"
    assert page.evaluate(fields) == ["Eva", "Ev"]

    with holding(page):
        set_number(page, "Step", 2)
        choose(page, "Person", "all persons")
    page.wait_for_selector("#timeline svg.marks >> text=Everybody (mean)")


def test_a_double_click_divides_and_joins_once(page):
    await_cards(page, "person 0", "person 1")
    choose(page, "Somebody else at", "0:03 – 0:06")
    page.keyboard.press("Escape")
    with holding(page):
        page.dblclick("#divide")
    await_cards(page, "person 0", "person 1", "person 2")
    choose(page, "The same as", "person 2")
    with holding(page):
        page.dblclick("#join")
    await_cards(page, "person 2", "person 1")
    give_name(page, "Anna")  # is sent after both clicks
    await_cards(page, "Anna", "person 1")
    assert page.locator("[data-testid=toast-text]").count() == 0


SHOWN = Shown(id="two", who=0)


def two():
    times = factories.frame_times(6.0)
    features = factories.observations(6.0, factories.seen(times, (times > 4).astype(int)))
    return Analysis(path="a.mp4", features=features, id="two")


def test_what_is_said_of_one_recording_does_not_count_for_the_next():
    edited = PeopleEdits("two", People((Person(number=0, name="Anna"),)))
    assert edited.features(two()).names == {0: "Anna", 1: "person 1"}
    assert PeopleEdits("other", edited.people).features(two()).names[0] == "person 0"
    assert edited.features(Analysis(id="two")) is None


def test_what_is_said_of_a_result_without_a_file_counts_for_no_other_one():
    one, other = (Analysis(title="live", features=two().features) for _ in range(2))
    edited, _ = PeopleHandlers(None).rename(one, PeopleEdits(), 0, "Anna")
    names = [edited.features(analysis).names[0] for analysis in (one, replace(one, running=True), other)]
    assert names == ["Anna", "Anna", "person 0"]


def test_the_persons_to_choose_from_have_their_names_and_several_can_be_seen_together():
    features = two().features.with_people(People((Person(number=1, name="Eva"),)))
    assert person_choices(features)[1:] == [
        ("all persons", "all"),
        ("person 0, seen 67% of the time", 0),
        ("Eva, seen 32% of the time", 1),
    ]
    alone = factories.observations(3.0, factories.seen(factories.frame_times(3.0), 0))
    assert [value for _, value in person_choices(alone)] == [-1, 0]


def test_the_panel_is_there_only_if_somebody_is():
    handlers = PeopleHandlers(None)
    panel, html, who, *_ = handlers.show(two(), PeopleEdits(), 7)
    assert panel["visible"] and html.count("<li>") == 2 and who["value"] == 0
    panel, html, who, *_ = handlers.show(Analysis(), PeopleEdits(), 0)
    assert not panel["visible"] and html == "" and who["value"] is None


def test_a_redraw_keeps_what_is_chosen_as_far_as_it_is_offered():
    handlers = PeopleHandlers(None)
    *_, offered, _, _ = handlers.show(two(), PeopleEdits(), 0)
    stretch = offered["choices"][0][1]
    *_, who, other, stretches, name, _ = handlers.show(two(), PeopleEdits(), 0, 1, [stretch, "gone"], SHOWN)
    assert "value" not in who and "value" not in other and stretches["value"] == [stretch] and name == gr.skip()
    *_, other, stretches, _, _ = handlers.show(two(), PeopleEdits(), 0, None, [stretch], SHOWN)
    assert "value" not in other and "value" not in stretches  # whatever the visitor may have chosen meanwhile stays
    # Somebody else is chosen now.
    *_, who, other, stretches, _, _ = handlers.show(two(), PeopleEdits(), 7, 1, [stretch], SHOWN)
    assert (who["value"], other["value"], stretches["value"]) == (0, None, [])
    assert handlers.show(two(), PeopleEdits(), 0, 9, shown=SHOWN)[3]["value"] is None


def test_nothing_that_was_chosen_for_one_recording_stays_for_the_next():
    handlers, named = PeopleHandlers(None), PeopleEdits("two", People((Person(number=0, name="Anna"),)))
    *_, offered, _, shows = handlers.show(two(), PeopleEdits(), 1)
    stretch = offered["choices"][0][1]
    assert shows == Shown(id="two", who=0)
    _, _, who, other, stretches, name, _ = handlers.show(two(), named, 1, 0, [stretch], Shown(id="another"))
    assert (who["value"], other["value"], stretches["value"], name) == (0, None, [], "Anna")
    assert handlers.show(two(), PeopleEdits(), 0, 1, [], Shown(id="another"))[5] == ""


def test_the_field_has_a_name_that_is_known_only_after_the_panel_was_shown_and_else_keeps_what_is_typed():
    handlers, named = PeopleHandlers(None), PeopleEdits("two", People((Person(number=0, name="Anna"),)))
    *_, shows = handlers.show(two(), PeopleEdits(), 0)
    *_, name, shows = handlers.show(two(), named, 0, shown=shows)
    assert name == "Anna"
    assert handlers.show(two(), named, 0, shown=shows)[-2] == gr.skip()
    assert handlers.show(two(), named, 1, shown=shows)[-2] == gr.skip()  # another person: ``choose`` has filled it


def test_what_is_typed_after_an_edit_stays():
    handlers = PeopleHandlers(None)
    *_, shows = handlers.show(two(), PeopleEdits(), 0)
    edited, shows = handlers.rename(two(), PeopleEdits(), 0, " Anna ")
    assert handlers.show(two(), edited, 0, shown=shows)[-2] == gr.skip()
    edited, who, shows, name, *_ = handlers.join(two(), edited, 0, 1)
    assert (who, name) == (1, "Anna") and handlers.show(two(), edited, 1, shown=shows)[-2] == gr.skip()
    edited, name, shows = handlers.reset(two(), 0)
    assert name == "" and handlers.show(two(), edited, 0, shown=shows)[-2] == gr.skip()


def test_a_name_in_a_card_is_text_and_no_markup():
    edited, _ = PeopleHandlers(None).rename(two(), PeopleEdits(), 0, "<b>Anna & Co</b>")
    assert "&lt;b&gt;Anna &amp; Co" in PeopleHandlers(None).show(two(), edited, 0)[1]


@pytest.mark.parametrize("title", ["../../x", "AC/DC", "{tmp}/x"])
def test_a_title_that_is_a_path_leads_to_no_other_folder(tmp_path, title):
    own = SessionFiles(tmp_path / "up" / "loads")
    analysis = replace(two(), path="", title=title.format(tmp=tmp_path))
    service, request = SimpleNamespace(files=own), SimpleNamespace(session_hash="a")
    saved = Path(PeopleHandlers(service).save(analysis, PeopleEdits(), request))
    assert own.claim("a", saved) and saved.parent.parent == tmp_path / "up" / "loads"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [saved]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda handlers: handlers.rename(two(), PeopleEdits(), 0, "all"), "cannot be a person's name"),
        (lambda handlers: handlers.rename(Analysis(), PeopleEdits(), None, "Anna"), people_handlers.NOTHING_YET),
        (lambda handlers: handlers.join(two(), PeopleEdits(), 0, None), people_handlers.NO_OTHER),
        (lambda handlers: handlers.divide(two(), PeopleEdits(), 0, []), r"^.?Choose a stretch first\."),
        (lambda handlers: handlers.save(Analysis(), PeopleEdits(), None), people_handlers.NOTHING_YET),
    ],
)
def test_what_cannot_be_done_is_one_sentence(call, message):
    with pytest.raises(gr.Error, match=message):
        call(PeopleHandlers(None))
