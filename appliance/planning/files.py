"""The plan as a YAML file: readable, with the approvals on top, and errors that name file, line and column."""

from pathlib import Path

import yaml
from pydantic import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from appliance.planning.model import Plan
from kora.databases.yaml_text import PlainLoader, parse_yaml
from kora.errors import InvalidRequest
from kora.evidence.files import read_bounded, write_atomically

LARGEST_PLAN_BYTES = 64 << 20
_HEADER = """\
# The plan of one migration. Nothing happens that does not stand here.
#
# To approve a loss:      set `approved_by: your name` on its entry under `losses`.
# To change a column:     edit `target_type`, `wire_type`, representations or policies, and set `author: person`.
# To leave something out: set `decision: refused` and write a `reason`.
#
# Representations cost nothing: each value can be computed back, and the verification counts those that cannot.
# Policies are lossy: every value that one changes is counted again from the source, and a loss stands below.
# The certificate holds this file's digest; a changed file is another plan.
"""


class _Dumper(yaml.SafeDumper):
    """Block style, long texts as they are, lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _names(dumper: yaml.SafeDumper, value: list[object]) -> SequenceNode:
    short = all(isinstance(item, str) and len(item) < 60 and "\n" not in item for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _names)


def plan_text(plan: Plan) -> str:
    """The plan as YAML; what has its default is left unsaid, approvals excepted."""
    body = plan.model_dump(mode="json", exclude_defaults=True)
    body = {"format": plan.format} | body
    if plan.losses:
        body["losses"] = [loss.model_dump(mode="json") for loss in plan.losses]
    text = yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"{_HEADER}\n{text}"


def save_plan(plan: Plan, path: Path) -> None:
    """Writes the plan. Raises `FileProblem`, or `Busy` on a full disk.

    What stood there before is lost only when all was written.
    """
    write_atomically(path, plan_text(plan).encode())


def load_plan(path: Path) -> Plan:
    """Reads a plan.

    Raises:
        FileProblem: It cannot be read.
        LimitExceeded: It is larger than 64 MiB.
        InvalidRequest: It is no plan; the message names file, line and column.
    """
    try:
        text = read_bounded(path, LARGEST_PLAN_BYTES).decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path}: not UTF-8 at byte {error.start}", hint="a plan is a YAML file") from error
    return parse_plan(text, str(path))


def parse_plan(text: str, origin: str) -> Plan:
    """A plan from its YAML text; `origin` is the file's name in messages. Raises `InvalidRequest`."""
    try:
        root = yaml.compose(text, Loader=PlainLoader)
        if not isinstance(root, MappingNode):
            raise InvalidRequest(f"{origin}: 1:1: a plan is a mapping with `format: sensei-plan-1`")
        _refuse_duplicates(root, origin)
        body = parse_yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise InvalidRequest(f"{origin}: {where}: {error.problem or error.context}", hint=_HINT) from error
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidRequest(f"{origin}: 1:1: {error}", hint=_HINT) from error
    try:
        return Plan.model_validate(body)
    except ValidationError as error:
        raise InvalidRequest(_describe(error, root, origin), hint=_HINT) from error


_HINT = "mend the line, or make a new plan with `sensei plan`"


def _refuse_duplicates(root: Node, origin: str) -> None:
    """YAML lets a key stand twice and the last win, so that an edit above would silently do nothing."""
    waiting, seen_nodes = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, SequenceNode):
            waiting += node.value
        if not isinstance(node, MappingNode):
            continue
        keys: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise InvalidRequest(f"{origin}: {_position(key)}: a plan's entries have names of text", hint=_HINT)
            if key.value in keys:
                raise InvalidRequest(f"{origin}: {_position(key)}: {key.value!r} stands twice", hint=_HINT)
            keys.add(str(key.value))
            waiting.append(value)


def _position(node: Node) -> str:
    return f"{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _describe(error: ValidationError, root: Node, origin: str) -> str:
    """The first problem with its place; how many more there are."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    # A name that is not known says more than that the right one is missing.
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    node, path = _find(root, first["loc"])
    unknown = first["type"] == "extra_forbidden"
    message = "no plan has this entry" if unknown else first["msg"].removeprefix("Value error, ")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    where = f"{path}: " if path else ""
    return f"{origin}: {_position(node)}: {where}{message}{more}"


def _find(root: Node, location: tuple[int | str, ...]) -> tuple[Node, str]:
    """The deepest node on the way to a location, and the way as text."""
    node, path = root, ""
    for step in location:
        found = _child(node, step)
        if found is None:
            path += f".{step}" if path else str(step)
            break
        node = found
        path += f"[{step}]" if isinstance(step, int) else (f".{step}" if path else step)
    return node, path


def _child(node: Node, step: int | str) -> Node | None:
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: Node = node.value[step]
        return found
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == step:
                child: Node = value
                return child
    return None
