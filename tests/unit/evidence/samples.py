"""A district clinic's verification in each verdict, as realistic as the reports must be legible."""

from kora.comparison.mapping import Loss
from kora.comparison.result import (
    ColumnDifference,
    DatabaseFacts,
    Finding,
    NotChecked,
    NotComparableColumn,
    Orphans,
    Quarantined,
    Reading,
    TableResult,
    Timing,
    VerificationResult,
)
from kora.evidence.verdict import decide

ROWS = {
    "appointment": 48_210, "audit_log": 91_377, "clinician": 61, "diagnosis": 22_840, "district": 14,
    "invoice": 30_115, "invoice_line": 74_902, "patient": 18_442, "prescription": 25_330, "room": 37,
    "stock_item": 1_204, "vaccination": 40_086,
}  # fmt: skip
READINGS = (
    Reading(column="amount", side="source", rule="real_decimal", read=30_115),
    Reading(column="issued_on", side="source", rule="text_date(%Y-%m-%d)", read=30_112, disobeyed=3),
)


def table(name: str, rows: int, **changes: object) -> TableResult:
    values: dict[str, object] = {
        "source": name, "target": f"main.{name}", "outcome": "match", "source_rows": rows, "target_rows": rows,
        "root": "5f" * 32, "seconds": rows / 60_000,
    }  # fmt: skip
    return TableResult.model_validate(values | changes)


def result(tables: list[TableResult] | None = None, **changes: object) -> VerificationResult:
    found = tables if tables is not None else matching_tables()
    values: dict[str, object] = {
        "source": DatabaseFacts(
            url="sqlite:///srv/clinic/clinic-2009.db",
            identity={
                "engine": "sqlite", "version": "3.46.1", "file_sha256": "9b" * 32, "encoding": "UTF-8",
                "snapshot": "read transaction, data_version 41",
            },
        ),
        "target": DatabaseFacts(
            url="postgresql://sensei@db.clinic.example:5432/clinic",
            identity={
                "engine": "postgresql", "version": "15.8", "system_identifier": "7401882359011223344",
                "snapshot": "00000003-0000001B-1 at 0/2A4F118", "row_security": "off", "time_zone": "UTC",
            },
        ),
        "tables": tuple(found),
        "not_checked": (
            NotChecked(what="grant", name="public", detail="rights of 3 roles", count=3, side="target"),
            NotChecked(what="collation", name="patient.surname", detail="sort order may differ", side="both"),
            NotChecked(what="trigger", name="audit_patient", detail="carried as text, not run", side="source"),
        ),
        "seconds": 9.84,
        "timings": (
            Timing(stage="open snapshots", seconds=0.21),
            Timing(stage="digest source", seconds=4.61, rows=352_618, bytes=41_882_310),
            Timing(stage="digest target", seconds=5.02, rows=352_618, bytes=41_882_310),
        ),
        "key_id": "c4" * 32,
        "run_id": "20260311-081502-7f3a",
        "started": "2026-03-11T08:15:02Z",
        "ended": "2026-03-11T08:15:12Z",
    }  # fmt: skip
    values |= changes
    parts = ("losses", "quarantined", "not_checked", "recounts")
    verdict = decide(found, **{part: values[part] for part in parts if part in values}).verdict  # type: ignore[arg-type]
    return VerificationResult.model_validate(values | {"verdict": verdict})


def matching_tables() -> list[TableResult]:
    return [table(name, rows, readings=READINGS if name == "invoice" else ()) for name, rows in ROWS.items()]


def losses(approved_by: str | None) -> tuple[Loss, ...]:
    return (
        Loss(rule="zero_date_is_null", subject="patient.born_on", count=212, reason="0000-00-00 in the source",
             approved_by=approved_by),
        Loss(rule="rtrim_char", subject="district.code", count=14, reason="CHAR(8) padding", approved_by=approved_by),
        Loss(rule="refused", subject="trigger audit_patient", count=1,
             reason="SQLite trigger body is not carried to PostgreSQL", approved_by="A. Wanjiru"),
    )  # fmt: skip


def equivalent() -> VerificationResult:
    return result()


def with_approved_loss() -> VerificationResult:
    return result(losses=losses("A. Wanjiru, 2026-03-09"))


def with_unapproved_loss() -> VerificationResult:
    tables = matching_tables()
    tables[7] = table("patient", 18_442, target_rows=18_440, outcome="missing_in_target", missing_in_target=2)
    return result(
        tables,
        losses=losses(None),
        quarantined=(
            Quarantined(table="patient", key="id=10442", column="age", reason="the text does not fit INTEGER"),
            Quarantined(table="patient", key="id=17003", column="age", reason="the text does not fit INTEGER"),
        ),
        orphans=(
            Orphans(foreign_key="fk_invoice_patient", table="invoice", count=37,
                    keys=tuple(f"id={number}" for number in range(301, 330))),
        ),
    )  # fmt: skip


def different() -> VerificationResult:
    tables = matching_tables()
    findings = (
        Finding(
            outcome="mismatch", key="id=4711",
            columns=(
                ColumnDifference(column="surname", source_kind="text", source_value="Otieno ", target_kind="text",
                                 target_value="Otieno", rule="text: exact UTF-8 bytes"),
                ColumnDifference(column="middle_name", source_kind="null", source_value=None, target_kind="text",
                                 target_value="", rule="NULL is a kind of its own"),
                ColumnDifference(column="seen_at", source_kind="timestamp", source_value=None,
                                 target_kind="timestamp", target_value=None, rule="time: exact microseconds"),
            ),
            source_sql='SELECT "surname", "middle_name", "seen_at" FROM "patient" WHERE "id" = 4711;',
            target_sql='SELECT "surname", "middle_name", "seen_at" FROM "public"."patient" WHERE "id" = 4711;',
        ),
        Finding(outcome="missing_in_target", key="id=9120",
                source_sql='SELECT * FROM "patient" WHERE "id" = 9120;',
                target_sql='SELECT * FROM "public"."patient" WHERE "id" = 9120;'),
        Finding(outcome="extra_in_target", key="id=90001",
                target_sql='SELECT * FROM "public"."patient" WHERE "id" = 90001;'),
    )  # fmt: skip
    tables[7] = table(
        "patient", 18_442, outcome="mismatch", mismatch=128, missing_in_target=1, extra_in_target=1,
        findings=findings, findings_omitted=127,
    )  # fmt: skip
    return result(tables, losses=losses("A. Wanjiru"))


def not_proven() -> VerificationResult:
    tables = matching_tables()
    tables[1] = table("audit_log", 91_377, outcome="in_flight", in_flight=18)
    tables[3] = table(
        "diagnosis", 22_840,
        not_comparable_columns=(NotComparableColumn(column="outline", reason="the type geometry is not known"),),
    )  # fmt: skip
    return result(
        tables,
        not_checked=(
            NotChecked(what="table", name="payroll", detail="permission denied", side="source", blocking=True),
        ),
    )


ALL = {
    "equivalent": equivalent,
    "approved": with_approved_loss,
    "unapproved": with_unapproved_loss,
    "different": different,
    "not_proven": not_proven,
}
