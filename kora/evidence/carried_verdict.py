"""`kora compare`: two fingerprint files, or one and a database, to one verdict."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kora import _core
from kora.catalog import Catalog
from kora.comparison.carried_compare import compare_tables, pair_tables
from kora.comparison.carried_diff import CarriedDiff, CarriedFacts, CarriedTable
from kora.comparison.fingerprint import AS_COMPARED, FingerprintTable
from kora.comparison.fingerprint_body import OpenFingerprint
from kora.comparison.fingerprint_scan import ScanProgress
from kora.comparison.left_out import TABLE_LEFT_OUT, named_left_out
from kora.comparison.mapping import ColumnMapping, Loss, Mapping, Side, TableMapping
from kora.comparison.result import NotChecked
from kora.comparison.sameness import compared_with_itself
from kora.comparison.structure import structure_losses
from kora.databases.secrets import Prompt
from kora.errors import InvalidRequest
from kora.evidence.carried import FingerprintRequest, take_from_url
from kora.evidence.kfp import read_fingerprint_file
from kora.evidence.signing import KeyStore, PublicKey
from kora.evidence.verdict import decide
from kora.settings import Settings

_BUCKETS_IN_A_HINT = 400
_SYMBOL_BYTES = 56


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """Who may have signed, which losses are approved, and which key a database is read under."""

    keys: Sequence[PublicKey] = ()
    accept_loss: tuple[str, ...] = ()
    key_file: Path | None = None


def compare_files(first: Path, second: Path, options: CompareOptions, *, settings: Settings) -> CarriedDiff:
    """Compares two fingerprint files, the first as the source. No migration key is needed.

    Raises:
        InvalidRequest: The same file twice, a wrong role, another key or profile: with the command that mends it.
        NotAuthentic, MalformedInput, LimitExceeded, FileProblem: As reading each file.
    """
    keys = _known_keys(options, settings)
    retired = KeyStore(settings.home_directory).retired_paths()
    source, target = (read_fingerprint_file(path, keys, retired) for path in (first, second))
    return compare_opened(source, target, options)


def compare_with_database(
    file: Path,
    url: str,
    options: CompareOptions,
    *,
    settings: Settings,
    progress: ScanProgress | None = None,
    prompt: Prompt | None = None,
) -> CarriedDiff:
    """Compares a fingerprint file with a database, which is read now under the file's profiles and key.

    The database is the other side of whatever role the file has; of an unassigned file, the target.

    Raises:
        SenseiError: As `compare_files`, and as opening and reading the database.
    """
    retired = KeyStore(settings.home_directory).retired_paths()
    carried = read_fingerprint_file(file, _known_keys(options, settings), retired)
    role: Side = "source" if carried.fingerprint.role == "target" else "target"
    request = FingerprintRequest(
        role=role,
        tier=carried.fingerprint.tier,
        symbols=_symbols_of(carried),
        key_file=options.key_file,
        tables=carried.fingerprint.selection,
        exclude=carried.fingerprint.exclude,
        every_choice=False,  # a table that is not there is what the comparison is to find out
    )
    taken = take_from_url(url, request, carried, settings=settings, progress=progress, prompt=prompt)
    with taken as (live, _):
        sides = (live, carried) if role == "source" else (carried, live)
        return compare_opened(*sides, options)


def compare_opened(source: OpenFingerprint, target: OpenFingerprint, options: CompareOptions) -> CarriedDiff:
    """Compares two fingerprints whose authenticity is settled. Raises as `compare_files`."""
    _refuse_unfit(source, target)
    paired, left_alone = _selected(pair_tables(source, target), source, target)
    tables = [compare_tables(pair, source, target) for pair in paired]
    catalogs = source.catalog(), target.catalog()
    ledger = _approved([*_structure(paired, catalogs), *(loss for table in tables for loss in table.losses)], options)
    itself = compared_with_itself(
        source.fingerprint.identity, target.fingerprint.identity,
        [(left.name, right.name) for left, right in paired if left and right],
    )  # fmt: skip
    not_checked = (*itself, *_left_out(source, target), *left_alone, *_not_checked(source, target, catalogs))
    decision = decide([table.as_result() for table in tables], losses=ledger, not_checked=not_checked)
    left, right = source.fingerprint, target.fingerprint
    return CarriedDiff(
        verdict=decision.verdict,
        exit_code=int(decision.exit_code),
        reasons=decision.reasons,
        decisions_needed=decision.decisions_needed,
        tier=min(left.tier, right.tier),
        key_id=left.key_id,
        run_id=left.run_id,
        source=_facts(source),
        target=_facts(target),
        tables=tuple(tables),
        losses=ledger,
        not_checked=not_checked,
        hints=_hints(tables, source, target),
    )


def _symbols_of(carried: OpenFingerprint) -> int:
    """As many symbols as the file's longest sketch can have: those that it has not are left out of the comparison."""
    longest = max((table.sketch.length for table in carried.fingerprint.tables if table.sketch), default=0)
    return max(_core.CARRIED_SYMBOLS, min(longest // _SYMBOL_BYTES, _core.CARRIED_SYMBOLS_LIMIT))


def _known_keys(options: CompareOptions, settings: Settings) -> list[PublicKey]:
    """The keys given, and this machine's own."""
    store = KeyStore(settings.home_directory)
    own = [store.signing_key().public] if store.signing_path.exists() else []
    return [*options.keys, *own]


def _refuse_unfit(source: OpenFingerprint, target: OpenFingerprint) -> None:
    left, right = source.fingerprint, target.fingerprint
    if left == right or source.path.resolve() == target.path.resolve():
        raise InvalidRequest(
            f"{source.path} and {target.path} are the same fingerprint: it says nothing to compare it with itself",
            hint="give one file of each side",
        )
    if left.role == right.role != "unassigned":
        raise InvalidRequest(
            f"{source.path} and {target.path} were both made as {left.role}: their signers do not say two sides",
            hint="make the other side's file with --role " + ("target" if left.role == "source" else "source"),
        )
    if left.role == "target" or right.role == "source":
        raise InvalidRequest(
            f"{source.path} was made as {left.role} and {target.path} as {right.role}",
            hint=f"the source's file comes first: kora compare {target.path} {source.path}",
        )
    if left.key_id != right.key_id:
        raise InvalidRequest(
            f"the files are under different migration keys ({left.key_id} and {right.key_id}): their digests say"
            " nothing of each other",
            hint=f"make the second file anew: kora fingerprint {right.url} --profile {source.path}"
            f" --key-file KEY --tier {right.tier} -o {target.path.name}",
        )
    if AS_COMPARED in (left.profile, right.profile):
        raise InvalidRequest(
            "a file that `kora verify` wrote beside a certificate holds no profiles to compare under",
            hint="make both files with `kora fingerprint`, the second one with --profile",
        )


def _selected(
    pairs: Sequence[tuple[FingerprintTable | None, FingerprintTable | None]],
    source: OpenFingerprint,
    target: OpenFingerprint,
) -> tuple[list[tuple[FingerprintTable | None, FingerprintTable | None]], list[NotChecked]]:
    """Leaves out tables of one file that the other was not asked for; they are named."""
    if source.fingerprint.selection == target.fingerprint.selection:
        return list(pairs), []
    kept, alone = [], []
    for left, right in pairs:
        other = target if right is None else source
        if (left is None or right is None) and other.fingerprint.selection:
            table = left or right
            name = table.name if table else ""
            detail = "the other file was made of chosen tables"
            alone.append(
                NotChecked(what=TABLE_LEFT_OUT, name=name, detail=detail, side="target" if left is None else "source")
            )
        else:
            kept.append((left, right))
    return kept, alone


def _left_out(source: OpenFingerprint, target: OpenFingerprint) -> list[NotChecked]:
    """What each file was made without. One that was made before such names were kept says only what was asked for."""
    entries: list[NotChecked] = []
    sides: tuple[tuple[Side, OpenFingerprint], ...] = (("source", source), ("target", target))
    for side, opened in sides:
        made = opened.fingerprint
        asked = " and ".join(
            f"--{option} {', '.join(patterns)}"
            for option, patterns in (("tables", made.selection), ("exclude", made.exclude))
            if patterns
        )
        entries += named_left_out(
            [(name, f"its file was made with {asked}") for name in made.tables_left_out or ()], side
        )
        if asked and made.tables_left_out is None:
            detail = f"its file was made with {asked}, and does not name what else there was"
            entries.append(NotChecked(what="tables", name="other than those chosen", detail=detail, side=side))
    return entries


def _structure(
    pairs: Sequence[tuple[FingerprintTable | None, FingerprintTable | None]],
    catalogs: tuple[Catalog | None, Catalog | None],
) -> list[Loss]:
    """What the target's catalog lacks of the source's, both as their files hold them."""
    source, target = catalogs
    if source is None or target is None:
        return []
    left = {str(table.name): table.name for table in source.tables}
    right = {str(table.name): table.name for table in target.tables}
    mappings = [
        TableMapping(
            source=left[here.name],
            target=right[there.name],
            columns=tuple(
                ColumnMapping(source=mine.name, target=theirs.name)
                for mine, theirs in zip(here.columns, there.columns, strict=False)
            ),
        )
        for here, there in pairs
        if here and there and here.name in left and there.name in right
    ]
    known = {mapping.source for mapping in mappings}
    narrowed = replace(source, tables=tuple(table for table in source.tables if table.name in known))
    return structure_losses(narrowed, target, Mapping(tables=tuple(mappings)))


def _approved(losses: Sequence[Loss], options: CompareOptions) -> tuple[Loss, ...]:
    return tuple(
        loss.model_copy(update={"approved_by": "--accept-loss"}) if loss.rule in options.accept_loss else loss
        for loss in losses
    )


def _not_checked(
    source: OpenFingerprint, target: OpenFingerprint, catalogs: tuple[Catalog | None, Catalog | None]
) -> tuple[NotChecked, ...]:
    entries = []
    sides: tuple[tuple[Side, OpenFingerprint], ...] = (("source", source), ("target", target))
    for (side, opened), catalog in zip(sides, catalogs, strict=True):
        for item in catalog.not_modelled if catalog else ():
            entries.append(
                NotChecked(
                    what=item.what, name=item.name, detail=item.detail, count=item.count, side=side,
                    blocking=item.blocks(side),
                )
            )  # fmt: skip
        entries += [
            NotChecked(what="column that the profile has not", name=f"{table.name}.{name}", side=side)
            for table in opened.fingerprint.tables
            for name in table.left_out
            if name not in table.not_comparable
        ]
    entries.append(
        NotChecked(
            what="behaviour",
            name="collation order, length limits, constraints, queries and routines",
            detail="digests of stored data and the declared structure were compared; nothing was executed",
        )
    )
    return tuple(entries)


def _facts(side: OpenFingerprint) -> CarriedFacts:
    made = side.fingerprint
    return CarriedFacts(
        url=made.url, role=made.role, identity=made.identity, claimed_time=made.claimed_time, file=str(side.path)
    )


def _hints(tables: Sequence[CarriedTable], source: OpenFingerprint, target: OpenFingerprint) -> tuple[str, ...]:
    """The commands that would count and name what these files cannot; none where all is counted."""
    open_questions = [
        table for table in tables if table.outcome == "mismatch" and not table.counted and not table.detail
    ]
    if not open_questions:
        return ()
    tier = min(source.fingerprint.tier, target.fingerprint.tier)
    if tier == 0:
        return (_command(source, "--tier 2"), _command(target, f"--tier 2 --profile {source.path}"))
    hints = []
    for side, extra in ((source, ""), (target, f" --profile {source.path}")):
        chosen = []
        for table in open_questions:
            own = table.source if side is source else table.target
            chosen.append(_bucket_option(own.table if own else "", table.buckets))
        hints.append(_command(side, "--tier 3 " + " ".join(chosen) + extra))
    return tuple(hints)


def _bucket_option(table: str, buckets: Sequence[int]) -> str:
    if not 0 < len(buckets) <= _BUCKETS_IN_A_HINT:
        return f"--tables {shlex.quote(table)}"
    return f"--buckets {shlex.quote(table + '=' + bucket_ranges(buckets))}"


def bucket_ranges(buckets: Sequence[int]) -> str:
    """`1,5-9`: ascending buckets as people write them."""
    runs: list[list[int]] = []
    for bucket in buckets:
        if runs and runs[-1][1] == bucket - 1:
            runs[-1][1] = bucket
        else:
            runs.append([bucket, bucket])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def read_bucket_ranges(text: str) -> tuple[str, tuple[int, ...]]:
    """The reverse, with its table: `patient=1,5-9`. Raises `InvalidRequest` for what is none."""
    table, _, ranges = text.rpartition("=")
    buckets: set[int] = set()
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        if not (table and first.isdecimal() and (last or first).isdecimal()):
            raise InvalidRequest(f"{text!r} names no buckets", hint="as in --buckets 'patient=1,5-9'")
        low, high = int(first), int(last or first)
        if not low <= high < _core.CARRIED_BUCKETS:
            raise InvalidRequest(f"{text!r}: buckets are 0 to {_core.CARRIED_BUCKETS - 1}, ascending")
        buckets.update(range(low, high + 1))
    return table, tuple(sorted(buckets))


def _command(side: OpenFingerprint, options: str) -> str:
    role = side.fingerprint.role
    return (
        f"kora fingerprint {shlex.quote(side.fingerprint.url)} --role {role} --key-file KEY {options}"
        f" -o {side.path.stem}-more.kfp"
    )
