"""What a killed process leaves in a folder for temporary data: the next one removes that, and nothing else."""

import errno
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from appliance.loading.duckdb import DuckDBWriter
from appliance.loading.scratch import parquet_scratch, sqlite_scratch
from kora.behavior.copies import writer_on_copy
from kora.comparison.fingerprint_body import BodyWriter
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


def test_the_processs_folder_is_the_same_for_all_its_threads(tmp_path):
    program = (
        "import sys, tempfile, threading; tempfile.tempdir = sys.argv[1]; sys.setswitchinterval(1e-6)\n"
        "from concurrent.futures import ThreadPoolExecutor; from kora.scratch_folders import process_folder\n"
        "at_once = threading.Barrier(8)\n"
        "with ThreadPoolExecutor(8) as threads:\n"
        "    print(len(set(threads.map(lambda _: (at_once.wait(), process_folder())[1], range(8)))))"
    )
    run = [sys.executable, "-c", program, str(tmp_path)]
    assert subprocess.check_output(run, env=os.environ | {"PYTHONPATH": str(Path.cwd())}, text=True) == "1\n"
    assert list(tmp_path.iterdir()) == []


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


@pytest.fixture(scope="module")
def many_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More rows than are sorted in memory. Read only."""
    file = tmp_path_factory.mktemp("many") / "many.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS id, hash(range) AS v FROM range(2300000)")
    return file


def refused(folder: Path, environment: dict[str, str], *command: str) -> None:
    """The command ends with 4, names the folder and how to choose another, and leaves nothing there."""
    ran = subprocess.run(
        [sys.executable, *command], env=os.environ | {"PYTHONPATH": str(Path.cwd())} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 4, ran.stderr
    error = next(line for line in ran.stderr.splitlines() if line.startswith("error: "))
    hint = next(line for line in ran.stderr.splitlines() if line.startswith("hint: "))
    assert str(folder) in error
    assert "No space left" in error or "full" in error
    assert "SENSEI_SPILL_DIRECTORY" in hint
    assert "TMPDIR" in hint
    assert [path.name for path in folder.iterdir() if path.name != "many.duckdb"] == []


def test_a_fingerprint_whose_digests_find_no_room_names_the_folder(many_rows, tmp_path):
    with small_disk(tmp_path / "disk", 8) as disk:
        environment = {"SENSEI_SPILL_DIRECTORY": str(disk), "SENSEI_HOME": str(tmp_path / "home")}
        output = str(tmp_path / "side.kfp")
        url = f"duckdb:///{many_rows}"
        refused(disk, environment, "-m", "kora.cli", "fingerprint", url, "--tier", "3", "--tables", "t", "-o", output)
    assert not (tmp_path / "side.kfp").exists()


def test_a_verification_whose_digests_find_no_room_names_the_folder(many_rows, tmp_path):
    with small_disk(tmp_path / "disk", 8) as disk:
        environment = {"SENSEI_SPILL_DIRECTORY": str(disk), "SENSEI_HOME": str(tmp_path / "home")}
        refused(disk, environment, "-m", "kora.cli", "verify", *(f"duckdb:///{many_rows}",) * 2, "--tables", "t")


_SPILLING = """
import sys
import click
from kora.cli.entry import run_group
from kora.databases.registry import open_database
@click.command
def ask():
    database = open_database(sys.argv[1])
    database.scalar_query("SET GLOBAL memory_limit = '48MiB'")
    numbered = "SELECT row_number() OVER (ORDER BY v, id) AS n FROM t"
    {asked}
sys.exit(run_group(ask, "ask", []))
"""


@pytest.mark.parametrize("asked", ["database.scalar_query", "database.query_rows"])
def test_a_duckdb_query_that_finds_no_room_names_the_folder(many_rows, tmp_path, asked):
    program = _SPILLING.replace("{asked}", f'{asked}(f"SELECT sum(n * n) FROM ({{numbered}})")')
    with small_disk(tmp_path / "disk", 8) as disk:
        refused(disk, {"TMPDIR": str(disk)}, "-c", program, f"duckdb:///{many_rows}")


@pytest.mark.parametrize(
    ("scratch", "statement"),
    [
        (sqlite_scratch, "CREATE TABLE t (a INTEGER)"),
        (
            parquet_scratch,
            'DECLARE {"name": {"schema": "", "name": "t"}, "columns": [{"name": "id", "type": {"kind": "integer",'
            ' "declared": "BIGINT", "wire": "BIGINT", "minimum": -9223372036854775808,'
            ' "maximum": 9223372036854775807}}]}',
        ),
    ],
)
def test_a_rehearsal_on_a_full_disk_does_not_say_that_the_target_refused(tmp_path, monkeypatch, scratch, statement):
    with small_disk(tmp_path / "disk", 1) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with scratch() as execute:
            execute(statement)
            fill(disk)
            with pytest.raises(Busy) as caught:
                execute(statement.replace("t (", "other ("))
        assert "TMPDIR" in caught.value.hint
        assert str(disk) in caught.value.message
        assert [path.name for path in disk.iterdir()] == ["ballast"]


# --- files under way -------------------------------------------------------------------------------------------------


def test_a_file_whose_writer_is_killed_has_no_name_yet(tmp_path):
    old = tmp_path / "side.kfp"
    old.write_text("the old one")
    program = (
        "import os, signal, sys; from pathlib import Path; from kora.evidence.files import replace_by\n"
        "with replace_by(Path(sys.argv[1])) as file:\n"
        "    file.write(bytes(1 << 20)); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    run_until_it_kills_itself(program, old)
    assert [path.name for path in tmp_path.iterdir()] == ["side.kfp"]
    assert old.read_text() == "the old one"


def test_what_a_killed_writer_spilled_beside_its_file_is_gone_once_it_is_opened_again(tmp_path):
    file = tmp_path / "t.duckdb"
    program = (
        "import os, signal, sys; from pathlib import Path; from appliance.loading.duckdb import DuckDBWriter\n"
        "writer = DuckDBWriter(Path(sys.argv[1]), memory_limit_bytes=64 << 20); cursor = writer._connection.cursor()\n"
        "cursor.execute('SELECT hash(range) || repeat(chr(97), 100) AS v FROM range(1500000) ORDER BY v')\n"
        "cursor.fetchone(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    run_until_it_kills_itself(program, file)
    assert list((tmp_path / "t.duckdb.tmp").iterdir()) != []
    DuckDBWriter(file).close()
    assert list(tmp_path.iterdir()) == [file]


def test_a_body_and_a_copy_are_for_their_owner_alone(tmp_path):
    file = tmp_path / "t.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
    file.chmod(0o644)
    before = os.umask(0)
    try:
        BodyWriter(tmp_path / "body").add(b"x")
        with writer_on_copy(f"sqlite:///{file}", tmp_path):
            [folder] = tmp_path.glob(f"{PREFIX}*")
            modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "body", folder, folder / "data" / "copy")]
    finally:
        os.umask(before)
    assert modes == [0o600, 0o700, 0o600]


def run_until_it_kills_itself(program: str, file: Path) -> None:
    run = [sys.executable, "-c", program, str(file)]
    killed = subprocess.run(run, env=os.environ | {"PYTHONPATH": str(Path.cwd())}, check=False)
    assert killed.returncode == -signal.SIGKILL


def age(folder: Path) -> None:
    long_ago = time.time() - 7200
    os.utime(folder, (long_ago, long_ago))


def machine(parent: Path) -> bytes:
    """What an owner file says here."""
    with scratch_folder(parent) as folder:
        return (folder.parent / "owner").read_bytes()
