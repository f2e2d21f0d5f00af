#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turn the results of tools/quickstart into one self-contained HTML page.

usage: tools/report.py RESULTS.json REPORT.html
"""
import html
import io
import json
import platform
import re
import subprocess
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend is chosen first)

plt.rcParams.update({"svg.fonttype": "none", "font.size": 9, "axes.spines.top": False,
                     "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3})
BLUE, ORANGE = "#2f6db3", "#d9822b"
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .2em .8em; border-bottom: 1px solid #ddd }
th { text-align: left } td.n { text-align: right; font-variant-numeric: tabular-nums }
.ok { color: #1a7f37 } .bad { color: #c62828; font-weight: 600 } svg { max-width: 100%; height: auto }
small { color: #666 }
"""


def svg(figure):
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight")
    plt.close(figure)
    text = out.getvalue()
    return re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg"):], flags=re.S)


def table(head, rows):
    """Numbers to the right; everything escaped."""
    cells = "".join(f"<th>{html.escape(h)}</th>" for h in head)
    lines = [f"<tr>{cells}</tr>"]
    for row in rows:
        cells = ""
        for c in row:
            number = isinstance(c, (int, float))
            text = f"{c:,.0f}" if number else html.escape(str(c))
            cells += f'<td class="n">{text}</td>' if number else f"<td>{text}</td>"
        lines.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def part_steps(results):
    rows = []
    for s in results["steps"]:
        word = '<span class="ok">ok</span>' if s["ok"] else '<span class="bad">FAILED</span>'
        rows.append(f"<tr><td>{html.escape(s['about'])}</td><td>{word}</td>"
                    f"<td class=n>{s['seconds']:.0f} s</td><td>{html.escape(s['said'])}</td></tr>")
    return "<table><tr><th>step</th><th></th><th>time</th><th>result</th></tr>" + "".join(rows) + "</table>"


def part_replay(results):
    rows = results.get("replay")
    if not rows:
        return ""
    names = sorted({r["trace"] for r in rows})
    pmaps = sorted({r["pmap"] for r in rows}, reverse=True)
    rate = {(r["trace"], r["pmap"]): (r["faults"] + r["calls"]) / max(r["seconds"], 1e-3) for r in rows}
    figure, ax = plt.subplots(figsize=(8, 0.42 * len(names) + 1))
    for i, (pmap, colour) in enumerate(zip(pmaps, (BLUE, ORANGE))):
        ax.barh([n + 0.38 * i for n in range(len(names))], [rate.get((n, pmap), 0) for n in names],
                height=0.36, color=colour, label=pmap)
    ax.set_yticks([n + 0.19 for n in range(len(names))], names)
    ax.invert_yaxis()
    ax.set_xlabel("faults and calls replayed in a second, every snapshot compared")
    ax.legend(frameon=False)
    head = ["trace", "pmap", "snapshots", "faults", "calls", "layouts differ", "anon counts differ",
            "results differ"]
    body = [[r["trace"], r["pmap"]] + [r[k] for k in ("snapshots", "faults", "calls", "layouts", "anon",
                                                      "results")] for r in rows]
    return "<h2>Real programs, replayed</h2>" + svg(figure) + table(head, body)


def part_fuzz(results):
    fuzz = results.get("fuzz")
    if not fuzz:
        return ""
    text = (f"<h2>Fuzzing core against model</h2><p>{fuzz['executions']:,} programs in "
            f"{fuzz['seconds']:.0f} s ({fuzz['executions'] / fuzz['seconds']:,.0f} a second) without a finding.</p>")
    series = fuzz["series"]
    if len(series) < 2:
        return text
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.6))
    left.plot([s[0] for s in series], [s[1] for s in series], color=BLUE)
    left.set(xlabel="seconds", ylabel="programs")
    right.plot([s[0] for s in series], [s[2] for s in series], color=ORANGE)
    right.set(xlabel="seconds", ylabel="edges covered")
    figure.tight_layout()
    return text + svg(figure)


def bench_pairs(data):
    """(name, core operations a second, host operations a second) of each benchmark pair."""
    rates = {}
    for b in data.get("benchmarks", []):
        rate = b.get("ops_per_sec_total") or b.get("ops_total", 0) / max(b.get("wall_ns", 0), 1) * 1e9
        name = b["name"]
        side = next((s for s in ("host", "core") if re.search(rf"\b{s}\b", name)), None)
        if side and rate and b.get("run_type", "iteration") == "iteration":
            key = re.sub(rf"[/.:_]?\b{side}\b", "", name)
            key = re.sub(r"/(iterations:\d+|real_time|manual_time|process_time)", "", key)
            rates.setdefault(key, {})[side] = rate
    return [(k, v.get("core", 0), v.get("host", 0)) for k, v in rates.items()]


def part_bench(results):
    pairs = bench_pairs(results.get("bench") or {})
    if not pairs:
        return ""
    figure, ax = plt.subplots(figsize=(8, 0.36 * len(pairs) + 1))
    for i, (label, colour) in enumerate((("Tessera, simulated machine", BLUE), ("host kernel", ORANGE))):
        ax.barh([n + 0.38 * i for n in range(len(pairs))], [p[1 + i] for p in pairs], height=0.36,
                color=colour, label=label)
    ax.set_yticks([n + 0.19 for n in range(len(pairs))], [p[0] for p in pairs])
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.set_xlabel("operations in a second, all threads")
    ax.legend(frameon=False)
    return ("<h2>Beside the host kernel</h2><p>The same work by the core on the simulated machine and "
            "by the host's own kernel. The two are not the same race: the core is called directly and pays "
            "for no system call and no exception, and each of its accesses is translated in software.</p>"
            + svg(figure) + table(["benchmark", "Tessera ops/s", "host ops/s"], pairs))


def first_line(cmd):
    try:
        out = subprocess.run(cmd, capture_output=True, text=True, timeout=10).stdout.strip()
        return out.splitlines()[0] if out else "unknown"
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"


def cpu_model():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def machine():
    rows = [("commit", first_line(["git", "describe", "--always", "--dirty"])),
            ("compiler", first_line(["gcc", "--version"])),
            ("kernel", platform.release()), ("processor", cpu_model())]
    return "<h2>Where</h2>" + table(["", ""], rows)


def main():
    if len(sys.argv) != 3:
        print("usage: tools/report.py RESULTS.json REPORT.html", file=sys.stderr)
        return 2
    with open(sys.argv[1]) as f:
        results = json.load(f)
    parts = [part_steps, part_replay, part_fuzz, part_bench]
    body = "".join(p(results) for p in parts) + machine()
    try:
        with open(sys.argv[2], "w") as f:
            f.write(f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Tessera: first run</title>'
                    f"<style>{STYLE}</style><h1>Tessera: first run</h1>{body}</html>\n")
    except OSError as e:
        print(f"tools/report.py: {sys.argv[2]}: {e.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
