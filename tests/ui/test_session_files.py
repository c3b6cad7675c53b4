"""The files of sessions: in folders with random names, for one session only, and removed when it ends."""

import threading

import pytest

from emorec.errors import EmorecError
from emorec.ui.sessions.files import KEEP, SessionFiles
from support.clock import Clock
from support.in_use import held_open


def uploaded(root, name="mine.mp4", content="x"):
    """A file in the folder that Gradio makes for it, whose name depends on the content."""
    file = root / "digest" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def test_an_upload_is_moved_to_a_random_name_and_equal_contents_are_two_files(tmp_path):
    own = SessionFiles(tmp_path)
    first, second = (own.register_upload(uploaded(tmp_path)) for _ in range(2))
    assert first != second and first.name == second.name == "mine.mp4"
    assert len(first.parent.name) >= 32 and not (tmp_path / "digest").exists()
    assert own.claim("a", first) and own.claim("b", second)
    own.remove("a")
    assert not first.parent.exists() and second.read_text() == "x"


def test_an_upload_belongs_to_one_session(tmp_path):
    own = SessionFiles(tmp_path)
    assert not own.claim("a", uploaded(tmp_path))
    file = own.register_upload(uploaded(tmp_path))
    assert own.claim("a", file) and own.claim("a", file)
    assert not own.claim("b", file)
    own.remove("a")
    assert not own.claim("a", file) and not file.exists()


def test_the_same_content_may_be_uploaded_twice_at_once(tmp_path):
    own, file = SessionFiles(tmp_path), uploaded(tmp_path)
    mine = own.register_upload(file)
    assert own.register_upload(file) == file and not own.claim("b", file)
    assert own.claim("a", mine) and len(list(tmp_path.iterdir())) == 1


def test_files_of_a_session_are_removed_and_files_elsewhere_are_not(tmp_path):
    own = SessionFiles(tmp_path / "up")
    made, elsewhere = own.new_folder() / "a.csv", tmp_path / "elsewhere"
    for file in (made, elsewhere):
        file.write_text("x")
        own.add("a", file)
    own.remove("a")
    own.remove("a")
    assert not made.parent.exists() and elsewhere.exists()


def test_an_example_that_is_uploaded_stays_for_the_others(tmp_path):
    example, root = tmp_path / "example.mp4", tmp_path / "up"
    example.write_text("x")
    own = SessionFiles(root, [example])
    copy = uploaded(root, "example.mp4")
    assert own.register_upload(copy) == copy and copy.exists()
    renamed = own.register_upload(uploaded(root, "mine.mp4"))
    own.remove("a" if own.claim("a", renamed) else "")
    assert copy.exists() and not renamed.exists()


def test_an_example_may_be_used_by_all_and_stays(tmp_path):
    example, root = tmp_path / "example.mp4", tmp_path / "up"
    example.write_text("x")
    own = SessionFiles(root, [example])
    copy, other = uploaded(root, "example.mp4"), root / "other" / "example.mp4"
    other.parent.mkdir()
    other.write_text("y")
    assert own.claim("a", copy) and own.claim("b", copy) and not own.claim("a", other)
    for file in (copy, other):
        own.add("a", file)
    own.remove("a")
    assert copy.exists() and not other.exists()


def test_a_session_has_one_folder_which_is_removed_with_it(tmp_path):
    own = SessionFiles(tmp_path / "up")
    mine = own.folder("a")
    assert own.folder("a") == mine != own.folder("b")
    assert own.cache("a").parent == mine
    (mine / "video").mkdir()
    (mine / "video" / "title.mp4").write_text("x")
    own.remove("a")
    assert not mine.exists() and own.folder("b").exists()


def test_files_are_removed_after_what_still_writes_to_them_has_ended(tmp_path):
    own, seen, goes_on = SessionFiles(tmp_path), [], threading.Event()
    mine = own.folder("a")

    def after():
        goes_on.wait(30)
        (mine / "late").write_text("x")
        seen.append(mine.exists())

    ending = threading.Thread(target=own.remove, args=("a", after))
    ending.start()
    assert mine.exists()
    goes_on.set()
    ending.join(30)
    assert seen == [True] and not mine.exists()


def test_a_session_has_a_limit_of_bytes(tmp_path):
    own = SessionFiles(tmp_path, max_bytes=10)
    assert own.claim("a", own.register_upload(uploaded(tmp_path, content="x" * 8)))
    too_much = own.register_upload(uploaded(tmp_path, content="y" * 8))
    with pytest.raises(EmorecError, match="Your recordings here take more than"):
        own.claim("a", too_much)
    assert not too_much.exists() and not own.claim("a", too_much)
    assert own.claim("b", own.register_upload(uploaded(tmp_path, content="y" * 8)))
    own.check_space("b")
    (own.folder("b") / "downloaded").write_text("z" * 8)
    with pytest.raises(EmorecError):
        own.check_space("b")


def test_unclaimed_uploads_are_removed_and_idle_sessions_are_found(tmp_path):
    clock = Clock()
    own = SessionFiles(tmp_path, clock=clock)
    nobodys, idle, busy = (own.register_upload(uploaded(tmp_path, name)) for name in ("1", "2", "3"))
    own.claim("idle", idle)
    clock.now = KEEP - 1
    own.claim("busy", busy)
    own.remove_unclaimed()
    assert own.idle_sessions() == [] and nobodys.exists()
    clock.now = KEEP + 1
    own.remove_unclaimed()
    assert own.idle_sessions() == ["idle"]
    assert not nobodys.exists() and not own.claim("c", nobodys) and idle.exists() and busy.exists()


def test_a_download_is_a_plain_file_in_its_folder(tmp_path):
    own = SessionFiles(tmp_path)
    with pytest.raises(EmorecError, match="could not write"), own.new_download("a") as folder:
        (folder / "AC").mkdir()
    assert not list(tmp_path.iterdir())


def test_downloads_of_one_recording_are_removed_with_those_of_several_and_no_others(tmp_path):
    own, files = SessionFiles(tmp_path), {}
    for session, key in (("a", "gone"), ("a", ""), ("a", "other"), ("a", None), ("b", "gone")):
        with own.new_download(session, key) as folder:
            files[session, key] = folder / "report.html"
            files[session, key].write_text("x")
    own.remove_downloads("a", "gone")
    assert [place for place, file in files.items() if file.exists()] == [("a", "other"), ("a", None), ("b", "gone")]
    assert not files["a", "gone"].parent.exists() and not own.claim("a", files["a", ""])


def test_what_cannot_be_removed_does_not_keep_the_other_files(tmp_path):
    own = SessionFiles(tmp_path)
    first, second = (own.register_upload(uploaded(tmp_path)) for _ in range(2))
    for file in (first, second):
        assert own.claim("a", file)
        file.unlink()
        file.mkdir()  # as if something else were there now
    own.remove_files("a")
    assert not list(tmp_path.iterdir())


def test_what_a_player_still_receives_is_removed_later(tmp_path):
    own = SessionFiles(tmp_path)
    played, download, kept = (own.register_upload(uploaded(tmp_path, content=text)) for text in "abc")
    assert own.claim("a", played) and own.claim("a", download) and own.claim("b", kept)
    with held_open(played, download):
        own.remove_files("a", download)
        own.remove("a")
        own.remove_unclaimed()
        assert played.exists() and download.exists()
        assert not own.claim("a", played) and not own.claim("a", download)
    own.remove_unclaimed()
    assert {*tmp_path.iterdir()} == {kept.parent} and kept.exists()


def test_an_upload_in_use_for_a_moment_is_taken(tmp_path):
    own, file = SessionFiles(tmp_path), uploaded(tmp_path)
    with held_open(file, tries=1):
        assert own.register_upload(file) != file
    assert not file.exists()
