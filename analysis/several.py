"""Do one thing with a finished run, or with every run of a comparison, and put what comes of it side by side."""

import csv
import io
import json
import os
import subprocess
import sys

import compare
import rundir

PROGRAM = os.path.join(compare.ROOT, "build", "callosum")


def program(*words):
    """build/callosum WORDS...; what it prints. When it fails it has said why: we end with its code."""
    result = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        sys.exit(result.returncode if result.returncode > 0 else 7)
    return result.stdout


def write(path, text):
    """Under another name first, so that a kill leaves no half a file."""
    with open(path + ".partial", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".partial", path)


def over_runs(name, path, one):
    """one(folder) -> {measure: number}, for each run. Prints a table with a column a variant; of a comparison writes PATH/<name>.csv, too."""
    try:
        folders = rundir.folders(path)
        runs = [(rundir.read_json(os.path.join(folder, "summary.json")), one(folder)) for folder in folders]
        by_variant = {}
        for summary, found in runs:
            by_variant.setdefault(summary.get("variant", "?"), []).append(found)
        table = compare.format_table(compare.compare(by_variant), max(map(len, by_variant.values())))
        print(table)
        if len(folders) > 1 or folders[0] != path:
            lines = io.StringIO()
            rows = csv.writer(lines, lineterminator="\n")
            rows.writerow(["variant", "seed", "measure", "value"])
            for summary, found in runs:
                rows.writerows([summary.get("variant"), summary.get("seed"), key, "" if value is None else json.dumps(value)] for key, value in found.items())
            write(os.path.join(path, name + ".csv"), lines.getvalue())
            print(f"\nnumbers: {os.path.join(path, name + '.csv')}")
    except rundir.BadRun as error:
        sys.exit(complain(name, 3, error))
    except OSError as error:
        sys.exit(complain(name, 4, error))


def complain(name, code, error):
    print(f"{name}: {error}", file=sys.stderr)
    return code
