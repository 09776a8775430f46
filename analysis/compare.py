"""Run every variant of an experiment for every seed and put their measures side by side.

usage: ./run compare EXPERIMENT.yaml [--seeds 1,2,3] [--variants a,b] [--set key=value]... [--out DIR] [--report]

Runs go to DIR/<variant>/seed-<n>/. One that is finished is kept, an unfinished one is resumed, one of other settings is an error
that names the key: all of this is `--resume` of the program itself. The table goes to stdout, the numbers to DIR/compare.json:
{"<variant>": {"<measure>": {"mean": x, "sd": x, "values": [x, ...]}}}, sd being the sample deviation (0 of a single value).
"""

import argparse
import json
import math
import os
import re
import signal
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(prog="./run compare", description="Every variant of an experiment for every seed, in one table.")
    parser.add_argument("experiment", help="the YAML file")
    parser.add_argument("--seeds", default="1,2,3", type=seed_list, help="comma-separated (default: 1,2,3)")
    parser.add_argument("--variants", type=lambda text: text.split(","), help="comma-separated (default: all of the file)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the experiment in every run")
    parser.add_argument("--out", metavar="DIR", help="where the runs go (default: runs/<experiment>)")
    parser.add_argument("--report", action="store_true", help="make the report of the comparison as well")
    return parser.parse_args(arguments)


def seed_list(text):
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list such as 1,2,3")
    return text.split(",")


def experiment_name(path):
    """The value of the top-level key `experiment`; the program has checked the file by then."""
    with open(path, encoding="utf-8") as file:
        found = re.search(r"^experiment:\s*[\"']?([^\s\"'#]+)", file.read(), re.MULTILINE)
    return found.group(1) if found else os.path.splitext(os.path.basename(path))[0]


def run_or_exit(command, **options):
    """Run a command in a session of its own and pass our signals on, so that Ctrl-C lets it save. A failure ends us with its code."""
    child = subprocess.Popen(command, start_new_session=True, text=True, **options)
    for number in SIGNALS:
        signal.signal(number, lambda number, _: child.send_signal(number))
    output, _ = child.communicate()
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if child.returncode:
        sys.exit(child.returncode if child.returncode > 0 else 128 - child.returncode)
    return output


def variants_of(experiment):
    return run_or_exit([os.path.join(ROOT, "build", "callosum"), "variants", experiment], stdout=subprocess.PIPE).split()


def measures_of(folder):
    with open(os.path.join(folder, "summary.json"), encoding="utf-8") as file:
        return json.load(file)["measures"]


def summarise(values):
    """Mean and deviation of the numbers among the values; a measure that came out as null (no number) stays null."""
    numbers = [v for v in values if v is not None and math.isfinite(v)]
    if len(numbers) < len(values) or not numbers:
        return {"mean": None, "sd": None, "values": values}
    return {"mean": statistics.fmean(numbers), "sd": statistics.stdev(numbers) if len(numbers) > 1 else 0.0, "values": values}


def compare(runs):
    """runs: {variant: [measures of each seed]} -> the content of compare.json. A measure that a seed lacks counts as null."""
    table = {}
    for variant, seeds in runs.items():
        names = list(dict.fromkeys(name for measures in seeds for name in measures))
        table[variant] = {name: summarise([measures.get(name) for measures in seeds]) for name in names}
    return table


def cell(entry, n_seeds):
    if entry is None or entry["mean"] is None:
        return "-"
    if n_seeds == 1:
        return f"{entry['mean']:.4g}"
    return f"{entry['mean']:.4g} ± {entry['sd']:.2g}"


def format_table(table, n_seeds):
    """Measures in rows, variants in columns, aligned."""
    names = list(dict.fromkeys(name for measures in table.values() for name in measures))
    rows = [["measure", *table]] + [[name] + [cell(table[v].get(name), n_seeds) for v in table] for name in names]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths))) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def main(arguments):
    options = parse_arguments(arguments)
    variants = options.variants or variants_of(options.experiment)
    out = options.out or os.path.join("runs", experiment_name(options.experiment))
    settings = [word for value in options.set for word in ("--set", value)]
    runs = {variant: [] for variant in variants}
    for seed in options.seeds:
        for variant in variants:
            print(f"== {variant}, seed {seed}", flush=True)
            run_or_exit([os.path.join(ROOT, "run"), options.experiment, "--variant", variant, "--seed", seed, "--out", out, "--resume", *settings])
            runs[variant].append(measures_of(os.path.join(out, variant, f"seed-{seed}")))
    table = compare(runs)
    path = os.path.join(out, "compare.json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(table, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)
    text = format_table(table, len(options.seeds))
    report = ""
    if options.report:
        report = run_or_exit([sys.executable, os.path.join(ROOT, "analysis", "report.py"), out], stdout=subprocess.PIPE)
    seeds = ", ".join(options.seeds)
    print(f"\n{experiment_name(options.experiment)}, seed{'s' * (len(options.seeds) > 1)} {seeds}\n{text}\n\nnumbers: {path}\n{report}", end="")


if __name__ == "__main__":
    main(sys.argv[1:])
