"""What is said of recordings with little or no evidence: in the list of several, in its tables, and in the library."""

import csv
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from emorec.analyzer import Analyzer
from emorec.extraction.options import Settings
from emorec.media.containers import SUFFIXES
from emorec.media.integrity import is_damage
from emorec.output import formats
from emorec.output.summary import summary
from emorec.ui.page import library, list_downloads, recordings
from emorec.ui.page.figures import Choices, Figures, make_figures
from emorec.ui.page.recordings_handlers import RecordingsHandlers
from emorec.ui.sessions.batch import DONE, FAILED, Batch, Item
from emorec.ui.shelf import Entry
from support import factories


def done(probabilities, how="how", **more):
    figures = Figures(
        duration=len(probabilities),
        persons=0,
        summary=summary(factories.timeline(probabilities)),
        recent="",
        files={},
        how=how,
        has_faces=False,
        **more,
    )
    return Item(name="a.wav", path="", state=DONE, result=figures)


def test_too_little_to_tell_is_said_in_the_list_in_its_tables_and_in_the_library():
    short, long = done(factories.probabilities(4)), done(factories.probabilities(9))
    assert "done: too little to tell, evidence for only 4.0 s" in recordings.list_html([short])
    for enough, item in ((False, short), (True, long)):
        name = item.result.dominant
        assert (f"{name} in " in recordings.list_html([item])) == enough
        assert ("too little to tell" not in recordings.combined_table([item])) == enough
        assert recordings.values(item)["too_little"] != enough and list(recordings.values(item)) == [
            *recordings.COLUMNS
        ]
        figures = item.result.summary
        entry = Entry(item="a", name="a", finished="", duration=4.0, persons=0, figures=figures, ribbon="")
        assert ("too little to tell" not in library.list_html([entry], [], 1)) == enough
    assert ",true,0.0,how\n" in list_downloads.table([short]) and ",false,0.0,how\n" in list_downloads.table([long])
    unsure = done([[1 / 7] * 7] * 9)
    assert "done: unsure in 100% of the time with evidence" in recordings.list_html([unsure])


def test_what_only_the_prior_decides_is_said_in_the_list_and_in_its_tables():
    item = done(factories.probabilities(9))
    for led, told in ((0.8, True), (0.05, False)):
        item = replace(item, result=replace(item.result, summary=replace(item.result.summary, by_prior=led)))
        assert (f"; for {led:.0%} of it the prior decides" in recordings.list_html([item])) == told
        assert f"<td>{led:.0%}</td>" in recordings.combined_table([item])
        row = next(csv.DictReader(list_downloads.table([item]).splitlines()))
        assert float(row["by_prior"]) == led
        assert list(row)[-4:] == ["confidence", "too_little", "by_prior", "made_with"]  # only the last one has moved


def test_rows_that_were_made_with_different_choices_say_with_which(tmp_path):
    same = [done(factories.probabilities(9), how="even prior") for _ in range(2)]
    mixed = [same[0], done(factories.probabilities(9), how="everyday prior, <none>")]
    shown = recordings.combined_table(same)
    assert shown.count("even prior") == 1 and "Made with" not in shown
    shown = recordings.combined_table([*mixed, Item(name="b.wav", path="", state=FAILED)])
    assert "made with different choices, which the last column names" in shown and shown.count("even prior") == 1
    assert shown.index("Made with") > shown.index("Valence") and shown.count('colspan="12"') == 1
    assert [*re.findall(r'<td class="made">(.*?)</td>', shown)] == ["even prior", "everyday prior, &lt;none&gt;"]
    assert [row.rpartition(",")[2] for row in list_downloads.table(mixed).splitlines()[:2]] == [
        "made_with",
        "even prior",
    ]
    for item in mixed:
        item.result.files["csv"] = tmp_path / "own.csv"
    formats.FORMATS["csv"].write(factories.timeline(factories.probabilities(9)), tmp_path / "own.csv")
    with list_downloads.write("rows", mixed, tmp_path).open(encoding="utf-8", newline="") as written:
        rows = list(csv.DictReader(written))
    assert list(rows[0])[-1] == "made_with"
    assert [row["made_with"] for row in rows] == ["even prior"] * 9 + ["everyday prior, <none>"] * 9


def test_a_damaged_recording_is_not_just_done(tmp_path):
    sentence = "The video is damaged or cut off after 35.4 s; what could be read was used."
    assert is_damage(sentence) and not is_damage("The second of 2 audio tracks is used.")
    whole, damaged = done(factories.probabilities(9)), done(factories.probabilities(9), damage=sentence)
    shown = recordings.list_html([whole, damaged])
    assert "2 of 2 done, 1 of them damaged<" in shown and shown.count(sentence) == 1
    assert recordings.combined_table([whole, damaged]).count(">damaged<") == 1
    assert [recordings.values(item)["problem"] for item in (whole, damaged)] == [None, sentence]
    features = replace(factories.observations(4.0), notes=("a note", sentence))
    service = SimpleNamespace(analyzer_for=lambda *given: Analyzer(factories.checkpoint(), None))
    choices = Choices(checkpoint="", settings=Settings(), inference={})
    assert make_figures(service, whole, {}, choices, "", tmp_path, features).damage == sentence


def test_whatever_a_recording_is_called_its_results_can_be_saved_and_unpacked(tmp_path):
    names = ["访谈录音资料" * 9 + "/" + "会议记录" * 9 + ".wav", "con.mp4", "aux.wav", "con.mov", "bad\ud800.wav"]
    batch = Batch()
    service = SimpleNamespace(
        batches={"a": batch},
        browsers=SimpleNamespace(owner=lambda session: session),
        check_upload=lambda path, request: path,
    )
    uploads = [{"path": f"{number}", "name": name} for number, name in enumerate(names)]
    RecordingsHandlers(service).add(uploads, SimpleNamespace(session_hash="a"))
    result = done(factories.probabilities(4)).result
    for kind in ("csv", "json"):
        result.files[kind] = tmp_path / f"own.{kind}"
        formats.FORMATS[kind].write(factories.timeline(factories.probabilities(4)), result.files[kind])
    items = [replace(item, state=DONE, result=result) for item in batch.items]
    with zipfile.ZipFile(list_downloads.write("zip", items, tmp_path)) as archive:
        archive.extractall(tmp_path / "out")
    written = {file.name for file in (tmp_path / "out").glob("*.json")}
    assert {"_con.json", "_aux.json", "_con-2.json", "bad.json"} < written and len(written) == len(names)
    assert "bad?.wav" in list_downloads.table(items)


def test_of_a_folder_the_page_takes_all_that_a_batch_takes():
    script = Path(recordings.__file__).with_name("assets") / "recordings.js"
    (known,) = re.findall(r"const KNOWN = /(.*)/i;", script.read_text(encoding="utf-8"))
    assert [suffix for suffix in sorted(SUFFIXES) if not re.search(known, f"a{suffix}")] == []
    assert not re.search(known, "readme.txt")
