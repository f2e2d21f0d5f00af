#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turn recorded traces into a C file that an image carries: the text of each, as a string.

usage: pack_trace.py OUT.c FILE.vmt[.gz]...
"""
import gzip
import pathlib
import sys

HEAD = """/* Made by harness/pack_trace.py: recorded programs, for suite_replay.c. */
#include "suite_replay.h"

"""


def read(path):
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def c_string(line):
    """One source line a record; whatever is not plain text as an octal escape."""
    out = []
    for b in line:
        c = chr(b)
        out.append("\\n" if c == "\n" else c if 32 <= b < 127 and c not in '"\\?' else f"\\{b:03o}")
    return '\t"' + "".join(out) + '"\n'


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    table = []
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write(HEAD)
        for i, name in enumerate(sorted(sys.argv[2:])):
            path = pathlib.Path(name)
            try:
                text = read(path)
            except (OSError, EOFError, gzip.BadGzipFile) as e:
                sys.exit(f"pack_trace.py: {path}: {e}")
            out.write(f"static const char replay_text{i}[] =\n")
            out.writelines(c_string(line) for line in text.splitlines(keepends=True))
            out.write("\t;\n\n")
            table.append(f'\t{{"{path.name.split(".")[0]}", replay_text{i}, sizeof(replay_text{i}) - 1}},\n')
        out.write("const struct trace bare_traces[] = {\n" + "".join(table) + "};\n")
        out.write(f"const unsigned bare_ntraces = {len(table)};\n")


if __name__ == "__main__":
    main()
