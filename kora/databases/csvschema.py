"""A schema file for CSV: what a person knows about columns and the files do not say.

    # table: {column: type}; the path is relative to the folder in which the files or the archive lie
    patient:
      born: date
      weight: decimal(6,2)
      badge: text

Types: `text`, `integer`, `decimal(p,s)`, `boolean`, `date`, `timestamp`, `uuid`. A type is a wish: a column that has
values becomes it only if every value prints back to its text; a column without values becomes it at once.
"""

import re
from pathlib import Path

from kora.catalog import Kind, Type
from kora.databases.yaml_text import read_yaml
from kora.errors import InvalidRequest

_KINDS: dict[str, Kind] = {
    "text": "text",
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "uuid": "uuid",
}
_DECIMAL = re.compile(r"decimal\((\d{1,4}),(\d{1,4})\)")
_BIGINT = 2**63


def read_schema(path: Path) -> dict[str, dict[str, Type]]:
    """The types by table and column.

    Raises:
        FileProblem: The file cannot be read.
        InvalidRequest: It is not YAML of that shape, or names a type that is not known; the message says where.
    """
    missing = "the schema's path is relative to the data's"
    body = read_yaml(path, hint="write table: {column: type}", missing=missing)
    if not isinstance(body, dict) or not all(isinstance(columns, dict) for columns in body.values()):
        raise InvalidRequest(f"{path}: not a schema file", hint="write table: {column: type}")
    return {
        str(table): {str(column): _type(path, f"{table}.{column}", text) for column, text in columns.items()}
        for table, columns in body.items()
    }


def _type(path: Path, column: str, text: object) -> Type:
    spelled = str(text).replace(" ", "")
    if spelled in _KINDS:
        kind = _KINDS[spelled]
        bounds = (-_BIGINT, _BIGINT - 1) if kind == "integer" else (None, None)
        fraction = 6 if kind == "timestamp" else None
        return Type(
            kind,
            f"{spelled} by the schema file",
            "text",
            minimum=bounds[0],
            maximum=bounds[1],
            fraction_digits=fraction,
        )
    found = _DECIMAL.fullmatch(spelled)
    if found and int(found[2]) <= int(found[1]):
        declared = f"{spelled} by the schema file"
        return Type("decimal", declared, "text", precision=int(found[1]), scale=int(found[2]))
    raise InvalidRequest(
        f"{path}: {column}: {text!r} is not a type", hint=f"known are {', '.join(_KINDS)} and decimal(p,s)"
    )
