"""A database at the end of a slow, long line: its server digests its own rows, and little goes over the line.

The client runs in a network namespace whose only line is shaped by `tc tbf`; delay and cuts are the test's own proxy's.
The server stands outside, behind its Unix socket, so that every TCP byte of the namespace is one of the line's.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.servers import PASSWORD, SUPERUSER, Database, PostgresServer

ROOT = Path(__file__).parents[2]
LINE = ROOT / "tests" / "faults" / "far_line.py"
PORT = 5432
COLUMNS = "id, name, amount, made_at, code, note, flag, big"
_INSIDE = """
ip link set lo mtu 1500 up
tc qdisc add dev lo root tbf rate "$RATE" burst 16kb latency 60s
"$PYTHON" "$LINE" "$SOCKET" "$PORT" "$DELAY" "$FOLDER/ready" $CUT &
line=$!
for _ in $(seq 200); do [ -e "$FOLDER/ready" ] && break; sleep 0.05; done
code=0
"$PYTHON" -m kora.cli "$@" > "$FOLDER/out" 2> "$FOLDER/err" || code=$?
tc -s qdisc show dev lo > "$FOLDER/moved"
kill $line
exit $code
"""
MAP = {
    "tables": [
        {
            "source": {"schema": "", "name": "ledger"},
            "target": {"schema": "public", "name": "ledger"},
            "columns": [
                {"source": name, "target": name}
                | ({"source_representation": {"rule": "text_date", "argument": "%Y-%m-%d %H:%M:%S"}}
                   if name == "made_at" else {})
                | ({"source_representation": {"rule": "bool01"}} if name == "flag" else {})
                | ({"source_representation": {"rule": "text_number"}} if name == "amount" else {})
                for name in COLUMNS.split(", ")
            ],
        }
    ]
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """`rate` as tc spells it; each byte arrives `delay_seconds` late, so that a round trip takes twice as long."""

    rate: str
    delay_seconds: float
    cut_after: int | None = None


@dataclass(frozen=True)
class Told:
    """What a command said, and the bytes of all packets in its namespace, headers included."""

    code: int
    out: str
    err: str
    moved: int


def over(line: Line, server: PostgresServer, folder: Path, *arguments: str) -> Told:
    for program in ("unshare", "ip", "tc"):
        assert shutil.which(program), f"{program} is missing: apt-get install util-linux iproute2"
    (folder / "ready").unlink(missing_ok=True)
    environment = {
        **os.environ, "SENSEI_HOME": str(folder / "home"), "RATE": line.rate, "DELAY": str(line.delay_seconds),
        "CUT": str(line.cut_after or ""), "PYTHON": sys.executable, "LINE": str(LINE), "PORT": str(PORT),
        "SOCKET": str(server.folder / f".s.PGSQL.{server.port}"), "FOLDER": str(folder),
    }  # fmt: skip
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", _INSIDE, "inside", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3600,
    )  # fmt: skip
    moved = re.search(r"Sent (\d+) bytes", (folder / "moved").read_text())
    assert moved, done.stderr
    return Told(done.returncode, (folder / "out").read_text(), (folder / "err").read_text(), int(moved[1]))


def built(folder: Path, database: Database, rows: int) -> tuple[str, str]:
    """The same ledger in a SQLite file and in PostgreSQL. Returns both URLs, the second as the namespace sees it."""
    path = folder / "near.db"
    with sqlite3.connect(path) as near:
        near.execute(
            "CREATE TABLE ledger (id INTEGER PRIMARY KEY, name TEXT, amount TEXT, made_at TEXT, code TEXT, note TEXT,"
            " flag INTEGER, big INTEGER)"
        )
        near.execute(
            "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ?) INSERT INTO ledger"
            " SELECT id, 'customer ' || id, (id * 37 % 100000) || '.' || (1 + id % 9),"
            " datetime(1600000000 + id, 'unixepoch'), printf('%08x', id * 2654435761 % 4294967296),"
            " CASE WHEN id % 10 = 0 THEN NULL ELSE 'note of row ' || (id % 977) END, id % 2, id * 7919 FROM n",
            (rows,),
        )
    near.close()
    database.execute(
        "CREATE TABLE ledger (id bigint PRIMARY KEY, name text, amount numeric(12,2), made_at timestamp, code text,"
        " note text, flag boolean, big bigint)",
        "INSERT INTO ledger SELECT id, 'customer ' || id, ((id * 37 % 100000) || '.' || (1 + id % 9))::numeric,"
        " to_timestamp(1600000000 + id) AT TIME ZONE 'UTC', lpad(to_hex(id * 2654435761 % 4294967296), 8, '0'),"
        f" CASE WHEN id % 10 = 0 THEN NULL ELSE 'note of row ' || (id % 977) END, id % 2 = 1, id * 7919"
        f" FROM generate_series(1::bigint, {rows}) AS n(id)",
        "ANALYZE ledger",
    )
    (folder / "map.json").write_text(json.dumps(MAP))
    login = f"{SUPERUSER}:{quote(PASSWORD)}"
    return f"sqlite:///{path}", f"postgresql://{login}@127.0.0.1:{PORT}/{database.settings['dbname']}"


def verified(line: Line, server: PostgresServer, folder: Path, urls: tuple[str, str], strategy: str) -> Told:
    return over(
        line, server, folder,
        "verify", *urls, "--map", str(folder / "map.json"), "--strategy", strategy, "--show-values", "--json",
        "--out", str(folder / "evidence"),
    )  # fmt: skip


def alter(database: Database, rows: int) -> None:
    """One row altered, one taken away, one added."""
    database.execute(
        "UPDATE ledger SET amount = amount + 0.01 WHERE id = 4321",
        f"DELETE FROM ledger WHERE id = {rows // 2}",
        f"INSERT INTO ledger (id) VALUES ({rows + 1})",
    )


def counts(told: Told) -> list[int]:
    table = json.loads(told.out)["tables"][0]
    assert table["strategy"] == "pushdown", table
    return [table[name] for name in ("source_rows", "target_rows", "mismatch", "missing_in_target", "extra_in_target")]


def received(told: Told) -> int:
    (line,) = json.loads(told.out)["lines"]
    assert line["side"] == "target"
    return int(line["received"]) + int(line["sent"])


QUICK = Line("4mbit", 0.01)


def test_fifty_thousand_rows_are_verified_by_their_servers_digests_over_a_shaped_line(
    postgres_server: PostgresServer, postgres_database: Database, tmp_path: Path
) -> None:
    rows = 50_000
    urls = built(tmp_path, postgres_database, rows)
    equal = verified(QUICK, postgres_server, tmp_path, urls, "pushdown")
    assert equal.code in (0, 5), equal.err
    assert counts(equal) == [rows, rows, 0, 0, 0]
    assert received(equal) < equal.moved < 500_000
    alter(postgres_database, rows)
    altered = verified(QUICK, postgres_server, tmp_path, urls, "pushdown")
    assert altered.code == 1, altered.err
    assert counts(altered) == [rows, rows, 1, 1, 1]
    assert altered.moved < 600_000
    report = (tmp_path / "evidence" / "report.html").read_text()
    assert "4321" in report
    assert "bytes received" in report


def test_auto_streams_over_a_fast_line_and_pushes_down_over_a_slow_one(
    postgres_server: PostgresServer, postgres_database: Database, tmp_path: Path
) -> None:
    urls = built(tmp_path, postgres_database, 20_000)
    fast = json.loads(verified(Line("10gbit", 0), postgres_server, tmp_path, urls, "auto").out)
    assert fast["tables"][0]["strategy"] == "stream", fast
    # Opening a session there takes a second, which says nothing of how fast the server digests.
    slow = json.loads(verified(Line("1mbit", 0.1), postgres_server, tmp_path, urls, "auto").out)
    assert slow["tables"][0]["strategy"] == "pushdown", slow
    reason = slow["tables"][0]["strategy_reason"]
    assert all(word in reason for word in ("kB/s and", "rows/s digested", "streaming 20,000 rows")), reason
    (line,) = slow["lines"]
    assert 50_000 < line["bytes_per_second"] < 200_000


def test_where_very_many_rows_differ_a_part_is_told_and_little_moves(
    postgres_server: PostgresServer, postgres_database: Database, tmp_path: Path
) -> None:
    urls = built(tmp_path, postgres_database, 150_000)
    postgres_database.execute("UPDATE ledger SET amount = amount + 0.01 WHERE id % 3 <> 0")
    told = verified(QUICK, postgres_server, tmp_path, urls, "pushdown")
    assert told.code == 1, told.err
    assert told.moved < 1_000_000
    (table,) = json.loads(told.out)["tables"]
    assert 1_000 < table["mismatch"] <= 10_000
    about = re.search(r"about ([0-9,]+) rows differ", table["strategy_reason"])
    assert about, table
    assert 90_000 < int(about[1].replace(",", "")) < 110_000


def test_a_column_without_a_form_travels_over_the_line_and_the_others_do_not(
    postgres_server: PostgresServer, postgres_database: Database, tmp_path: Path
) -> None:
    rows = 20_000
    urls = built(tmp_path, postgres_database, rows)
    postgres_database.execute("ALTER TABLE ledger ALTER COLUMN flag TYPE xml USING (flag::int)::text::xml")
    columns = MAP["tables"][0]["columns"]
    plain = [{"source": "flag", "target": "flag", "target_representation": {"rule": "text_number"}}]
    changed = [column for column in columns if column["source"] != "flag"] + plain
    (tmp_path / "map.json").write_text(json.dumps({"tables": [{**MAP["tables"][0], "columns": changed}]}))
    told = {way: verified(QUICK, postgres_server, tmp_path, urls, way) for way in ("pushdown", "stream")}
    assert {each.code for each in told.values()} <= {0, 5}, told
    assert counts(told["pushdown"]) == [rows, rows, 0, 0, 0]
    assert "ledger.flag: no server applies text_number" in told["pushdown"].out
    assert received(told["pushdown"]) < received(told["stream"]) * 2 / 3


def test_a_line_that_is_cut_ends_in_its_own_exit_code_and_says_so(
    postgres_server: PostgresServer, postgres_database: Database, tmp_path: Path
) -> None:
    urls = built(tmp_path, postgres_database, 1_000)
    whole = verified(QUICK, postgres_server, tmp_path, urls, "pushdown")
    cut = Line(QUICK.rate, QUICK.delay_seconds, cut_after=json.loads(whole.out)["lines"][0]["received"] - 1_000)
    told = verified(cut, postgres_server, tmp_path, urls, "pushdown")
    assert told.code == 4, told
    assert "closed the connection" in told.err


@pytest.mark.slow
def test_five_million_rows_are_verified_over_256_kbit_and_600_ms_with_under_two_megabytes(
    postgres_server: PostgresServer, postgres_database: Database, tmp_path: Path
) -> None:
    rows, line = 5_000_000, Line("256kbit", 0.3)
    urls = built(tmp_path, postgres_database, rows)
    equal = verified(line, postgres_server, tmp_path, urls, "pushdown")
    assert equal.code in (0, 5), equal.err
    assert counts(equal) == [rows, rows, 0, 0, 0]
    assert equal.moved < 2_000_000
    alter(postgres_database, rows)
    altered = verified(line, postgres_server, tmp_path, urls, "auto")
    assert altered.code == 1, altered.err
    assert counts(altered) == [rows, rows, 1, 1, 1]
    assert altered.moved < 2_000_000
    for told in (equal, altered):
        found = json.loads(told.out)
        sys.stdout.write(f"{found['seconds']} s, {received(told):,} bytes, {told.moved:,} with headers\n")
