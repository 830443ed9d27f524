"""Which queries promise an answer that two right engines must share."""

import pytest

from kora.behavior.decidable import Promise, promise_of, view_promises
from kora.behavior.workload import parse
from kora.catalog import Catalog, Column, Key, Name, Table, Type, View

_COLUMNS = tuple(
    Column(name, Type("integer", "INTEGER", "INTEGER"), nullable=name != "id") for name in ("id", "a", "b")
)
TABLE = Table(Name("", "t"), _COLUMNS, primary_key=Key("", ("id",)))
CATALOG = Catalog("sqlite", "3", tables=(TABLE,))


def promise(text: str, dialect: str = "sqlite") -> Promise:
    tree = parse(text, dialect)
    assert tree is not None, text
    return promise_of(tree, CATALOG, {})


@pytest.mark.parametrize(
    "text",
    [
        "select random()", "select current_timestamp", "select date('now') from t", "select datetime()",
        "select a from t limit 1", "select a from t order by b limit 1", "select a from t limit 1 offset 2",
        "select * from (select a from t limit 2) x", "select rowid from t", "select sqlite_version()",
        "select a from t where b > (select b from t limit 1)", "select strftime('%Y', 'now')",
        "select a, b from t order by a limit 1",
    ],
)  # fmt: skip
def test_clocks_chance_and_unordered_limits_are_not_decidable(text: str) -> None:
    assert promise(text).reason


@pytest.mark.parametrize(
    "text", ["select now()", "select nextval('s')", "select gen_random_uuid()", "select version()"]
)
def test_so_are_the_clocks_of_postgresql(text: str) -> None:
    assert promise(text, "postgres").reason


@pytest.mark.parametrize(
    "text",
    [
        "select a from t", "select a from t order by a limit 1", "select a, b from t order by id limit 1",
        "select a, b from t order by b, a limit 5", "select max(a) from t limit 1",
        "select * from t order by 1 limit 1",
        "select * from t order by id limit 1", "select date(a) from t", "select 'now' as word from t",
        "select a, count(*) from t group by a order by 1, 2 limit 3", "select a from t where b like 'now'",
    ],
)  # fmt: skip
def test_what_the_text_decides_is_decidable(text: str) -> None:
    found = promise(text)
    assert (found.reason, found.fragile) == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        "select row_number() over (order by a) from t", "select group_concat(a) from t",
        "select a, b from t group by a", "select a, max(b) from t",
    ],
)  # fmt: skip
def test_what_hangs_on_the_order_of_ties_is_fragile(text: str) -> None:
    found = promise(text)
    assert found.reason == ""
    assert found.fragile


def test_rank_is_not_fragile_since_ties_share_it() -> None:
    assert promise("select rank() over (order by a) from t").fragile == ""


@pytest.mark.parametrize(
    ("text", "order", "ties"),
    [
        ("select a, b from t", None, False), ("select a, b from t order by b desc", (1,), False),
        ("select a as x, b from t order by x, 2", (0, 1), False), ("select a from t order by b", (), True),
        ("select * from t order by b", (2,), False), ("select a + 1, b from t order by a + 1", (0,), False),
        ("select a from t union select b from t order by 1", (0,), False),
        ("select x.a, b from t as x order by x.a collate nocase", (0,), False),
    ],
)  # fmt: skip
def test_the_columns_that_order_by_names_are_found(text: str, order: tuple[int, ...] | None, ties: bool) -> None:
    found = promise(text)
    assert (found.order, found.ties) == (order, ties)


def test_a_view_inherits_from_the_views_it_stands_on() -> None:
    views = (
        View(Name("", "top"), "select * from middle"), View(Name("", "middle"), "select * from clock"),
        View(Name("", "clock"), "select current_date as d"), View(Name("", "plain"), "select a from t order by a"),
        View(Name("", "odd"), "select from where ("),
    )  # fmt: skip
    found = view_promises(Catalog("sqlite", "3", tables=(TABLE,), views=views), "sqlite")
    assert "clock" in found["top"].reason
    assert found["plain"] == Promise()
    assert found["odd"].fragile
