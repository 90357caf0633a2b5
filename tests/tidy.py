"""The rules of the house that no compiler knows. One check per rule: prints what breaks it, then "tidy: N passed, N failed".

Run from anywhere; looks at the tree it stands in. Comments and strings are blanked before code is searched, so that a word in a
sentence is not taken for a call.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = ["base", "core", "edge"]
FUNCTION_LINES_MAX = 70
FILE_BYTES_MAX = 40 * 1024
BANNED = "strcpy strcat sprintf vsprintf gets strtok atoi atol atof alloca".split()
UNCHECKED = "malloc calloc realloc strdup strndup asprintf vasprintf reallocarray".split()
IMPURE_CALLS = (
    "printf fprintf vprintf puts putchar fopen fdopen fclose fread fwrite fgets getenv setenv open close read write socket "
    "connect send recv poll select time clock gettimeofday clock_gettime localtime localtime_r gmtime gmtime_r mktime usleep "
    "nanosleep sleep rand random srand srandom log_info log_warn log_error log_debug"
).split()
IMPURE_INCLUDES = (
    "librdkafka hiredis microhttpd curl libfyaml jansson avro pthread.h unistd.h sys/ time.h fcntl.h signal.h netinet "
    "base/log.h base/asset.h"
).split()
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|stubs?|not implemented|unimplemented)\b", re.IGNORECASE)
# Written in two halves, so that this file does not find itself.
MACHINE = re.compile(r"/wor" + r"k/|\.libra" + r"ry/|/far" + r"m/")

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def blank(match):
    text = match.group(0)
    if text[0] in "\"'":
        return text[0] + " " * (len(text) - 2) + text[-1]
    return re.sub(r"[^\n]", " ", text)


def sources(*folders, suffixes=(".c", ".h")):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in suffixes:
                yield path


def name(path):
    return path.relative_to(ROOT).as_posix()


def code_lines(path):
    text = TOKEN.sub(blank, path.read_text(encoding="utf-8", errors="replace"))
    return enumerate(text.split("\n"), 1)


def raw_lines(path):
    return enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), 1)


def calls(words):
    return re.compile(r"(?<![\w.>])(" + "|".join(words) + r")\s*\(")


def upward_includes():
    for index, layer in enumerate(LAYERS):
        allowed = LAYERS[: index + 1]
        for path in sources(f"include/{layer}", f"processor/{layer}"):
            for number, line in raw_lines(path):
                found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if found and found.group(1).split("/")[0] not in allowed:
                    yield f'{name(path)}:{number} includes "{found.group(1)}"'


def long_functions():
    for path in sources("processor", "tests"):
        begin, title = 0, ""
        for number, line in code_lines(path):
            if line.startswith("{"):
                begin = number
            elif line.startswith("}"):
                if begin and number - begin - 1 > FUNCTION_LINES_MAX:
                    yield f"{name(path)}:{begin} {number - begin - 1} lines: {title.strip()}"
                begin = 0
            elif line and not line[0].isspace() and "(" in line:
                title = line


def banned_calls():
    banned, unchecked = calls(BANNED), calls(UNCHECKED)
    for path in sources("include", "processor", "tests"):
        for number, line in code_lines(path):
            found = banned.search(line)
            if not found and name(path).startswith("processor/") and path.name != "xalloc.c":
                found = unchecked.search(line)
            if found:
                yield f"{name(path)}:{number} calls {found.group(1)}"


def impure_core():
    impure = calls(IMPURE_CALLS)
    for path in sources("include/core", "processor/core"):
        for number, line in raw_lines(path):
            found = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if found and any(found.group(1).startswith(word) for word in IMPURE_INCLUDES):
                yield f"{name(path)}:{number} includes {found.group(1)}"
        for number, line in code_lines(path):
            found = impure.search(line)
            if found:
                yield f"{name(path)}:{number} calls {found.group(1)}"


def core_globals():
    variable = re.compile(r"^(static\s+)?(?!.*\b(const|inline|typedef|extern|return)\b)[a-z_][\w\s]*[\s*]+\w+(\[[^\]]*\])*\s*(=|;)")
    for path in sources("processor/core", suffixes=(".c",)):
        for number, line in code_lines(path):
            if variable.match(line) and "(" not in line and not re.match(r"^(struct|enum|union)\s+\w+\s*;", line):
                yield f"{name(path)}:{number} {line.strip()}"


def untested_modules():
    """A module is what has a header of its own; other files of the layer belong to the longest module name they begin with."""
    tests = [path.name for path in sources("tests")]
    for layer in LAYERS:
        headers = {path.stem for path in (ROOT / "include" / layer).glob("*.h")}
        for path in sources(f"processor/{layer}", suffixes=(".c",)):
            owners = [h for h in headers if path.stem == h or path.stem.startswith(h + "_")]
            module = max(owners, key=len) if owners else path.stem
            names = {path.stem, module}
            if not any(re.match(rf"(test_|fuzz_|model_|bench_)?{re.escape(n)}(_|\.)", t) for t in tests for n in names):
                yield f"{name(path)}: no test or fuzz file named {module}"


def large_files():
    for path in sources("processor", "include", "tests"):
        if path.stat().st_size > FILE_BYTES_MAX:
            yield f"{name(path)}: {path.stat().st_size} bytes"


def texts():
    yield from sources("include", "processor", "tests", "deploy", "schemas",
                       suffixes=(".c", ".h", ".py", ".sh", ".lua", ".yaml", ".avsc", ".xml", ".md", ".kpi", ".service"))
    for path in [ROOT / "Makefile", *sorted(ROOT.glob("*.md"))]:
        if path.exists():
            yield path


def unfinished_work():
    for path in texts():
        if path == pathlib.Path(__file__).resolve():
            continue
        for number, line in raw_lines(path):
            if UNFINISHED.search(line):
                yield f"{name(path)}:{number} {line.strip()[:90]}"


def machine_paths():
    for path in texts():
        for number, line in raw_lines(path):
            if MACHINE.search(line):
                yield f"{name(path)}:{number} {line.strip()[:90]}"


RULES = [f"S{n}" for n in range(1, 28) if n != 23]  # S23 comes with exactly-once


def nameless_rules():
    """A scenario's `rule` line, a step or check of the simulation, or a test of the whole pipeline in memory names it."""
    named = set()
    for path in sorted((ROOT / "tests/scenario").glob("*.kpi")):
        for _, line in raw_lines(path):
            if line.startswith("rule "):
                named.update(line.split()[1:])
    for path in [*sorted((ROOT / "tests/sim").glob("*.c")), *sorted((ROOT / "tests/unit").glob("test_pipeline*.c"))]:
        named.update(re.findall(r"\bS\d+\b", path.read_text(encoding="utf-8")))
    for rule in RULES:
        if rule not in named:
            yield f"{rule} has no scenario, no step of the simulation and no test of the pipeline"


def unfit_mutants():
    done = subprocess.run([sys.executable, ROOT / "tests/mutants/run.py", "--apply"], capture_output=True, text=True)
    if done.returncode != 0:
        yield from done.stdout.splitlines()


CHECKS = [
    ("includes point down only", upward_includes),
    (f"functions have at most {FUNCTION_LINES_MAX} lines", long_functions),
    ("no banned or unchecked calls", banned_calls),
    ("the core does no I/O and reads no clock", impure_core),
    ("the core has no variables outside functions", core_globals),
    ("every module has a test or fuzz file of its name", untested_modules),
    (f"files have at most {FILE_BYTES_MAX} bytes", large_files),
    ("every rule of the semantics has a test that names it", nameless_rules),
    ("every planted fault still fits the source", unfit_mutants),
    ("no unfinished work by its own words", unfinished_work),
    ("no paths of one machine", machine_paths),
]


def main():
    failed = 0
    for title, check in CHECKS:
        found = list(check())
        print(("not ok " if found else "ok ") + title)
        for line in found:
            print("    " + line)
        failed += bool(found)
    print(f"tidy: {len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
