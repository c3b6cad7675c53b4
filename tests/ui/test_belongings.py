"""Files of visitors: in secret places, for one session alone, and gone when it is."""

import threading

import pytest

from emorec.errors import EmorecError
from emorec.ui.sessions.files import KEPT, Belongings


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def uploaded(root, name="mine.mp4", content="x"):
    """A file where Gradio puts it, which who has the content can guess."""
    file = root / "digest" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def test_an_upload_is_moved_to_where_nobody_can_guess_and_two_of_the_same_content_are_two_files(tmp_path):
    belongings = Belongings(tmp_path)
    first, second = (belongings.brought(uploaded(tmp_path)) for _ in range(2))
    assert first != second and first.name == second.name == "mine.mp4"
    assert len(first.parent.name) >= 32 and not (tmp_path / "digest").exists()
    assert belongings.claim("a", first) and belongings.claim("b", second)
    belongings.end("a")
    assert not first.parent.exists() and second.read_text() == "x"


def test_an_upload_is_for_one_session_and_nobody_else(tmp_path):
    belongings = Belongings(tmp_path)
    assert not belongings.claim("a", uploaded(tmp_path))
    file = belongings.brought(uploaded(tmp_path))
    assert belongings.claim("a", file) and belongings.claim("a", file)
    assert not belongings.claim("b", file)
    belongings.end("a")
    assert not belongings.claim("a", file) and not file.exists()


def test_the_same_content_that_comes_twice_at_once_harms_nobody(tmp_path):
    belongings, file = Belongings(tmp_path), uploaded(tmp_path)
    mine = belongings.brought(file)
    assert belongings.brought(file) == file and not belongings.claim("b", file)
    assert belongings.claim("a", mine) and len(list(tmp_path.iterdir())) == 1


def test_what_was_made_for_a_session_goes_with_it_and_what_lies_elsewhere_stays(tmp_path):
    belongings = Belongings(tmp_path / "up")
    made, elsewhere = belongings.new_folder() / "a.csv", tmp_path / "elsewhere"
    for file in (made, elsewhere):
        file.write_text("x")
        belongings.add("a", file)
    belongings.end("a")
    belongings.end("a")
    assert not made.parent.exists() and elsewhere.exists()


def test_what_is_everybodys_may_be_named_by_all_and_stays(tmp_path):
    example, root = tmp_path / "example.mp4", tmp_path / "up"
    example.write_text("x")
    belongings = Belongings(root, [example])
    copy, other = uploaded(root, "example.mp4"), root / "other" / "example.mp4"
    other.parent.mkdir()
    other.write_text("y")
    assert belongings.claim("a", copy) and belongings.claim("b", copy) and not belongings.claim("a", other)
    for file in (copy, other):
        belongings.add("a", file)
    belongings.end("a")
    assert copy.exists() and not other.exists()


def test_a_sessions_folder_is_one_and_goes_with_it(tmp_path):
    belongings = Belongings(tmp_path / "up")
    mine = belongings.folder("a")
    assert belongings.folder("a") == mine != belongings.folder("b")
    assert belongings.store("a").parent == mine
    (mine / "video").mkdir()
    (mine / "video" / "title.mp4").write_text("x")
    belongings.end("a")
    assert not mine.exists() and belongings.folder("b").exists()


def test_files_go_only_after_what_still_writes_to_them_has_ended(tmp_path):
    belongings, seen, goes_on = Belongings(tmp_path), [], threading.Event()
    mine = belongings.folder("a")

    def after():
        goes_on.wait(30)
        (mine / "late").write_text("x")
        seen.append(mine.exists())

    ending = threading.Thread(target=belongings.end, args=("a", after))
    ending.start()
    assert mine.exists()
    goes_on.set()
    ending.join(30)
    assert seen == [True] and not mine.exists()


def test_a_session_may_keep_so_much_and_no_more(tmp_path):
    belongings = Belongings(tmp_path, most=10)
    assert belongings.claim("a", belongings.brought(uploaded(tmp_path, content="x" * 8)))
    too_much = belongings.brought(uploaded(tmp_path, content="y" * 8))
    with pytest.raises(EmorecError, match="Your recordings here take more than"):
        belongings.claim("a", too_much)
    assert not too_much.exists() and not belongings.claim("a", too_much)
    assert belongings.claim("b", belongings.brought(uploaded(tmp_path, content="y" * 8)))
    belongings.check_space("b")
    (belongings.folder("b") / "downloaded").write_text("z" * 8)
    with pytest.raises(EmorecError):
        belongings.check_space("b")


def test_what_nobody_uses_goes_after_a_while(tmp_path):
    clock = Clock()
    belongings = Belongings(tmp_path, clock=clock)
    nobodys, idle, busy = (belongings.brought(uploaded(tmp_path, name)) for name in ("1", "2", "3"))
    belongings.claim("idle", idle)
    clock.now = KEPT - 1
    belongings.claim("busy", busy)
    assert belongings.sweep() == []
    clock.now = KEPT + 1
    assert belongings.sweep() == ["idle"]
    assert not nobodys.exists() and not belongings.claim("c", nobodys) and idle.exists() and busy.exists()
