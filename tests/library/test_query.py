"""Queries over the results of many recordings: what they answer, what is refused, what is left out."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pyarrow import parquet

from emorec import files, library
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference.timeline import infer
from emorec.library import interrupting, items, reading, stored
from emorec.output import formats
from emorec.output.markers import with_markers
from support import factories, result_folders
from support.command import emorec
from support.paths import ROOT


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch")
    return folder, result_folders.batch(folder)


def answer(folder, sql):
    with library.open(folder) as found:
        return found.query(sql).to_pylist()


def test_views_join_by_item(made):
    folder, timelines = made
    rows = answer(folder, "select item, count(*) n, avg(happy) happy from windows group by item order by item")
    assert [row["item"] for row in rows] == sorted(timelines)
    for row in rows:
        timeline = timelines[row["item"]]
        assert row["n"] == len(timeline)
        assert row["happy"] == pytest.approx(np.nanmean(timeline.probabilities[:, EMOTIONS.index("happy")]))
    joined = (
        "select m.status, p.name from media m left join people p using (item) where m.item in ('ben-2', 'broken-9')"
    )
    assert {(row["status"], row["name"]) for row in answer(folder, joined)} == {
        ("done", "person 0"),
        ("done", "person 1"),
        ("failed", None),
    }
    assert answer(folder, "select distinct label, time from markers") == [{"label": "question", "time": 2.0}]
    assert answer(folder, "select count(*) n from highlights")[0]["n"] > 0


def test_several_folders_are_one_library(made, tmp_path):
    folder, timelines = made
    result_folders.item(tmp_path / "more", "dora-4", seed=5)
    result_folders.item(tmp_path / "more", "anna-1", seed=6)  # a name that the other folder has too
    with library.open(folder, tmp_path / "more") as found:
        names = [row["item"] for row in found.query("select item from media where status = 'done'").to_pylist()]
        windows = {row["item"] for row in found.query("select distinct item from windows").to_pylist()}
    assert sorted(names) == sorted(windows) == sorted([*timelines, "dora-4", "more/anna-1"])


ATTACKS = [
    "copy windows to '{out}/stolen.csv'",
    "copy (select 1) to '{folder}/anna-1/windows.parquet' (use_tmp_file false)",
    "explain analyze copy (select 1) to '{folder}/anna-1/windows.parquet' (use_tmp_file false)",
    "attach '{out}/new.db'",
    "attach ':memory:' as other",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from glob('/etc/*')",
    "select * from read_parquet('{out}/*.parquet')",
    "select * from read_parquet('{folder}/../secret.parquet')",
    "select * from read_parquet('{folder}/anna-1/../../secret.parquet')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from query_table('/etc/passwd')",
    "install httpfs",
    "load httpfs",
    "select * from read_text('http://127.0.0.1:9/x')",
    "pragma database_list",
    "set memory_limit = '90GB'",
    "reset enable_external_access",
    "set variable a = 1",
    "select 1; drop view windows",
    "select 1; select 2",
    "create table mine (a integer)",
    "create view mine as select 1",
    "insert into media (item) values ('x')",
    "delete from media",
    "update media set item = 'x'",
    "drop view windows",
    "export database '{out}'",
    "import database '{out}'",
    "call pragma_version()",
    "begin",
    "checkpoint",
    "use temp",
    "select * from answer",
    "",
    ";",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_query_that_writes_or_leaves_the_results_is_refused(made, attack, tmp_path):
    folder, _ = made
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(folder / "anna-1" / "people.parquet", out / "x.parquet")
    with library.open(folder) as found:
        with pytest.raises(EmorecError) as refused:
            found.query(attack.format(out=out, folder=folder))
        assert "\n" not in str(refused.value) and "LINE 1" not in str(refused.value)
        assert found.query("select count(*) n from media")["n"][0].as_py() == 4  # still usable, nothing changed
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in out.iterdir()] == ["x.parquet"]


def test_what_is_no_query_and_no_folder_is_one_sentence(made):
    with library.open(made[0]) as found, pytest.raises(EmorecError, match="A query only reads: give one SELECT"):
        found.query(None)
    with pytest.raises(EmorecError, match=r"the paths of its folders, one after the other, not with a list\.$"):
        library.open([made[0]])


def test_a_wrong_query_is_told_in_the_words_of_duckdb(made):
    with library.open(made[0]) as found:
        with pytest.raises(EmorecError, match=r'^The query cannot be answered: .*"hapy" not found.*\.$'):
            found.query("select hapy from windows")
        with pytest.raises(EmorecError, match=r"^The query cannot be answered: syntax error.*\.$"):
            found.query("selekt 1")
        with pytest.raises(EmorecError) as raised:
            found.query("select * from windws")
        assert str(raised.value).endswith('Table with name windws does not exist; perhaps you mean "windows".')
        tables = "does not exist; the tables are media, windows, people, highlights and markers"
        with pytest.raises(EmorecError, match=rf"Table with name place {tables}\.$"):  # not the internal "places"
            found.query("select * from place")
        suggested = ValueError('Catalog Error: Table with name x does not exist!\nDid you mean "x_in_memory"?')
        assert reading._reason(suggested) == f"Table with name x {tables}"
        with pytest.raises(EmorecError, match=r"type casts; Candidate functions: sum\(.*[^.]\.$"):
            found.query("select sum(item) from windows")


def test_the_files_are_not_searched_for_damage_if_the_query_is_wrong(made, monkeypatch):
    looked = []
    monkeypatch.setattr(items, "find_damage", lambda item: looked.append(item.name))
    with library.open(made[0]) as found:
        for wrong in ("select hapy from windows", "select * from nothing", "select item::int from windows", "selekt 1"):
            with pytest.raises(EmorecError, match="cannot be answered"):
                found.query(wrong)
    assert looked == []


def test_limits_of_time_and_memory_end_a_query(made):
    with library.open(made[0], seconds=0.5) as found, pytest.raises(EmorecError, match="longer than 0.5 s"):
        found.query("select count(*) from range(3000000) a, range(3000000) b where hash(a.range + b.range) = 3")
    with library.open(made[0], memory=0.1) as found:
        with pytest.raises(EmorecError, match="more than 0.1 GB of memory"):
            found.query("select list(range) from range(100000000)")
        assert found.query("select 1 a").to_pylist() == [{"a": 1}]
    with pytest.raises(EmorecError, match="more than 1e-05 GB of memory"):
        library.open(made[0], memory=0.00001)


def test_a_large_answer_comes_in_parts(made):
    with library.open(made[0], memory=0.2) as found:
        schema, batches = found.stream("select range a, repeat('x', 100) b from range(1000000000000)")
        assert schema.names == ["a", "b"] and next(batches).num_rows > 0
        batches.close()


def test_an_answer_that_is_not_read_to_its_end_hinders_no_other(made):
    slow = "select count(*) from range(3000000) a, range(3000000) b where hash(a.range + b.range) = 3"
    with library.open(made[0], seconds=1) as found:
        unread = found.stream("select range a from range(1000000)")
        begun = found.stream("select range a from range(1000000)")[1]
        assert next(begun).num_rows > 0
        with pytest.raises(EmorecError, match="longer than 1 s") as kept:
            found.query(slow)
        assert found.query("select 1 a").to_pylist() == [{"a": 1}] and found.columns()["windows"]
        assert sum(batch.num_rows for batch in unread[1]) == 1_000_000 and next(begun).num_rows > 0 and kept


def test_the_time_that_a_reader_takes_is_not_that_of_the_query(made, monkeypatch):
    waited = []
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 100 * len(waited))
    monkeypatch.setattr(interrupting, "time", clock)
    with library.open(made[0], seconds=50) as found:
        for batch in found.stream("select range a from range(100000)")[1]:
            waited.append(batch.num_rows)
    assert sum(waited) == 100_000 and len(waited) > 2


def test_ctrl_c_ends_a_query(made):
    slow = "select count(*) from range(3000000) a, range(3000000) b where hash(a.range + b.range) = 3"
    process = subprocess.Popen(
        # With a limit, so that it ends even if this test is killed.
        [sys.executable, "-m", "emorec", "query", str(made[0]), slow, "--timeout", "90"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        env=os.environ,
        text=True,
        # A shell's background job ignores it, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        ticks = os.sysconf("SC_CLK_TCK")
        while int(Path(f"/proc/{process.pid}/stat").read_text().split()[13]) < 2 * ticks:  # imports take a part of that
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130 and "Traceback" not in errors, errors


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "copied")


def notes_of(folder, sql="select distinct item from windows order by item"):
    with library.open(folder) as found:
        return [row["item"] for row in found.query(sql).to_pylist()], found.notes


def test_an_item_with_a_cut_file_is_named_and_left_out(copied):
    file = copied / "ben-2" / "windows.parquet"
    file.write_bytes(file.read_bytes()[:-40])
    names, notes = notes_of(copied)
    assert names == ["anna-1", "cara-3"]
    assert len(notes) == 1 and notes[0].startswith("ben-2 is left out, because windows.parquet cannot be read")


def test_an_item_that_is_damaged_inside_is_named_and_left_out(copied):
    file = copied / "ben-2" / "windows.parquet"
    content = bytearray(file.read_bytes())
    content[4:2000] = bytes(255 - value for value in content[4:2000])
    file.write_bytes(content)
    names, notes = notes_of(copied, "select item, sum(start + happy) from windows group by item order by item")
    assert names == ["anna-1", "cara-3"] and "ben-2 is left out" in notes[0]


def test_an_item_without_one_of_its_tables_is_named_and_left_out(copied):
    (copied / "ben-2" / "markers.parquet").unlink()
    names, notes = notes_of(copied)
    assert names == ["anna-1", "cara-3"] and notes[0].startswith("ben-2 is left out, because markers.parquet")


def test_an_item_of_another_version_is_named_and_left_out(copied):
    file = copied / "ben-2" / "people.parquet"
    table = parquet.read_table(file)
    parquet.write_table(table.replace_schema_metadata({b"emorec_tables": b"2"}), file)
    names, notes = notes_of(copied)
    assert names == ["anna-1", "cara-3"]
    assert notes == ["ben-2 is left out, because people.parquet is of another version (2, not 1)."]


def test_a_link_out_of_the_folder_is_no_item(copied, tmp_path):
    result_folders.item(tmp_path / "private", "secret-5")
    (copied / "secret-5").symlink_to(tmp_path / "private" / "secret-5", target_is_directory=True)
    names, notes = notes_of(copied)
    assert names == ["anna-1", "ben-2", "cara-3"]
    assert notes == ["secret-5 is left out, because it is a link, which may lead out of the folder."]


def test_a_manifest_that_is_a_link_is_not_followed(copied, tmp_path):
    manifest = copied / "manifest.parquet"
    manifest.rename(tmp_path / "private.parquet")
    manifest.symlink_to(tmp_path / "private.parquet")
    assert {row["source"] for row in answer(copied, "select source from media")} == {
        "anna-1.mp4", "ben-2.mp4", "cara-3.mp4",
    }  # fmt: skip
    assert notes_of(copied)[1][0].startswith("manifest.parquet is left out, because it is a link")


@pytest.mark.parametrize("moment", ["before connecting", "before asking"])
def test_an_item_that_disappears_is_named_and_left_out(copied, monkeypatch, moment):
    find = items.find

    def removed(*_):
        shutil.rmtree(copied / "ben-2")

    def found_then_removed(folder):
        found = find(folder)
        removed()
        return found

    monkeypatch.setattr(items, "find", found_then_removed if moment == "before connecting" else find)
    with library.open(copied) as found:
        if moment == "before asking":
            removed()
        rows = found.query("select item, avg(happy) from windows group by item order by item").to_pylist()
        assert [row["item"] for row in rows] == ["anna-1", "cara-3"]
        assert found.notes == ["ben-2 is left out, because windows.parquet cannot be read (No such file or directory)."]


def test_a_manifest_of_another_version_is_one_sentence(copied):
    result_folders.manifest(copied, version=b"7")
    with pytest.raises(EmorecError, match=r"manifest of another version \(7, not 1\)"):
        library.open(copied)


def test_without_a_manifest_the_items_tell_of_themselves(copied):
    (copied / "manifest.parquet").unlink()
    rows = answer(copied, "select item, source, duration from media order by item")
    assert rows[0] == {"item": "anna-1", "source": "anna-1.mp4", "duration": 24.0}


def test_names_of_folders_are_no_patterns_and_no_sql(made, tmp_path):
    odd = shutil.copytree(made[0], tmp_path / "a[b]*'x? ü")
    assert len(answer(odd, "select distinct item from windows")) == 3


def no_link(*_, **__):
    raise OSError(22, "A required privilege is not held by the client")


def test_names_of_folders_are_no_patterns_where_links_are_not_allowed(made, tmp_path, monkeypatch):
    odd = shutil.copytree(made[0], tmp_path / "talks [2024]")
    monkeypatch.setattr(Path, "symlink_to", no_link)
    sql = "select item, count(*) from windows join people using (item, person) group by item order by item"
    assert answer(odd, sql) == answer(made[0], sql) != []


def test_names_of_folders_are_no_columns(made, tmp_path):
    sql = "select name, max(happy) happy from windows group by name order by name"
    inside = shutil.copytree(made[0], tmp_path / "happy=1" / "name=all" / "session=2")
    assert answer(inside, sql) == answer(made[0], sql)
    with library.open(inside) as found:
        assert "session" not in found.columns()["windows"]


def test_plain_results_are_items_too(tmp_path):
    features = result_folders.two_people()
    timeline = infer(features, factories.checkpoint())
    formats.FORMATS["json"].write(timeline, tmp_path / "talk.json")
    formats.FORMATS["parquet"].write(timeline, tmp_path / "talk.parquet")  # the same result
    formats.FORMATS["parquet"].write(timeline, tmp_path / "other.parquet")
    (tmp_path / "talk.people.json").write_text("{}")
    (tmp_path / "cut.json").write_text('{"emorec": ')
    names, notes = notes_of(tmp_path)
    assert names == ["other", "talk"] and len(notes) == 1 and notes[0].startswith("cut.json is left out")
    rows = answer(tmp_path, "select item, avg(happy) happy, sum(sure::int) sure from windows group by 1 order by 1")
    assert rows[0]["happy"] == pytest.approx(rows[1]["happy"], abs=1e-6) and rows[0]["sure"] == rows[1]["sure"]
    assert answer(tmp_path, "select distinct item from highlights") == [{"item": "talk"}]
    assert answer(tmp_path, "select duration from media where item = 'talk'") == [{"duration": 24.0}]


ODD = ["talk [abc]", "talk a", "t*", "caf\udce9", "a'\n"]  # patterns, no UTF-8, no line


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("links", [True, False])
def test_names_of_results_are_no_patterns_and_need_not_be_text(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(Path, "symlink_to", no_link)
    folder = tmp_path / "d\udce9"
    for name in ODD:
        timeline = result_folders.item(folder, name)
        timeline = replace(timeline, media={"name": f"{name}.mp4"})
        formats.FORMATS["json"].write(timeline, folder / f"json {name}.json")
        formats.FORMATS["parquet"].write(timeline, folder / f"parquet {name}.parquet")
    with library.open(folder) as found:
        rows = found.query("select item, count(*) n from windows group by item").to_pylist()
        assert {row["item"]: row["n"] for row in rows} == {
            f"{kind}{files.shown(name)}": len(timeline) for name in ODD for kind in ("", "json ", "parquet ")
        }
        assert found.query("select source from media where item = 'json t*'").to_pylist() == [{"source": "t*.mp4"}]
        assert found.notes == [] and {len(stored.timeline(item)) for item in found.items} == {len(timeline)}


def test_a_file_that_is_nested_too_deeply_is_named_and_left_out(copied):
    (copied / "deep.json").write_text("[" * 100_000)
    names, notes = notes_of(copied)
    assert names == ["anna-1", "ben-2", "cara-3"] and len(notes) == 1 and notes[0].startswith("deep.json is left out")


def test_a_folder_without_results_is_one_sentence(tmp_path):
    with pytest.raises(EmorecError, match="has no results"):
        library.open(tmp_path)
    code, out, err = emorec("query", str(tmp_path / "none"))
    assert (code, out) == (2, "") and "is no folder of results" in err


SQL = "select item, start, dominant, sure from windows order by item, start limit 2"


def test_the_command_gives_csv_json_parquet_and_tables(made, tmp_path):
    folder, expected = str(made[0]), answer(made[0], SQL)
    rows = list(csv.DictReader(io.StringIO(emorec("query", folder, SQL, "--format", "csv")[1])))
    assert [(row["item"], float(row["start"])) for row in rows] == [(row["item"], row["start"]) for row in expected]
    assert rows[0]["sure"] in ("true", "false")
    assert json.loads(emorec("query", folder, SQL, "--format", "json")[1]) == expected
    code, out, _ = emorec("query", folder, SQL, "--out", str(tmp_path / "a.parquet"))
    assert code == 0 and parquet.read_table(tmp_path / "a.parquet").to_pylist() == expected
    table = emorec("query", folder, SQL, "--format", "table")[1].splitlines()
    assert table[0].split() == ["item", "start", "dominant", "sure"] and len(table) == 4
    assert emorec("query", folder, SQL, "--format", "xml")[2].startswith("emorec: The format 'xml' does not exist")


def test_a_query_may_follow_an_option(made):
    folder = str(made[0])
    expected = emorec("query", folder, SQL, "--format", "csv")
    assert expected[0] == 0 and emorec("query", folder, "--format", "csv", SQL) == expected
    assert emorec("query", "--format", "csv", folder, "--memory", "1", "--", SQL) == expected
    code, _, err = emorec("query", folder, "--none", SQL)
    assert code == 2 and "unrecognized arguments: --none" in err


def test_no_spreadsheet_calculates_a_text(made):
    sql = "select '=1+1' a, 'b' b, -1 c, '@x' d"
    assert emorec("query", str(made[0]), sql, "--format", "csv")[1] == "a,b,c,d\n'=1+1,b,-1,'@x\n"
    assert '"=1+1"' in emorec("query", str(made[0]), sql, "--format", "json")[1]


@pytest.mark.parametrize("name", [".", "", "folder"])
def test_an_answer_cannot_become_a_folder(made, tmp_path, name):
    (tmp_path / "folder").mkdir()
    code, out, err = emorec("query", str(made[0]), SQL, "--format", "csv", "--out", name, cwd=tmp_path)
    shown = name or "."
    assert (code, out) == (2, "")
    assert err == f"emorec: {shown} cannot be written (Is a directory); choose another place.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_answer_goes_into_a_pipe_or_to_where_a_link_points(made, tmp_path, form):
    pipe, link, target = (tmp_path / name for name in ("pipe", "link", "target"))
    os.mkfifo(pipe)
    link.symlink_to(target)
    given = ["query", str(made[0]), "select 1 as a", "--format", form, "--out"]
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # so that a writer need not wait
    try:
        assert [emorec(*given, str(out))[0] for out in (pipe, link)] == [0, 0]
        assert os.read(reader, 10**6) == target.read_bytes() != b""
    finally:
        os.close(reader)
    assert pipe.is_fifo() and link.is_symlink() and len([*tmp_path.iterdir()]) == 3


def test_the_name_of_an_answer_may_be_as_long_as_a_name_may_be(made, tmp_path):
    out = tmp_path / f"{'a' * 251}.csv"
    assert emorec("query", str(made[0]), SQL, "--out", str(out))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("csv", "'infinity'::timestamp"),
        ("json", "'-infinity'::date"),
        ("table", "'290000-01-01'::date"),
        ("parquet", "interval 3 day"),
    ],
)
def test_a_value_that_the_format_cannot_hold_is_one_sentence(made, tmp_path, form, value):
    out = tmp_path / "answer"
    code, _, err = emorec("query", str(made[0]), f"select {value} as x", "--format", form, "--out", str(out))
    assert code == 2 and err.startswith(f"emorec: The answer cannot be written as {form} (") and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_sums_are_numbers_and_names_stay_apart(made):
    sql = (
        "select sum(i) n, avg(i)::decimal(9, 2) d, [1::hugeint] l, map(['nan'::double], [1]) m, 1 a, 2 a_1, 3 a "
        "from range(4) r(i)"
    )
    expected = {"n": 6, "d": 1.5, "l": [1], "m": [[None, 1]], "a": 1, "a_1": 2, "a_2": 3}
    assert json.loads(emorec("query", str(made[0]), sql, "--format", "json")[1]) == [expected]
    rows = list(csv.reader(io.StringIO(emorec("query", str(made[0]), sql, "--format", "csv")[1])))
    assert rows == [list(expected), ["6", "1.50", "[1]", "[[null, 1]]", "1", "2", "3"]]
    sums = "select sum(i) as total from range(4) r(i)"
    assert emorec("query", str(made[0]), sums, "--format", "table")[1].splitlines()[2] == "    6"


def test_a_query_may_be_longer_than_the_name_of_a_file(made):
    sql = f"select count(*) n from media where {' or '.join(f'item = {number}::varchar' for number in range(300))}"
    assert emorec("query", str(made[0]), sql) == (0, "n\n0\n", "")
    assert emorec("query", str(made[0]), "x" * 300, "select 1")[0] == 2


def test_the_documented_query_gives_means_between_markers(tmp_path):
    timeline = factories.timeline(factories.with_gaps(factories.probabilities(9), 7), media={"name": "anna.mp4"})
    timeline = with_markers(timeline, [(0.0, "task 1"), (3.6, "task 2")])
    formats.FORMATS["json"].write(timeline, tmp_path / "anna.json")
    text = (ROOT / "docs" / "LIBRARY.md").read_text(encoding="utf-8")
    found = answer(tmp_path, text.partition("```sql\n")[2].partition("```")[0])
    angry, parts = timeline.probabilities[:, EMOTIONS.index("angry")], (slice(0, 4), slice(4, 9))
    assert [row["label"] for row in found] == ["task 1", "task 2"]
    assert [row["seconds"] for row in found] == pytest.approx([4, 4])  # a row of the second one has no evidence
    assert [row["angry"] for row in found] == pytest.approx([np.nanmean(angry[part]) for part in parts], abs=1e-5)
    assert [row["valence"] for row in found] == pytest.approx(
        [np.nanmean(timeline.valence[part]) for part in parts], abs=1e-5
    )


def test_without_a_query_the_views_are_listed_with_an_example_that_works(made):
    code, out, _ = emorec("query", str(made[0]))
    assert code == 0
    assert [line.partition(":")[0] for line in out.splitlines()[:5]] == [
        "media", "windows", "people", "highlights", "markers",
    ]  # fmt: skip
    example = out.partition('"')[2].rpartition('"')[0]
    assert emorec("query", str(made[0]), example)[0] == 0


def test_a_failed_query_leaves_no_file(made, tmp_path):
    code, _, err = emorec("query", str(made[0]), "select hapy from windows", "--out", str(tmp_path / "a.csv"))
    assert code == 2 and "hapy" in err and list(tmp_path.iterdir()) == []
