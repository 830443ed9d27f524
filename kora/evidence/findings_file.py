"""`findings.jsonl`: every row that a verification listed, one JSON object a line, for whoever mends the target.

The report shows a person the first of them; this file is for a program. Layout: `docs/formats/findings.md`.
"""

import json
from collections.abc import Iterator

from kora.comparison.result import VerificationResult

FINDINGS_NAME = "findings.jsonl"


def findings_bytes(result: VerificationResult) -> bytes:
    """The whole file, in the order of the tables and of their findings; empty where no row differs.

    Values stand in it only where the operator asked for them. A lone surrogate is written as its escape.
    """
    return b"".join(_lines(result))


def _lines(result: VerificationResult) -> Iterator[bytes]:
    for table in result.tables:
        names = {"source": table.source, "target": table.target}
        for finding in table.findings:
            text = json.dumps(names | finding.model_dump(), ensure_ascii=False, separators=(",", ":"))
            yield text.encode("utf-8", "backslashreplace") + b"\n"
