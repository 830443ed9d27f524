"""What a killed process leaves in a folder for temporary data: the next one removes that, and nothing else."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kora.errors import Busy, FileProblem
from kora.scratch_folders import PREFIX, ScratchFolder, scratch_folder
from tests.full_disk import fill, small_disk

_HOLDER = """
import sys
from pathlib import Path
from kora.scratch_folders import ScratchFolder
folder = ScratchFolder(Path(sys.argv[1]))
(folder.path / "side").mkdir()
(folder.path / "side" / "rows").write_bytes(b"names and birthdays" * 1000)
print(folder.path, flush=True)
sys.stdin.read()
"""
Held = tuple["subprocess.Popen[str]", Path]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[[], Held]]:
    """Starts a process that has data in a folder below `tmp_path`; gives it, and that folder."""
    started: list[subprocess.Popen[str]] = []

    def made() -> Held:
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        data = Path(process.stdout.readline().strip())
        assert (data / "side" / "rows").is_file()
        return process, data.parent

    yield made
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def left(hold: Callable[[], Held]) -> Path:
    """A folder with data whose process was killed."""
    process, folder = hold()
    kill(process)
    assert (folder / "data" / "side" / "rows").is_file()
    return folder


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL


def make_and_remove(parent: Path) -> None:
    with scratch_folder(parent):
        pass


def test_what_a_killed_process_left_is_removed_by_the_next_one(left, tmp_path):
    make_and_remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_living_process_keeps_its_folder(hold, tmp_path):
    process, folder = hold()
    make_and_remove(tmp_path)
    assert (folder / "data" / "side" / "rows").read_bytes() == b"names and birthdays" * 1000
    kill(process)
    make_and_remove(tmp_path)
    assert not folder.exists()


def test_a_process_that_ends_removes_its_folder_whatever_ended_the_block(tmp_path):
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path) as folder:
        (folder / "rows").write_text("x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_only_this_user_may_look_into_the_folder(tmp_path):
    before = os.umask(0)
    try:
        with scratch_folder(tmp_path) as folder:
            modes = [path.stat().st_mode & 0o777 for path in (folder.parent, folder, folder.parent / "owner")]
    finally:
        os.umask(before)
    assert modes == [0o700, 0o700, 0o600]


def test_a_link_of_that_name_is_not_followed(left, tmp_path):
    victim = tmp_path / "victim"
    left.rename(victim)
    link = tmp_path / f"{PREFIX}planted"
    link.symlink_to(victim)
    make_and_remove(tmp_path)
    assert link.is_symlink()
    assert (victim / "data" / "side" / "rows").is_file()


def test_a_link_within_goes_and_what_it_leads_to_stays(left, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x")
    (left / "data" / "link").symlink_to(victim)
    (left / "link").symlink_to(victim)
    make_and_remove(tmp_path)
    assert not left.exists()
    assert (victim / "precious").is_file()


def test_an_owner_file_that_is_a_link_is_not_believed(left, tmp_path):
    (left / "owner").rename(tmp_path / "elsewhere")
    (left / "owner").symlink_to(tmp_path / "elsewhere")
    make_and_remove(tmp_path)
    assert (left / "data" / "side" / "rows").is_file()


@pytest.mark.parametrize("whose", ["folder", "owner"])
def test_what_belongs_to_another_user_is_left(left, tmp_path, whose):
    os.chown(left if whose == "folder" else left / "owner", 65534, 65534)
    make_and_remove(tmp_path)
    assert (left / "data" / "side" / "rows").is_file()


def test_what_another_machine_left_is_left(left, tmp_path):
    """Two machines may share a folder, and each have locks of its own on it."""
    (left / "owner").write_text("another kernel\nanother installation")
    make_and_remove(tmp_path)
    assert (left / "data" / "side" / "rows").is_file()


def test_what_stood_before_a_restart_is_removed(left, tmp_path):
    _, installation = (left / "owner").read_text().split("\n")
    (left / "owner").write_text(f"the kernel before\n{installation}")
    make_and_remove(tmp_path)
    assert not left.exists()


@pytest.mark.parametrize("names", [(), ("owner.new",)])
def test_a_folder_in_the_making_is_left_for_an_hour(tmp_path, names):
    folder = tmp_path / f"{PREFIX}young"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(machine(tmp_path))
    make_and_remove(tmp_path)
    assert folder.exists()
    age(folder)
    make_and_remove(tmp_path)
    assert not folder.exists()


def test_data_without_an_owner_are_nobodys_to_remove(left, tmp_path):
    (left / "owner").unlink()
    age(left)
    make_and_remove(tmp_path)
    assert (left / "data" / "side" / "rows").is_file()


def test_where_there_are_no_locks_nothing_is_removed(tmp_path, monkeypatch):
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", refuse)
        folder = ScratchFolder(tmp_path)
        (folder.path / "rows").write_text("x")
        make_and_remove(tmp_path)
    age(folder.path.parent)
    make_and_remove(tmp_path)
    assert (folder.path / "rows").is_file()
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_do_not_meet(hold, tmp_path):
    for _ in range(3):
        kill(hold()[0])

    def work(number: int) -> None:
        with scratch_folder(tmp_path) as folder:
            (folder / "rows").write_text(str(number))
            assert [path.name for path in folder.iterdir()] == ["rows"]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(200))) == [None] * 200
    assert list(tmp_path.iterdir()) == []


def test_a_fork_leaves_its_parents_folder(tmp_path):
    with scratch_folder(tmp_path) as folder:
        child = os.fork()
        if child == 0:
            with scratch_folder(tmp_path):
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        make_and_remove(tmp_path)
        assert folder.is_dir()
        assert list(tmp_path.iterdir()) == [folder.parent]


@pytest.mark.parametrize(("place", "is_made"), [("there", True), ("nowhere", False)])
def test_a_process_has_one_folder_or_where_none_can_be_made_a_name(tmp_path, place, is_made):
    """Reading a DuckDB file needs no room as a rule."""
    (tmp_path / "there").mkdir()
    program = (
        "import sys, tempfile; tempfile.tempdir = sys.argv[1];"
        " from kora.scratch_folders import process_folder as folder; print(folder(), folder().exists())"
    )
    run = [sys.executable, "-c", program, str(tmp_path / place)]
    named, made = subprocess.check_output(run, env=os.environ | {"PYTHONPATH": str(Path.cwd())}, text=True).split()
    assert Path(named).is_relative_to(tmp_path / place)
    assert made == str(is_made)
    assert [path for path in tmp_path.rglob("*") if path.name != "there"] == []


# --- full disks ------------------------------------------------------------------------------------------------------


def test_a_folder_on_a_full_disk_is_refused_and_leaves_nothing(tmp_path):
    with small_disk(tmp_path / "disk", 1) as disk:
        fill(disk)
        with pytest.raises(Busy, match="disk is full") as caught:
            ScratchFolder(disk)
        assert str(disk) in caught.value.message
        assert "TMPDIR" in caught.value.hint
        assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileProblem, match="nowhere"):
        ScratchFolder(tmp_path / "nowhere")


def age(folder: Path) -> None:
    long_ago = time.time() - 7200
    os.utime(folder, (long_ago, long_ago))


def machine(parent: Path) -> bytes:
    """What an owner file says here."""
    with scratch_folder(parent) as folder:
        return (folder.parent / "owner").read_bytes()
