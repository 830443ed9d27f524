"""Push-down forms of arrays, ranges and composite types in PostgreSQL's SQL, made of the forms of what they hold.

Each text stands in an inner query of its own, so that its length and itself cost one computation. hstore, polygons and
the like, and arrays of composite types, which `unnest` would spread over columns, have no form here.
"""

from collections.abc import Callable

from kora.catalog import Type

FormOf = Callable[[Type, str, int], str]
"""The form of a type's value as text, given the value's SQL and how deeply it stands within others."""
_STRUCTURES = ("array", "range", "multirange")


def is_structured(kind: Type) -> bool:
    """Whether this room has the form, if it has those of the parts."""
    if kind.wire == "point" or kind.wire.startswith("composite<"):
        return bool(kind.elements)
    if kind.kind not in _STRUCTURES or len(kind.elements) != 1:
        return False
    return kind.kind != "array" or not kind.elements[0].wire.startswith("composite<")


def structured_form(kind: Type, value: str, depth: int, form: FormOf) -> str:
    """The form of a structured value as SQL."""
    match kind.kind:
        case "array":
            text = _array(kind.elements[0], value, depth, form)
        case "range":
            text = f"'range:' || {_range(kind.elements[0], value, depth, form)}"
        case "multirange":
            text = f"'multirange:' || {_multirange(kind.elements[0], value, depth, form)}"
        case _:
            text = _record(kind, value, depth, form)
    # A composite value whose fields are all NULL IS NULL, and is none: num_nulls tells them apart.
    return f"CASE WHEN num_nulls({value}) = 1 THEN 'N' ELSE {_spelled(text, depth)} END"


def _spelled(text: str, depth: int) -> str:
    name = f"kora_t{depth}"
    inner = f"(SELECT {text} AS {name} OFFSET 0) AS kora_q{depth}"
    return f"(SELECT 'S' || octet_length({name}) || ':' || {name} FROM {inner})"


def _array(element: Type, value: str, depth: int, form: FormOf) -> str:
    """A list where it has one dimension that begins at 1, or none; else lengths and lower bounds in front."""
    plain = f"coalesce(array_ndims({value}), 1) = 1 AND coalesce(array_lower({value}, 1), 1) = 1"
    dimensions = (
        f"(SELECT string_agg(array_length({value}, kora_d) || '@' || array_lower({value}, kora_d) || ',', ''"
        f" ORDER BY kora_d) FROM generate_series(1, array_ndims({value})) AS kora_d)"
    )
    head = f"CASE WHEN {plain} THEN 'list:' ELSE 'array:' || {dimensions} || ':' END"
    return f"{head} || {_each(value, depth, lambda part: form(element, part, depth + 1))}"


def _each(value: str, depth: int, form: Callable[[str], str]) -> str:
    """The forms of an array's or multirange's parts, one after another."""
    part, place = f"kora_e{depth}", f"kora_o{depth}"
    parts = f"unnest({value}) WITH ORDINALITY AS kora_u{depth}({part}, {place})"
    return f"coalesce((SELECT string_agg({form(part)}, '' ORDER BY {place}) FROM {parts}), '')"


def _range(bound: Type, value: str, depth: int, form: FormOf) -> str:
    """Flags as in KCF-1, then the bounds that it has."""
    flags = " + ".join(
        f"{name}({value})::int * {weight}"
        for name, weight in (("isempty", 1), ("lower_inc", 2), ("upper_inc", 4), ("lower_inf", 8), ("upper_inf", 16))
    )
    bounds = " || ".join(
        f"CASE WHEN {end}({value}) IS NULL THEN '' ELSE {form(bound, f'{end}({value})', depth + 1)} END"
        for end in ("lower", "upper")
    )
    return f"({flags})::text || ':' || {bounds}"


def _multirange(bound: Type, value: str, depth: int, form: FormOf) -> str:
    def part(name: str) -> str:
        return _spelled(f"'range:' || {_range(bound, name, depth + 1, form)}", depth + 1)

    return _each(value, depth, part)


def _record(kind: Type, value: str, depth: int, form: FormOf) -> str:
    """Each field's name, with its length in front, and its value."""
    fields = []
    for place, (name, part) in enumerate(zip(kind.names, kind.elements, strict=True)):
        field = f"({value})[{place}]" if kind.wire == "point" else f"({value}).{_quoted(name)}"
        named = f"{len(name.encode())}:{name}".replace("'", "''")
        fields.append(f"'{named}' || {form(part, field, depth + 1)}")
    return " || ".join(["'struct:'", *fields])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
