"""What lines of SHOW GRANTS say of one database."""

import pytest

from kora.catalog import NotModelled
from kora.databases.base import Selection
from kora.databases.mariadb.products import MARIADB
from kora.databases.mariadb.rights import parse_grants, read_hidden

USAGE = "GRANT USAGE ON *.* TO `ada`@`%` IDENTIFIED BY PASSWORD '*7B9EBEED ON `shop`.* TO x'"
SEES_ALL = "SELECT, EXECUTE, SHOW VIEW, EVENT, TRIGGER"


def hidden(*lines: str, database: str = "shop", tables: tuple[str, ...] = (), seen: tuple[str, ...] = ()) -> list[str]:
    answers = {
        "SELECT DATABASE()": [(database,)],
        "SHOW GRANTS": [(line,) for line in (USAGE, *lines)],
        "SELECT DATABASE(), CURRENT_USER()": [(database, "ada@%")],
    }
    found: list[NotModelled] = read_hidden(lambda sql: list(answers[sql]), MARIADB, Selection(tables), seen)
    return [item.name for item in found]


@pytest.mark.parametrize(
    "line",
    [
        f"GRANT {SEES_ALL} ON `shop`.* TO `ada`@`%`",
        f"GRANT {SEES_ALL} ON `s_op`.* TO `ada`@`%`",
        f"GRANT {SEES_ALL} ON `sh%`.* TO `reader`",
        "GRANT ALL PRIVILEGES ON *.* TO `ada`@`%` WITH GRANT OPTION",
        "GRANT ALL PRIVILEGES ON `shop`.* TO PUBLIC",
    ],
)
def test_rights_on_the_whole_database_leave_nothing_hidden(line: str) -> None:
    assert hidden(line) == []


@pytest.mark.parametrize(
    "line",
    [
        "GRANT SELECT (`id`, `a, ``b``) ON x`), INSERT ON `shop`.`t` TO `ada`@`%`",
        f"GRANT {SEES_ALL} ON `shops`.* TO `ada`@`%`",
        f"GRANT {SEES_ALL} ON `s\\_op`.* TO `ada`@`%`",
        "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `ada`@`%`",
        "GRANT `reader` TO `ada`@`%`",
    ],
)
def test_rights_elsewhere_or_on_columns_show_nothing_for_sure(line: str) -> None:
    assert hidden(line, seen=("t",)) == [
        "tables and columns", "views", "triggers, foreign keys, checks", "events", "routines",
    ]  # fmt: skip


def test_an_escaped_wildcard_is_itself() -> None:
    assert hidden(f"GRANT {SEES_ALL} ON `s\\_op`.* TO `ada`@`%`", database="s_op") == []


def test_of_several_patterns_the_closest_counts_and_holders_add_up() -> None:
    both = ("GRANT SELECT ON `shop`.* TO `ada`@`%`", f"GRANT {SEES_ALL} ON `sh%`.* TO `ada`@`%`")
    assert len(hidden(*both)) == 4
    assert hidden(both[0], both[1].replace("`ada`@`%`", "`reader`")) == []
    assert parse_grants([both[1], "GRANT SELECT ON `s%`.* TO `ada`@`%`"], "shop").everywhere == {"SELECT"}


def test_a_revoked_part_of_a_global_right_is_missing() -> None:
    lines = (f"GRANT {SEES_ALL} ON *.* TO `ada`@`%`", "REVOKE SELECT ON `shop`.* FROM `ada`@`%`")
    assert hidden(*lines) == ["tables and columns"]
    assert hidden(*lines, database="other") == []


def test_tables_that_are_asked_for_by_name_need_rights_to_themselves_alone() -> None:
    line = "GRANT SELECT, TRIGGER, SHOW VIEW ON `shop`.`t` TO `ada`@`%`"
    assert hidden(line, tables=("t",), seen=("t",)) == ["events", "routines"]
    assert "tables and columns" in hidden(line, tables=("t", "u"), seen=("t", "u"))
    assert "tables and columns" in hidden(line, tables=("t*",), seen=("t",))
    assert "tables and columns" in hidden(line, seen=("t",))


def test_a_right_to_read_every_database_shows_routines() -> None:
    assert "routines" not in hidden("GRANT SELECT ON *.* TO `ada`@`%`")
