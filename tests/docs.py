"""docs.py [--write]: what the README says, held against the program. The tables of settings and counters are the program's own (with
--write they are put there, and the catalogue of KPIs to deploy/KPIS.md); the «add a KPI» example is compiled and replayed as it is written. Last line: "docs: N passed, N failed".
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PROGRAM = ROOT / "build" / "salespulse"
CATALOGUE = ROOT / "deploy" / "KPIS.md"
TABLES = {"settings": "--settings-table", "counters": "--counters-table"}


def run(*arguments):
    return subprocess.run([str(PROGRAM), *arguments], capture_output=True, text=True, timeout=60)


def section(text, name):
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    return found.group(1) if found else ""


def write():
    text = README.read_text()
    for name, flag in TABLES.items():
        table = run("check", flag).stdout
        text = text.replace(f"<!-- {name} -->\n{section(text, name)}<!-- /{name} -->", f"<!-- {name} -->\n{table}<!-- /{name} -->")
    README.write_text(text)
    CATALOGUE.write_text(run("catalogue").stdout)


def event(number, rep, delivery):
    return json.dumps({
        "type": "deal", "event_id": f"e{number}", "tenant_id": "acme", "entity_id": f"D{number}", "op": "CREATE",
        "occurred_at": "2026-03-02T02:00:00Z", "ingested_at": "2026-03-02T02:00:00Z", "source": "docs", "source_version": 1, "status": "WON",
        "deal_type": "UNKNOWN", "amount": "10", "currency": "IDR", "won_at": "2026-03-02T02:00:00Z", "owner_id": rep, "splits": [], "items": [],
        "ext": {"delivery": delivery}})


def example_works():
    """The file is taken by `check`, and a replay of three deals gives one express delivery of two for ana."""
    yaml = re.search(r"```yaml\n(.*?)```", section(README.read_text(), "kpi-file"), re.DOTALL).group(1)
    with tempfile.TemporaryDirectory() as folder:
        kpis, events = pathlib.Path(folder) / "my-kpis.yaml", pathlib.Path(folder) / "deals.jsonl"
        kpis.write_text(yaml)
        events.write_text("\n".join([event(1, "ana", "express"), event(2, "ana", "normal"), event(3, "budi", "normal")]) + "\n")
        checked = run("check", str(kpis))
        yield "check takes the README's own KPI", checked.returncode == 0, checked.stderr
        replayed = run("replay", "--kpis", str(kpis), "--format", "csv", "--at", "2026-03-03T00:00:00Z", str(events))
        line = [x for x in replayed.stdout.splitlines() if ",express_share,month_to_date,rep,ana," in x]
        yield "replay computes it", len(line) == 1 and ",OK,50" in line[0], replayed.stdout[-500:] + replayed.stderr[-500:]


def checks():
    text = README.read_text()
    for name, flag in TABLES.items():
        table = run("check", flag).stdout
        yield f"the README's table of {name} is the program's", bool(table.strip()) and section(text, name) == table, "tests/docs.py --write puts it there"
    page = run("catalogue").stdout
    yield "deploy/KPIS.md is the catalogue of the shipped definitions", CATALOGUE.read_text() == page, "tests/docs.py --write writes it"
    missing = re.findall(r"^## (\S+)\n\n(?!\*\*.+\*\*: .+\n\n\*\*.+\*\*: )", page, re.MULTILINE)
    yield "every shipped KPI is described in both languages", page.count("\n## ") > 30 and not missing, str(missing)
    yield from example_works()
    makefile = (ROOT / "Makefile").read_text()
    for target in sorted(set(re.findall(r"`make ([a-z-]+)", text + (ROOT / "tests/README.md").read_text()))):
        yield f"make {target} exists", re.search(rf"^{target}:", makefile, re.MULTILINE), ""
    for path in sorted(set(re.findall(r"\]\(((?:deploy|tests|schemas)/[^)]+)\)", text))):
        yield f"{path} exists", (ROOT / path).exists(), ""


def main():
    if "--write" in sys.argv:
        write()
        return 0
    passed = failed = 0
    for title, good, detail in checks():
        print(("ok " if good else "not ok ") + title)
        if not good and detail:
            print("    " + detail.replace("\n", "\n    "))
        passed, failed = passed + bool(good), failed + (not good)
    print(f"docs: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
