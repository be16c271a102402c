#!/usr/bin/env python3
"""summarize.py RESULTS [FAILED-STAGE...]: adds up the JUnit files of all stages.

Prints the tests that failed and, last, "N passed, N failed, N skipped". A stage that
ended badly without reporting a failed test (a crash, say) counts as one failure.
Exits with 1 if anything failed.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    """passed, failed or skipped, for one <testcase> of GoogleTest, ctest, lit or pytest."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def cases(path):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        yield ".".join(filter(None, (case.get("classname"), case.get("name")))), outcome(case)


def ctest_failures(path):
    """ctest's cases are whole executables, which GoogleTest counts in its own files;
    only one that failed without leaving such a file is news."""
    for name, result in cases(path):
        executable = "strut-unit-" + name.split("/")[-1]
        if result == "failed" and not (path.parent / f"{executable}.xml").exists():
            yield f"{name} (ended without a report)", "failed"


def main():
    results, bad_stages = pathlib.Path(sys.argv[1]), sys.argv[2:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failed = []
    for path in sorted(results.glob("*/*.xml")):
        found = ctest_failures(path) if path.name == "ctest.xml" else cases(path)
        for name, result in found:
            counts[result] += 1
            if result == "failed":
                failed.append((path.parent.name, name))
    for stage in bad_stages:
        if not any(where.startswith(stage) for where, _ in failed):
            counts["failed"] += 1
            failed.append((stage, "the stage itself failed; see its output above"))
    for stage, name in failed:
        print(f"FAILED {stage}: {name}")
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
