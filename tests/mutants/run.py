#!/usr/bin/env python3
"""Plays tests/mutants/list: every planted fault must turn a test red.

run.py --apply          only whether each mutant still fits the source (part of make tidy)
run.py [NAME…]          builds a copy of the tree under build/mutants, plants one fault at a time, builds and runs its tests;
                        95 of 100 must be noticed

A mutant that does not compile was noticed by the compiler, and says so: it proves nothing and counts as a failure.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / "tests/mutants/list"
COPY = ROOT / "build/mutants/tree"
SEEDS = os.environ.get("MUTANT_SEEDS", "600")
SHARE = 0.95
RULES = re.compile(r"S\d+$")


class Mutant:
    def __init__(self, name, rules):
        self.name, self.rules = name, rules
        self.file, self.tests, self.old, self.new = None, [], [], []

    def planted(self, text):
        """The file with the fault; None: it does not fit."""
        old, new = "\n".join(self.old), "\n".join(self.new)
        return text.replace(old, new) if self.old and text.count(old) == 1 else None


def read():
    mutants = []
    for line in LIST.read_text().splitlines():
        if line.startswith("#") or not line:
            continue
        if line.startswith("- "):
            mutants[-1].old.append(line[2:])
        elif line.startswith("+ "):
            mutants[-1].new.append(line[2:])
        elif line.startswith("in "):
            mutants[-1].file = "processor/" + line[3:]
        elif line.startswith("by "):
            mutants[-1].tests = line[3:].split()
        else:
            name, *rules = line.split()
            mutants.append(Mutant(name, rules))
    return mutants


def wrong(mutant, names):
    if mutant.name in names:
        return "the name is there twice"
    if not mutant.rules or not all(RULES.match(rule) for rule in mutant.rules):
        return "no rule"
    if not mutant.tests:
        return "no test"
    path = ROOT / mutant.file
    if not path.exists() or mutant.planted(path.read_text()) is None:
        return f"does not fit {mutant.file} (any more)"
    for test in mutant.tests:
        if test.startswith("unit:") and not (ROOT / f"tests/unit/test_{test[5:]}.c").exists():
            return f"there is no {test}"
    return None


def apply(mutants):
    names, failed = set(), 0
    for mutant in mutants:
        fault = wrong(mutant, names)
        names.add(mutant.name)
        if fault:
            failed += 1
            print(f"{mutant.name}: {fault}")
    print(f"mutants-apply: {len(mutants) - failed} passed, {failed} failed")
    return failed == 0


def make(*targets):
    return subprocess.run(["make", "-s", "-j2", "-C", str(COPY), *targets], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env={**os.environ, "MAKEFLAGS": ""}).returncode == 0


def target_of(test):
    return "build/obj/unit/test_" + test[5:] if test.startswith("unit:") else "build/obj/" + test


def command_of(test):
    if test == "scenario":
        return ["tests/scenario/run.sh", "build/obj/scenario"]
    if test == "sim":
        return ["build/obj/sim", "tests/sim/seeds", SEEDS]
    return [target_of(test)]


def is_red(test):
    try:
        return subprocess.run(command_of(test), cwd=COPY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, timeout=300).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def copy_tree(mutants):
    """Times are kept, so that what is built stays; but not of what may have been built with a fault in it."""
    COPY.mkdir(parents=True, exist_ok=True)
    for part in ("processor", "include", "tests", "schemas", "deploy"):
        shutil.rmtree(COPY / part, ignore_errors=True)
        shutil.copytree(ROOT / part, COPY / part)
    for part in ("Makefile", "README.md"):
        shutil.copy2(ROOT / part, COPY)
    for mutant in mutants:
        os.utime(COPY / mutant.file)
    (COPY / "build").mkdir(exist_ok=True)
    (COPY / "build/.deps").touch()


def play(mutant):
    """'' noticed by whom, or why not."""
    path = COPY / mutant.file
    right = path.read_text()
    path.write_text(mutant.planted(right))
    try:
        for test in mutant.tests:
            if not make(target_of(test)):
                return False, "does not compile"
            if is_red(test):
                return True, test
        return False, "SURVIVES " + " ".join(mutant.tests)
    finally:
        path.write_text(right)


def main():
    mutants = read()
    if "--apply" in sys.argv:
        return apply(mutants)
    if not apply(mutants):
        return False
    mutants = [m for m in mutants if not sys.argv[1:] or m.name in sys.argv[1:]]
    copy_tree(read())
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    if not make(*[target_of(test) for test in tests]):
        print("mutants: 0 passed, 1 failed (the tree does not build)")
        return False
    red = [test for test in tests if is_red(test)]
    if red:
        print(f"mutants: 0 passed, 1 failed (red without any fault: {' '.join(red)})")
        return False
    noticed = 0
    for mutant in mutants:
        begun = time.time()
        good, by = play(mutant)
        noticed += good
        print(f"{'noticed ' if good else '        '} {mutant.name:38} {' '.join(mutant.rules):8} {by} ({time.time() - begun:.0f} s)",
              flush=True)
    enough = noticed >= SHARE * len(mutants)
    print(f"mutants: {noticed} passed, {len(mutants) - noticed} failed ({'enough' if enough else 'too few are noticed'})")
    return enough


sys.exit(0 if main() else 1)
