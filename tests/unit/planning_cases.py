"""Small catalogs and surveys for tests of the plan: the shape of Chinook, built by hand."""

from appliance.conversion.survey import ColumnSurvey
from kora.catalog import Catalog, Column, ForeignKey, Identity, Index, IndexPart, Key, Name, Table, Type

SECONDS = "text_date(%Y-%m-%d %H:%M:%S)"


def dynamic(declared: str, kind: str = "text", wire: str = "TEXT", **more: object) -> Type:
    return Type(kind, declared, wire, dynamic=True, **more)  # type: ignore[arg-type]


def integers(rows: int, nulls: int = 0, low: int = 1, high: int = 100, **obeys: int) -> ColumnSurvey:
    return ColumnSurvey(
        rows=rows, nulls=nulls, kinds={"integer": rows - nulls}, obeys=obeys, minimum=low, maximum=high,
        integer_digits=len(str(high)),
    )  # fmt: skip


def texts(rows: int, nulls: int = 0, characters: int = 20, **more: object) -> ColumnSurvey:
    return ColumnSurvey(rows=rows, nulls=nulls, kinds={"text": rows - nulls}, text_characters=characters, **more)  # type: ignore[arg-type]


def money(rows: int) -> ColumnSurvey:
    return ColumnSurvey(
        rows=rows, kinds={"float": rows}, obeys={"real_decimal": rows}, integer_digits=2, fraction_digits=2
    )


ROWID = Type("integer", "INTEGER", "INTEGER", minimum=-(2**63), maximum=2**63 - 1)


def shop() -> tuple[Catalog, dict[Name, dict[str, ColumnSurvey]]]:
    """Customer ← Invoice, Employee that reports to itself."""
    customer, invoice, employee = Name("", "Customer"), Name("", "Invoice"), Name("", "Employee")
    catalog = Catalog(
        engine="sqlite",
        version="3.45.0",
        tables=(
            Table(
                customer,
                (
                    Column("CustomerId", ROWID, nullable=False, identity=Identity()),
                    Column("Name", dynamic("NVARCHAR(40)", length=40, length_unit="characters"), nullable=False),
                ),
                primary_key=Key("PK_Customer", ("CustomerId",)),
            ),
            Table(
                employee,
                (
                    Column("EmployeeId", ROWID, nullable=False, identity=Identity()),
                    Column("ReportsTo", dynamic("INTEGER", "integer", "INTEGER")),
                ),
                primary_key=Key("PK_Employee", ("EmployeeId",)),
                foreign_keys=(ForeignKey("", ("ReportsTo",), employee, ("EmployeeId",)),),
            ),
            Table(
                invoice,
                (
                    Column("InvoiceId", ROWID, nullable=False, identity=Identity()),
                    Column("CustomerId", dynamic("INTEGER", "integer", "INTEGER"), nullable=False),
                    Column("InvoiceDate", dynamic("DATETIME", "timestamp", "NUMERIC"), nullable=False),
                    Column(
                        "Total", dynamic("NUMERIC(10,2)", "decimal", "NUMERIC", precision=10, scale=2), nullable=False
                    ),
                ),
                primary_key=Key("PK_Invoice", ("InvoiceId",)),
                indexes=(Index("IFK_InvoiceCustomerId", (IndexPart("CustomerId"),)),),
                foreign_keys=(ForeignKey("", ("CustomerId",), customer, ("CustomerId",)),),
            ),
        ),
    )  # fmt: skip
    surveys = {
        customer: {"CustomerId": integers(59), "Name": texts(59)},
        employee: {"EmployeeId": integers(8), "ReportsTo": integers(8, 1)},
        invoice: {
            "InvoiceId": integers(412, high=412),
            "CustomerId": integers(412),
            "InvoiceDate": texts(412, characters=19, obeys={SECONDS: 412}),
            "Total": money(412),
        },
    }
    return catalog, surveys
