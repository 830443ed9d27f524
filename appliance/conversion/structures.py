"""Kinds that only some engines have, as text that reads back: the rule of each, and the plan's words for it.

A target without arrays, ranges, intervals … holds the value's exact text; the representation turns it into the value
again when both sides are compared, so nothing is lost but the engine's own operators.
"""

from kora.catalog import Type
from kora.comparison.mapping import Rule

_PLAIN: dict[str, Rule] = {
    "interval": Rule(rule="interval_iso"),
    "bit": Rule(rule="bit_text"),
    "timetz": Rule(rule="timetz_text"),
    "geometry": Rule(rule="geometry_text"),
    "inet": Rule(rule="network_text", argument="inet"),
    "cidr": Rule(rule="network_text", argument="cidr"),
}
_STRUCTURES = frozenset({"list", "array", "range", "multirange", "struct", "map", "union", "set"})
_LEAVES: dict[str, str] = {"integer": "number", "decimal": "number"} | {
    kind: kind
    for kind in (
        "boolean", "float", "text", "bytes", "uuid", "bit", "date", "time", "timetz", "timestamp", "instant",
        "interval", "json", "enum", "inet", "cidr", "geometry", "money",
    )
}  # fmt: skip


_TEXT_RULES = frozenset({
    "structured_json", "network_text", "moment_text", "interval_iso", "bit_text", "timetz_text", "geometry_text",
    "money_text",
})  # fmt: skip


def is_kept_as_text(rule: Rule | None) -> bool:
    """Whether values stand as a text that the target's operators do not understand: they compare it as text."""
    return rule is not None and rule.rule in _TEXT_RULES


def text_rule(logical: Type) -> Rule | None:
    """The representation under which text holds a value of this type; None where no rule reads it back."""
    if logical.kind in _PLAIN:
        return _PLAIN[logical.kind]
    if logical.kind == "macaddr":
        return Rule(rule="network_text", argument="macaddr8" if logical.length == 8 else "macaddr")
    if logical.kind == "money":
        return Rule(rule="money_text", argument=str(logical.scale or 0))
    if logical.kind in _STRUCTURES:
        shape = json_shape(logical)
        return Rule(rule="structured_json", argument=shape) if shape else None
    return None


def json_shape(logical: Type) -> str | None:
    """The type in `structured_json`'s words; None where a part has no exact text."""
    if logical.kind in _LEAVES:
        return _LEAVES[logical.kind]
    if logical.kind == "macaddr":
        return "macaddr8" if logical.length == 8 else "macaddr"
    if logical.kind == "set":
        return "set"
    if logical.kind not in _STRUCTURES:
        return None
    shapes = [json_shape(element) for element in logical.elements]
    inside = [shape for shape in shapes if shape is not None]
    if len(inside) < len(shapes):
        return None
    if logical.names:
        inside = [f"{_quoted(name)} {shape}" for name, shape in zip(logical.names, inside, strict=True)]
    return f"{logical.kind}<{','.join(inside)}>"


def holds_free_decimals(logical: Type) -> bool:
    """Whether decimals without a declared scale stand within: there the digits `1.10` become the number 1.1."""
    inside = [element for element in logical.elements if element.kind == "decimal" and element.precision is None]
    return bool(inside) or any(holds_free_decimals(element) for element in logical.elements)


def text_note(logical: Type) -> str:
    """What the plan says of a value that is kept as text."""
    spelled = logical.declared or logical.kind
    if logical.kind in _STRUCTURES:
        return f"{spelled} is kept as JSON text that reads back exactly"
    return f"{spelled} is kept as its exact text"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
