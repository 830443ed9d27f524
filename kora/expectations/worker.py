"""Runs inside the process that has Great Expectations: facts and suite in on stdin, results out as JSON.

It imports nothing of KORA, so any Python that has the package can run the file. `great_expectations` asks to be told
before it is imported that nobody wants its telemetry.

Input: `{"suite": …, "facts": {name: value}}`. Output, on the descriptor that was stdout:
`{"version": …, "results": [{"type", "column", "success", "error"}], "unknown": [type, …]}`. Where a type is unknown
nothing is judged: the package itself leaves such an expectation out and judges the others.
"""

import json
import os
import sys
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["TQDM_DISABLE"] = "1"


def _own_expectations(gxe: Any) -> None:
    """Defines Sensei's own; Great Expectations finds them by their names once they exist."""

    class ExpectRowDigestToEqual(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
        """The table holds exactly the rows that were profiled: counted as a multiset, under one key."""

    class ExpectSemanticTypeKept(gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
        """The column still means what it meant: a number, a date, a text and so on."""

    class ExpectSequenceBeyondMaxKey(gxe.ExpectColumnMinToBeBetween):  # type: ignore[misc]
        """The counter behind a key has passed the largest key, so that the next row gets a new one."""

    class ExpectNoNewOrphan(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
        """No more rows lack their parent than when the database was profiled."""

    class ExpectLossWithinLedger(gxe.ExpectColumnMaxToBeBetween):  # type: ignore[misc]
        """A lossy rule changes no more values of the column than the ledger approves."""


def _judge(request: dict[str, Any]) -> dict[str, Any]:
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas

    _own_expectations(gxe)
    if unknown := _unknown(request["suite"]["expectations"]):
        return {"version": gx.__version__, "results": [], "unknown": unknown}
    suite = gx.ExpectationSuite(name=request["suite"]["name"], expectations=request["suite"]["expectations"])
    frame = pandas.DataFrame({name: [value] for name, value in request["facts"].items()})
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("kora").add_dataframe_asset("facts")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    found = batch.validate(suite).to_json_dict()["results"]
    return {"version": gx.__version__, "results": [_told(result) for result in found], "unknown": []}


def _unknown(expectations: list[dict[str, Any]]) -> list[str]:
    """Types that Great Expectations does not have, as written in the suite."""
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    unknown = []
    for kind in sorted({str(expectation.get("type")) for expectation in expectations}):
        try:
            get_expectation_impl(kind)
        except ExpectationNotFoundError:
            unknown.append(kind)
    return unknown


def _told(result: dict[str, Any]) -> dict[str, Any]:
    config = result["expectation_config"]
    return {
        "type": config["type"],
        "column": config["kwargs"].get("column", ""),
        "success": bool(result["success"]),
        "error": _first_error(result.get("exception_info") or {}),
    }


def _first_error(info: dict[str, Any]) -> str:
    if "exception_message" in info:
        return str(info["exception_message"] or "")
    return next((str(part["exception_message"]) for part in info.values() if isinstance(part, dict)), "")


def main() -> None:
    """One request. What the libraries print goes to stderr."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    json.dump(_judge(json.load(sys.stdin)), answer)
    answer.close()


if __name__ == "__main__":
    main()
