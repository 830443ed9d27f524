"""What `--json` prints: one object on stdout, without anything that colours or lays out text."""

import json
import sys
from typing import TYPE_CHECKING

from kora.comparison.result import VerificationResult
from kora.evidence.verdict import decide_result

if TYPE_CHECKING:
    from kora.evidence.artifacts import Artifacts
    from kora.evidence.transparency import Checkpoint


def print_json(value: object) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, indent=2) + "\n")


def result_json(result: VerificationResult, artifacts: "Artifacts | None") -> dict[str, object]:
    """The `--json` object of a verification."""
    fields = {
        "source", "target", "outcome", "source_rows", "target_rows", "mismatch", "missing_in_target",
        "extra_in_target", "not_comparable_columns", "losses",
        "strategy", "strategy_reason",
    }  # fmt: skip
    return {
        "verdict": decide_result(result).verdict,
        "certificate": str(artifacts.certificate) if artifacts else None,
        "report": str(artifacts.report) if artifacts else None,
        "findings": str(artifacts.findings) if artifacts and artifacts.findings else None,
        "log": log_json(logged.checkpoint, logged.index) if artifacts and (logged := artifacts.logged) else None,
        "tables": [table.model_dump(mode="json", include=fields) for table in result.tables],
        "losses": [loss.model_dump(mode="json") for loss in result.losses if loss.count],
        "orphans": [item.model_dump(mode="json") for item in result.orphans],
        "behavior": result.behavior if result.behavior == "not_run" else result.behavior.model_dump(mode="json"),
        "not_checked": [item.model_dump(mode="json") for item in result.not_checked],
        "strategy": result.strategy.model_dump(mode="json"),
        "lines": [line.model_dump(mode="json") for line in result.lines],
        "seconds": round(result.seconds, 3),
    }


def log_json(checkpoint: "Checkpoint", index: int) -> dict[str, object]:
    """A file's place in a log, and the log's checkpoint."""
    return {"origin": checkpoint.origin, "index": index, "size": checkpoint.size, "root": checkpoint.root}
