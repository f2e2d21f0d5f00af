# SPDX-License-Identifier: BSD-2-Clause
"""Turn llvm-cov's JSON summary (standard input) into a table: branches and lines per file."""
import json
import os
import sys


def main():
    data = json.load(sys.stdin)["data"][0]
    rows = []
    for f in data["files"]:
        s = f["summary"]
        if s["lines"]["count"] == 0:
            continue
        rows.append((os.path.relpath(f["filename"]), s["branches"], s["lines"]))
    print(f"{'file':40} {'branches':>17} {'lines':>17}")
    for name, b, n in sorted(rows) + [("total", data["totals"]["branches"], data["totals"]["lines"])]:
        print(f"{name:40} {b['percent']:6.1f} % of {b['count']:5} {n['percent']:6.1f} % of {n['count']:5}")


if __name__ == "__main__":
    main()
