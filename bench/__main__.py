"""`python -m bench [--rounds N] [--only S1,S2]`: a table of medians and ratios to the floor, `bench/results.json`."""

from __future__ import annotations

import argparse
import json
import sys

from bench import driver, report
from bench.scenarios import SCENARIOS
from tests.support.editor import REPOSITORY

QUIT, START = "S6", "start"


def main() -> None:
    """Run and print."""
    known = [*SCENARIOS, QUIT, START]
    parser = argparse.ArgumentParser(prog="bench", description="Zeke's speed against a floor in the same run.")
    parser.add_argument("--rounds", type=int, default=3, help="how often every scenario is run (default 3)")
    parser.add_argument("--only", default=",".join(known), help=f"some of {','.join(known)}")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := set(wanted) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}: accepted are {', '.join(known)}")
    streams = [name for name in SCENARIOS if name in wanted]
    found: list[dict[str, object]] = []
    results: driver.Results = {}
    if streams:
        results = driver.run(streams, options.rounds)
        print("\n".join(report.table(results)))
        found += report.verdicts(results)
    if QUIT in wanted:
        runs = [driver.quit_while_stalled() for _ in range(options.rounds)]
        found.append(
            report.verdict("gone after :qa! while the server stalls, ms", QUIT, max(ms for ms, _ in runs), 500)
        )
        found.append(report.verdict("processes left", QUIT, max(left for _, left in runs), 0))
    if START in wanted:
        from bench import start

        figures, more = start.run(options.rounds)
        print("\n".join(start.table(figures)))
        found += more
    print("\n".join(report.lines(found)))
    (REPOSITORY / "bench" / "results.json").write_text(
        json.dumps({"scenarios": report.summary(results), "targets": found}, indent=1) + "\n"
    )
    sys.exit(not all(one["met"] for one in found))


if __name__ == "__main__":
    main()
