"""What a user gives to a batch, as a list of recordings."""

import os
from pathlib import Path

import fsspec
import pytest

from emorec.batch import storage
from emorec.batch.inputs import list_sources
from emorec.errors import EmorecError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with recordings, other files and folders in it; it is also where the program runs."""
    for name in ("b.mp4", "a.WAV", "notes.md", ".hidden.mp4", "deep/er/c.mkv", ".git/d.mp4", "out/e.mp4", "odd.dat"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def addresses(*given, **how):
    return [os.path.relpath(source.address) for source in list_sources(given, **how).sources]


def test_a_folder_gives_the_recordings_in_it_and_below_it(folder):
    assert addresses(str(folder), leave_out=[folder / "out"]) == ["a.WAV", "b.mp4", "deep/er/c.mkv"]
    assert addresses(str(folder)) == ["a.WAV", "b.mp4", "deep/er/c.mkv", "out/e.mp4"]


def test_a_pattern_that_no_shell_has_expanded_gives_what_matches(folder):
    assert addresses("*") == ["a.WAV", "b.mp4"]
    assert addresses("**/*", leave_out=[Path("out")]) == ["a.WAV", "b.mp4", "deep/er/c.mkv"]
    assert addresses("*.dat", "*.mp?") == ["odd.dat", "b.mp4"]
    (folder / "[1].mp4").write_bytes(b"x")
    assert addresses("[1].mp4") == ["[1].mp4"]


def test_two_stars_stand_for_any_folders_but_hidden_and_linked_ones(folder):
    (folder / "deep" / "er" / "again").symlink_to(folder)
    (folder / "deep" / "er" / "more").symlink_to(folder / "deep")
    (folder / "deep" / "[1]" / "est").mkdir(parents=True)
    (folder / "deep" / "[1]" / "est" / "d.mkv").write_bytes(b"x")
    everything = ["a.WAV", "b.mp4", "deep/[1]/est/d.mkv", "deep/er/c.mkv", "out/e.mp4"]
    for pattern in ("**/*", "**", "**/**/*", f"{folder}/**", "./**/*.*"):
        assert addresses(pattern) == everything, pattern
    assert addresses("**/*.mkv") == addresses("*/**/*.mkv") == everything[2:4]
    assert addresses("**/er/*", "deep/**/est/*") == ["deep/er/c.mkv", "deep/[1]/est/d.mkv"]
    assert addresses("deep/er/again/**/b.mp4") == ["deep/er/again/b.mp4"]  # a linked folder that is named is meant
    assert addresses("dee**/er/*") == ["deep/er/c.mkv"]


def test_brackets_in_the_folder_that_a_path_starts_from_are_no_pattern(folder, monkeypatch):
    place = folder / "talks [2024]"
    place.mkdir()
    (place / "a.mp4").write_bytes(b"x")
    (place / "list.txt").write_text("*.mp4\nnone.mp4\n")
    assert addresses(str(place / "list.txt")) == ["talks [2024]/a.mp4", "talks [2024]/none.mp4"]
    monkeypatch.chdir(place)
    assert addresses("*.mp4", "none.mp4") == ["a.mp4", "none.mp4"]


def test_everything_is_named_once_in_the_order_given(folder):
    assert addresses("deep", "b.mp4", "./b.mp4", "*.mp4", str(folder / "b.mp4")) == ["deep/er/c.mkv", "b.mp4"]


def test_a_named_file_is_taken_whatever_its_name_and_whether_it_is_there_or_not(folder):
    there, missing = list_sources(["odd.dat", "none.mp4"]).sources
    assert there.size == 1 and there.version
    assert (missing.size, missing.version) == (None, "")


def test_the_version_of_a_file_changes_with_its_content(folder):
    before = list_sources(["b.mp4"]).sources[0].version
    assert list_sources(["b.mp4"]).sources[0].version == before
    os.utime("b.mp4", (1, 1))
    assert list_sources(["b.mp4"]).sources[0].version != before


@pytest.mark.parametrize("given", ["lists/list.txt", "@lists/list", "@lists/list.txt"])
def test_a_list_names_files_from_where_it_lies(folder, given):
    text = "\ufeff# a comment\n\n  ../b.mp4  \n../deep\nhttps://example.org/v?id=1\n../none.mp4\n../*.WAV\n"
    (folder / "lists").mkdir()
    for name in ("list.txt", "list"):
        (folder / "lists" / name).write_text(text)
    found = [source.address for source in list_sources([given]).sources]
    files = [str(folder / name) for name in ("b.mp4", "deep/er/c.mkv", "none.mp4", "a.WAV")]
    assert found == [*files[:2], "https://example.org/v?id=1", *files[2:]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_a_list_may_be_written_as_windows_does(folder, encoding):
    text = "b.mp4\r\nü.mp4\r\n"
    (folder / "list.txt").write_bytes((("\ufeff" if encoding == "utf-16-be" else "") + text).encode(encoding))
    assert addresses("list.txt") == ["b.mp4", "ü.mp4"]


def test_a_folder_called_like_a_host_is_no_link(folder):
    (folder / "lists" / "Dr.Li").mkdir(parents=True)
    (folder / "lists" / "Dr.Li" / "a.mp4").write_bytes(b"x")
    (folder / "lists" / "list.txt").write_text("Dr.Li/a.mp4\nDr.Li/*.mp4\nDr.Li/none.mp4\nyoutu.be/x\n")
    found = [source.address for source in list_sources(["lists/list.txt"]).sources]
    assert found == [*(str(folder / "lists" / "Dr.Li" / name) for name in ("a.mp4", "none.mp4")), "https://youtu.be/x"]


@pytest.mark.parametrize("given", ["", " "])
def test_an_empty_input_is_not_everything_here(folder, given):
    with pytest.raises(EmorecError, match="One of the inputs is empty"):
        list_sources(["b.mp4", given])


def test_the_address_of_a_file_may_be_written_as_browsers_do(folder):
    for name in ("my talk.mp4", "100%25.mp4"):
        (folder / name).write_bytes(b"x")
    found = list_sources([f"FILE://{folder}/my%20talk.mp4", f"file://{folder}/100%25.mp4"]).sources
    assert [source.address for source in found] == [f"file://{folder}/my talk.mp4", f"file://{folder}/100%25.mp4"]
    for parent in ("50%20off", "my talks"):
        (folder / parent).mkdir()
        (folder / parent / "c.mp4").write_bytes(b"x")
    found = list_sources([f"file://{folder}/50%20off/*.mp4", f"file://{folder}/my%20talks/*.mp4"]).sources
    assert [source.address for source in found] == [
        f"file://{folder}/{name}/c.mp4" for name in ("50%20off", "my talks")
    ]


def test_an_address_with_brackets_for_a_bucket_ends_nothing(folder):
    store, other = list_sources(["memory://[ab]*/x.mp4", "b.mp4"]), list_sources(["file://[a]/b.mp4", "b.mp4"])
    assert store.sources[-1].address == other.sources[-1].address == str(folder / "b.mp4")


def test_a_list_that_is_not_there_is_an_error(folder):
    with pytest.raises(EmorecError, match=r"The list none.txt cannot be read"):
        list_sources(["b.mp4", "none.txt"])


def test_what_cannot_be_used_is_a_source_with_a_problem(folder, monkeypatch):
    first, second = list_sources(["ftp://example.org/a.mp4", "b.mp4"]).sources
    assert "must begin with http" in first.problem and not second.problem
    monkeypatch.setenv("EMOREC_LINKS", "off")
    assert "turned off" in list_sources(["https://example.org/a.mp4"]).sources[0].problem


def test_an_input_without_recordings_is_noted(folder):
    (folder / "empty").mkdir()
    found = list_sources(["empty", "*.nothing", "b.mp4"])
    assert len(found.sources) == 1
    assert found.notes == ("There is no recording in empty.", "There is no recording in *.nothing.")


def test_objects_are_found_by_name_folder_and_pattern():
    store = fsspec.filesystem("memory")
    for name in ("/bucket/a.mp4", "/bucket/deep/b.wav", "/bucket/notes.txt", "/bucket/.c.mp4"):
        store.pipe(name, b"content")
    try:
        both = ["memory://bucket/a.mp4", "memory://bucket/deep/b.wav"]
        assert [source.address for source in list_sources(["memory://bucket"]).sources] == both
        assert [source.address for source in list_sources(["memory://bucket/*.mp4", *both]).sources] == both
        found = list_sources(["memory://bucket/notes.txt"]).sources  # no list: that would be its content
        assert [(source.address, source.size) for source in found] == [("memory://bucket/notes.txt", 7)]
        store.pipe("/bucket/Title [abc].mp4", b"content")  # not a pattern, if there is such an object
        titled = "memory://bucket/Title [abc].mp4"
        assert [source.address for source in list_sources([titled]).sources] == [titled]
        assert [source.address for source in list_sources(["memory://bucket/[ab].mp4"]).sources] == both[:1]
        before = list_sources(both).sources[0].version
        store.pipe("/bucket/a.mp4", b"other content")
        assert list_sources(both).sources[0].version != before
    finally:
        store.rm("/bucket", recursive=True)


def test_an_address_without_a_password_is_shown_as_it_is():
    for url in (
        *("s3://bucket/me@home.mp4", "hf://datasets/a/b@main/c.mp4", "s3://arn:aws:s3:a:1:accesspoint/b/c@d.mp4"),
        *("https://example.org/@me/a", "https://example.org:8080/@me/a", "http://[::1]/@me/a", "memory://a:b/c@d.mp4"),
    ):
        assert storage.without_user(url) == url


@pytest.mark.parametrize("user", ["name:secret", "name:a/secret", "name:a/b@secret"])
def test_a_password_in_an_address_is_neither_used_nor_kept(user):
    (source,) = list_sources([f"s3://{user}@bucket/a.mp4"]).sources
    assert source.address == "s3://...@bucket/a.mp4"
    assert "contains a user name or a password" in source.problem
    assert "secret" not in source.problem + source.address
    (source,) = list_sources([f"https://{user}@example.org/a.mp4"]).sources
    assert source.address == "https://...@example.org/a.mp4" and source.problem and "secret" not in source.problem
