# SPDX-License-Identifier: BSD-2-Clause
"""Running test programs and judging their TAP output; shared by the scripts beside it."""
import dataclasses
import json
import os
import re
import signal
import subprocess
import tempfile
import time

POINT = re.compile(r"^(not )?ok\b\s*(\d*)\s*-?\s*([^#]*)(?:#\s*(\S+)?.*)?$")
FORCED = re.compile(r"^# forced failure points: (\d+)")  # tests/api/fail.c
PLAN = re.compile(r"^1\.\.(\d+)")


@dataclasses.dataclass
class Verdict:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    forced: int = 0  # failure points that the tests forced
    complaints: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    output: str = ""

    def fail(self, text):
        self.failed += 1
        self.complaints.append(text)


def judge(output, status, timed_out=False):
    """Count the points of a TAP stream; a broken promise (plan, exit status) is a failed point."""
    v = Verdict(output=output)
    planned = 0
    plans = 0
    failing = False
    for line in output.splitlines():
        plan = PLAN.match(line)
        point = POINT.match(line)
        forced = FORCED.match(line)
        if forced:
            v.forced += int(forced.group(1))
        if plan:
            planned += int(plan.group(1))
            plans += 1
        elif point:
            word = (point.group(4) or "").upper()
            failing = False
            if word.startswith("SKIP"):
                v.skipped += 1
            elif point.group(1) and not word.startswith("TODO"):
                v.fail(line)
                failing = True
            else:
                v.passed += 1
        elif line.startswith("Bail out!"):
            v.fail(line)
        elif failing and line.startswith("#") and len(v.complaints) < 40:
            v.complaints.append(line)
    points = v.passed + v.failed + v.skipped
    if timed_out:
        v.fail(f"timed out after {points} points")
    elif status < 0:
        v.fail(f"killed by {signal.Signals(-status).name} after {points} points")
    elif plans == 0:
        v.fail(f"printed no plan (exit status {status})")
    elif points != planned and not v.failed:
        v.fail(f"planned {planned} points, printed {points} (exit status {status})")
    elif status != 0 and not v.failed:
        v.fail(f"exit status {status} although every point passed")
    if v.failed and not any(c.startswith("not ok") for c in v.complaints):
        v.complaints += [x for x in output.splitlines() if not x.startswith("ok ")][-12:]
    return v


LIVE = set()  # what run() has started and not yet ended, in all threads


def end_on_signal(number, _frame):
    """A script that is told to end takes its children with it, whatever its threads wait for."""
    for process in list(LIVE):
        stop(process)
    os._exit(128 + number)


signal.signal(signal.SIGTERM, end_on_signal)
signal.signal(signal.SIGINT, end_on_signal)


def stop(process):
    """End a whole process group: politely, so that a script ends its own groups, then for good."""
    for how, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, None)):
        if process.poll() is None:
            os.killpg(process.pid, how)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                pass


def wait(process, timeout, out, stop_at):
    """True when it ended (or printed a line that starts with `stop_at`) in time."""
    if stop_at is None:
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if process.poll() is not None:
            return True
        if re.search(stop_at, os.pread(out.fileno(), 1 << 20, 0).decode(errors="replace"), re.M):
            return True
        time.sleep(0.05)
    return False


def run(cmd, timeout, cwd=None, env=None, stop_at=None):
    """(output, status, timed out).  The whole process group is gone afterwards."""
    full_env = dict(os.environ, **(env or {}))
    with tempfile.TemporaryFile("w+b") as out:
        try:
            p = subprocess.Popen([str(c) for c in cmd], stdout=out, stderr=subprocess.STDOUT,
                                 stdin=subprocess.DEVNULL, cwd=cwd, env=full_env,
                                 start_new_session=True)
        except OSError as e:
            return f"{cmd[0]}: {e.strerror}\n", 127, False
        LIVE.add(p)
        timed_out = False
        try:
            timed_out = not wait(p, timeout, out, stop_at)
        finally:
            stop(p)
            LIVE.discard(p)
        out.seek(0)
        return out.read().decode(errors="replace"), p.returncode, timed_out


def test(cmd, timeout, cwd=None, env=None, stop_at=None):
    started = time.monotonic()
    output, status, timed_out = run(cmd, timeout, cwd, env, stop_at)
    v = judge(output, status, timed_out)
    v.seconds = time.monotonic() - started
    return v


@dataclasses.dataclass
class MesonTest:
    name: str  # SUITE/NAME
    cmd: list
    timeout: int
    env: dict
    cwd: str  # where meson runs it

    def test(self, **more):
        return test(self.cmd, self.timeout, self.cwd, self.env, **more)


def meson_tests(build, suites=()):
    """The tests of a build directory (of these suites), longest time limit first."""
    out = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, text=True,
                         check=True).stdout
    found = []
    for t in json.loads(out):
        mine = [s.split(":")[-1] for s in t["suite"]]
        if not suites or set(mine) & set(suites):
            found.append(MesonTest("/".join(mine[:1] + [t["name"]]), t["cmd"], t["timeout"], t["env"],
                                   t["workdir"] or str(build)))
    return sorted(found, key=lambda t: -t.timeout)
