#!/usr/bin/env python3
"""Reports lengths of files and functions and fails where a rule of the house is broken.

Rules: file median <= 150 lines; a file over 600 lines must stand in tools/length_exceptions.txt
with its reason; no function over 70 lines. A function is found by clang-format's layout: a line that
ends with an opening brace after a parameter list, indented by at most two columns, up to the closing
brace at the same indentation."""
import pathlib
import re
import statistics
import subprocess
import sys

FILE_LINES_MAX = 600
FILE_LINES_MEDIAN_MAX = 150
FUNCTION_LINES_MAX = 70
NOT_A_FUNCTION = re.compile(r"^\s*(namespace|class|struct|union|enum|extern|constexpr [^()]*=|constexpr std::array|#|//|\})")


def functions(lines):
    """Yields (first line number, length, text) of each function body."""
    i = 0
    while i < len(lines):
        line = lines[i]
        indent = len(line) - len(line.lstrip())
        opens = line.endswith("{") and ")" in line and not NOT_A_FUNCTION.match(line)
        if not opens or indent > 2:
            i += 1
            continue
        end = i + 1
        while end < len(lines) and not re.match(r"^ {%d}\}" % indent, lines[end]):
            end += 1
        yield i + 1, end - i + 1, line.strip()
        i = end + 1


def read_exceptions():
    lines = pathlib.Path("tools/length_exceptions.txt").read_text().splitlines()
    return {line.split(":", 1)[0].strip() for line in lines
            if line.strip() and not line.startswith("#")}


def main():
    exceptions = read_exceptions()
    names = subprocess.run(["git", "ls-files", "*.cc", "*.h"], check=True, capture_output=True,
                           text=True).stdout.split()
    problems, file_lengths, function_lengths = [], [], [0]
    for name in names:
        lines = pathlib.Path(name).read_text().splitlines()
        product = not name.startswith(("tests/", "bench/"))
        if product:
            file_lengths.append(len(lines))
        if len(lines) > FILE_LINES_MAX and name not in exceptions:
            problems.append(f"{name}: {len(lines)} lines, at most {FILE_LINES_MAX}")
        for number, length, text in functions(lines):
            if product:
                function_lengths.append(length)
            if length > FUNCTION_LINES_MAX:
                problems.append(f"{name}:{number}: function of {length} lines: {text[:60]}")
    median = statistics.median(file_lengths)
    if median > FILE_LINES_MEDIAN_MAX:
        problems.append(f"median file length {median} is above {FILE_LINES_MEDIAN_MAX}")
    print(f"length_report: {len(file_lengths)} product files, median {median:.0f}, longest "
          f"{max(file_lengths)}; {len(function_lengths)} functions, median "
          f"{statistics.median(function_lengths):.0f}, longest {max(function_lengths)}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
