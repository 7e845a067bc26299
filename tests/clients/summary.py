"""The closing summary of run.sh: a line per client, and nothing skipped silently."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict


def main(report: str, broker: str) -> int:
    """Prints the table; fails when a test failed, was skipped, or none ran."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for case in ElementTree.parse(report).iter("testcase"):
        # A size beside the client's name, as in [kcat-100000], is not part of it.
        name = re.search(r"\[(.+?)(-\d{5,})?\]", case.get("name", ""))
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        harness = case.get("classname", "").endswith("test_harness")
        row = "(harness)" if harness else name.group(1) if name else "(all)"
        rows[row][kinds.pop() if kinds else "passed"] += 1
    print(f"\nclients against {broker}")
    for client, row in sorted(rows.items()):
        print(f"  {client:<24}" + "  ".join(f"{count} {kind}" for kind, count in sorted(row.items())))
    total = sum(rows.values(), Counter())
    bad = total["failure"] + total["error"] + total["skipped"]
    print(f"  {'total':<24}{total['passed']} passed, {bad} not")
    return 1 if bad or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
