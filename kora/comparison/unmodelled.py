"""Objects that a catalog names without carrying them, and that do something to rows to come: each a loss by its name.

An event, the history of a table, what an UPDATE sets by itself, a key over the beginnings of values; PostgreSQL's
rules, inheritance, row security and event triggers. Nobody converts them. What only permits, counts or watches (grants,
statistics, publications) stands under what was not checked.
"""

from collections.abc import Iterator

from kora.catalog import Catalog, NotModelled
from kora.comparison.mapping import Loss, Mapping

_OF_DATABASE = {
    "event": "what it did at its times must be done by hand",
    "package": "packages are not converted",
    "event trigger": "event triggers are not converted",
    "materialized view": "only plain views are carried",
    "foreign table": "what it shows lies elsewhere, and it is not carried",
    "large object": "large objects are not carried",
}
_OF_TABLE = {
    "row history": "the target keeps current rows alone, and no history of those to come",
    "on update": "the target does not set the column when its row is changed",
    "key over prefixes": "the target's key is over whole values",
    "application period": "the target knows no period",
    "inheritance": "the target's tables are two: the parent no longer shows the rows of the child",
    "rule": "rules are not converted",
    "row security": "the target shows every row to whoever may read the table",
    "row security policy": "the target shows every row to whoever may read the table",
}


def lossy_objects(catalog: Catalog) -> Iterator[tuple[NotModelled, str]]:
    """Those of a catalog that are lost with their reasons; of tables and views, those that were chosen."""
    owners = [str(table.name) for table in catalog.tables] + [str(view.name) for view in catalog.views]
    for item in catalog.not_modelled:
        if item.what in _OF_DATABASE:
            yield item, _OF_DATABASE[item.what]
        elif item.what in _OF_TABLE and any(
            item.name == owner or item.name.startswith(f"{owner}.") for owner in owners
        ):
            yield item, _OF_TABLE[item.what]


def unmodelled_losses(source: Catalog, target: Catalog, mapping: Mapping) -> Iterator[Loss]:
    """Those of the source that the target does not name, of that kind, in the table that stands for theirs."""
    there = {(item.what, item.name.casefold()) for item in target.not_modelled}
    names = {str(pair.source): str(pair.target) for pair in mapping.tables}
    for item, reason in lossy_objects(source):
        here = {item.name.casefold()}
        here |= {
            (target_name + item.name.removeprefix(name)).casefold()
            for name, target_name in names.items()
            if item.name == name or item.name.startswith(f"{name}.")
        }
        if not any((item.what, name) in there for name in here):
            rule = item.what.replace(" ", "_")
            yield Loss(rule=rule, subject=f"{item.what} {item.name}", count=item.count, reason=reason)
