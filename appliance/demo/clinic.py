"""Fills the clinic's database: always the same rows for the same seed. Facts in it are invented.

What makes it legacy is deliberate and listed in `docs/demo.md`: zero dates, text in an INTEGER column, money kept as
REAL, two ways of writing time, padded CHARs, empty strings beside NULLs, orphans, and duplicates in a keyless log.
"""

import random
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from appliance.demo.schema import SCHEMA

SEED = 20_240_117
VISITS = 60_000
PATIENTS = 12_000
_START = datetime(2004, 3, 1, 8)
_FIRST = (
    "Amara", "Kofi", "Zeynep", "José", "Nguyễn", "Åse", "Mary-Ann", "D'Arcy", "Łukasz", "Fatima", "অনন্যা", "राम",
    "王伟", "Олена", "محمد", "ሰላም",
)  # fmt: skip
_LAST = ("Okafor", "Diallo", "Yılmaz", "García", "Trần", "Sørensen", "সেন", "शर्मा", "李", "Шевченко", "حسن", "ተስፋዬ")
_REASONS = ("fever", "check-up", "cough", "injury", "pregnancy", "follow-up 🩺", "", None, "vaccination 💉", "pain")
_TESTS = ("haemoglobin", "glucose", "creatinine", "malaria RDT", "CD4")
Rows = Iterator[tuple[object, ...]]


def build_clinic(path: Path, *, scale: float = 1.0) -> int:
    """Makes the database file anew and returns its number of rows.

    Args:
        path: The file; an existing one is replaced.
        scale: 1.0 gives about 260,000 rows; tests use less.
    """
    path.unlink(missing_ok=True)
    clinic = _Clinic(random.Random(SEED), max(int(VISITS * scale), 50), max(int(PATIENTS * scale), 40))  # noqa: S311  seeded on purpose
    connection = sqlite3.connect(path)
    try:
        connection.executescript(SCHEMA.split("CREATE TRIGGER")[0])
        rows = 0
        for table, source in clinic.tables():
            batch = list(source)
            places = ", ".join("?" * len(batch[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({places})", batch)
            rows += len(batch)
        connection.commit()
        connection.executescript("CREATE TRIGGER" + SCHEMA.split("CREATE TRIGGER", 1)[1])
        connection.commit()
    finally:
        connection.close()
    return rows


class _Clinic:
    """One clinic's rows, table by table, from one stream of random numbers."""

    def __init__(self, chance: random.Random, visits: int, patients: int) -> None:
        self.chance, self.visits, self.patients = chance, visits, patients
        self.facilities, self.staff_count, self.wards, self.medicines = 24, 180, 40, 320
        self.codes = [f"{letter}{number:02d}" for letter in "ABEJKNORZ" for number in range(45)]

    def tables(self) -> Iterator[tuple[str, Rows]]:
        """Tables in an order that a reader understands; SQLite does not check it."""
        yield "region", self._regions()
        yield "facility", self._facilities()
        yield "staff", self._staff()
        yield "ward", self._wards()
        yield "patient", self._patients()
        yield "guardian", self._guardians()
        yield "diagnosis_code", self._codes()
        yield "medicine", self._medicines()
        yield "visit", self._visits()
        yield "visit_diagnosis", self._visit_diagnoses()
        yield "prescription", self._prescriptions()
        yield "lab_result", self._lab_results()
        yield "invoice", self._invoices()
        yield "document", self._documents()
        yield "access_log", self._log()

    def _name(self) -> str:
        return f"{self.chance.choice(_FIRST)} {self.chance.choice(_LAST)}"

    def _moment(self) -> datetime:
        return _START + timedelta(seconds=self.chance.randrange(20 * 365 * 86_400))

    def _epoch(self) -> int:
        return int(self._moment().replace(tzinfo=UTC).timestamp())

    def _money(self, highest_cents: int) -> float:
        return self.chance.randrange(highest_cents) / 100

    def _regions(self) -> Rows:
        for index, code in enumerate(("N-01", "N-02", "S-01", "E-07", "W-09")):
            yield code, f"Region {code}", None if index == 3 else 40_000 + index * 7_919

    def _facilities(self) -> Rows:
        for number in range(1, self.facilities + 1):
            kind = self.chance.choice(("hospital", "clinic", "post")).ljust(12)
            opened = date(1975 + number, 1 + number % 12, 1 + number % 28).isoformat()
            head = self.chance.randrange(1, self.staff_count + 1) if number % 5 else None
            yield number, self.chance.choice(("N-01", "N-02", "S-01", "E-07")), f"Facility {number}", kind, opened, head

    def _staff(self) -> Rows:
        for number in range(1, self.staff_count + 1):
            boss = None if number <= 12 else self.chance.randrange(1, number)
            hired = self._moment().strftime("%Y-%m-%d %H:%M:%S")
            badge = f"S{number:04d}".ljust(8)
            facility = self.chance.randrange(1, self.facilities + 1)
            yield number, facility, boss, badge, self._name(), hired, self.chance.random() < 0.9

    def _wards(self) -> Rows:
        for number in range(1, self.wards + 1):
            parent = None if number <= 6 else self.chance.randrange(1, number)
            yield number, f"Ward {number}", parent, self.chance.randrange(0, 30)

    def _patients(self) -> Rows:
        for number in range(1, self.patients + 1):
            born: str | None = (date(1925, 1, 1) + timedelta(days=self.chance.randrange(36_000))).isoformat()
            if number % 997 == 0:
                born = "0000-00-00"
            elif number % 41 == 0:
                born = None
            phone = self.chance.choice((None, "", f"+255 {self.chance.randrange(10**8):09d}"))
            note = self.chance.choice((None, "", "allergic to penicillin ⚠️", "trailing blanks  ", "two\nlines"))
            national = None if number % 29 == 0 else f"{self.chance.randrange(10**6):06d}-{number:05d}"
            facility = self.chance.randrange(1, self.facilities + 1)
            registered = self._epoch()
            yield number, national, self._name(), born, self.chance.choice("FMX"), phone, note, facility, registered

    def _guardians(self) -> Rows:
        for patient in range(1, self.patients + 1, 7):
            guardian = 1 + (patient * 31) % self.patients
            yield patient, guardian, self.chance.choice(("parent", "aunt", "brother"))

    def _codes(self) -> Rows:
        for code in self.codes:
            yield code, f"Diagnosis {code}", self.chance.random() < 0.2

    def _medicines(self) -> Rows:
        for number in range(1, self.medicines + 1):
            stock: object = self.chance.randrange(5_000)
            if number % 53 == 0:
                stock = "on order"
            yield number, f"Medicine {number}", self._money(20_000), stock

    def _visits(self) -> Rows:
        for number in range(1, self.visits + 1):
            weight = round(self.chance.uniform(2.5, 120.0), 1)
            temperature = None if number % 3 else round(self.chance.gauss(37.2, 0.7), 2)
            yield (
                number,
                self.chance.randrange(1, self.patients + 1),
                self.chance.randrange(1, self.staff_count + 1),
                self.chance.choice((None, self.chance.randrange(1, self.wards + 1))),
                self._moment().strftime("%Y-%m-%d %H:%M:%S"),
                self.chance.choice(_REASONS),
                weight,
                temperature,
            )

    def _visit_diagnoses(self) -> Rows:
        for visit in range(1, self.visits + 1):
            code = "Q99" if visit % 4_999 == 0 else self.chance.choice(self.codes)
            yield visit, code, self.chance.random() < 0.7

    def _prescriptions(self) -> Rows:
        for visit in range(1, self.visits + 1):
            for line in range(1, self.chance.choice((1, 1, 1, 2, 3))):
                medicine = self.chance.randrange(1, self.medicines + 1)
                yield visit, line, medicine, self.chance.randrange(1, 60), self._money(20_000)

    def _lab_results(self) -> Rows:
        for visit in range(1, self.visits + 1, 2):
            identity = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
            shown = self.visits + 17 if visit % 9_973 == 0 else visit
            value = None if visit % 11 == 0 else self.chance.randrange(500_000) / 1_000
            yield identity, shown, self.chance.choice(_TESTS), value, self._epoch()

    def _invoices(self) -> Rows:
        for number in range(1, self.visits // 3):
            issued = self._moment().date().isoformat()
            patient = self.chance.randrange(1, self.patients + 1)
            yield f"INV-{number:07d}", patient, issued, self._money(900_000), self.chance.random() < 0.8

    def _documents(self) -> Rows:
        for number in range(1, 301):
            body = None if number % 19 == 0 else self.chance.randbytes(self.chance.randrange(0, 4_000))
            yield number, self.chance.randrange(1, self.patients + 1), f"scan {number:03d}.png", body

    def _log(self) -> Rows:
        for number in range(self.visits // 2):
            row = (
                self._moment().strftime("%Y-%m-%d %H:%M:%S"),
                self.chance.choice((None, "", "nurse1", "доктор")),
                self.chance.choice(("login", "print", "rename")),
                self.chance.choice((None, "ok", "ключ", "a|b")),
            )
            yield row
            if number % 500 == 0:
                yield row
