"""How many certificates `kora-check` checks in a second of one core. Needs `make kora-check`; makes no database.

    python -m benchmarks.check dist/kora-check

Each check is whole: canonical JSON, base64, signature, schema, verdict. Writes benchmarks/results/check.json.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VECTORS = ROOT / "tests" / "vectors" / "certificates"
CHECKS = 20_000
REPEAT = 5
FLOOR_PER_SECOND = 10_000


def main() -> None:
    """Measures, prints and writes; exit 1 below the floor."""
    program = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist" / "kora-check").resolve()
    arguments = [VECTORS / "valid.json", "--key", VECTORS / "signer.pub", "--bench", CHECKS]
    runs = [json.loads(subprocess.check_output([program, *map(str, arguments)])) for _ in range(REPEAT)]
    best = max(run["checks_per_second"] for run in runs)
    result = {
        "what": "kora-check, certificates per processor second of one core, best of the runs",
        "program_bytes": program.stat().st_size,
        "checks_per_second": best,
        "floor": FLOOR_PER_SECOND,
        "runs": runs,
    }
    (ROOT / "benchmarks" / "results" / "check.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{best:,} certificates a second of {runs[0]['bytes']:,} bytes, by {result['program_bytes']:,} bytes")
    sys.exit(best < FLOOR_PER_SECOND)


if __name__ == "__main__":
    main()
