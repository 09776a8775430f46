"""Read a run directory, or a comparison of them (docs/guide-lab.md says what is in one)."""

import glob
import json
import os
import re
from collections import namedtuple

import h5py
import numpy as np

# One run. metrics: {region: {name: array over lines}}; codes: {region: frames x units}; sheet: units x height x width or None; information: None or
# {dataset: array}, as analysis/information.h has them, and "nodes": their names.
Run = namedtuple("Run", "path label summary used metrics codes sheet information")


class BadRun(Exception):
    """A run directory that is missing, unfinished or damaged; the text says which file and why."""


def folders(path):
    """Of a run directory just that; of a comparison those of its finished runs, variants in the order of compare.json, then by seed."""
    if os.path.exists(os.path.join(path, "compare.json")):
        comparison = read_json(os.path.join(path, "compare.json"))
        all_of_them = [f for v in comparison for f in sorted(glob.glob(os.path.join(glob.escape(os.path.join(path, v)), "seed-*")), key=by_number)]
        found = [f for f in all_of_them if os.path.exists(os.path.join(f, "summary.json"))]
        if not found:
            raise BadRun(f"{path}: has a compare.json but no finished run")
        return found
    if not os.path.exists(os.path.join(path, "summary.json")):
        raise BadRun(f"{path}: neither a finished run (summary.json) nor a comparison (compare.json)")
    return [path]


def read(path):
    """[Run] and None for a run directory; for a comparison its runs in the order of folders(), and the content of compare.json."""
    runs = [read_run(folder) for folder in folders(path)]
    several = os.path.join(path, "compare.json")
    return runs, read_json(several) if os.path.exists(several) else None


def by_number(name):
    """A key that sorts V.2 before V.10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def read_run(path):
    summary = read_json(os.path.join(path, "summary.json"))
    used = ""
    if os.path.exists(os.path.join(path, "used.yml")):
        with open(os.path.join(path, "used.yml"), encoding="utf-8") as file:
            used = file.read()
    label = f"{summary.get('variant', '?')}, seed {summary.get('seed', '?')}"
    return Run(path, label, summary, used, read_metrics(path), read_codes(path), read_sheet(path), read_information(path))


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise BadRun(f"{path}: {error}") from error


def read_metrics(path):
    """metrics/<region>.jsonl -> {region: {name: array}}, one value a line, NaN where a line lacks the name. `phase` is an array of text."""
    metrics = {}
    for file_name in sorted(glob.glob(os.path.join(glob.escape(path), "metrics", "*.jsonl")), key=by_number):
        with open(file_name, encoding="utf-8") as file:
            whole = [line for line in file if line.endswith("\n")]  # a killed run may leave half a line
        try:
            lines = [json.loads(line) for line in whole]
        except ValueError as error:
            raise BadRun(f"{file_name}: {error}") from error
        names = dict.fromkeys(name for line in lines for name in line)
        metrics[os.path.basename(file_name)[: -len(".jsonl")]] = {name: column(lines, name) for name in names}
    return metrics


def column(lines, name):
    values = [line.get(name) for line in lines]
    if any(isinstance(value, str) for value in values):
        return np.array([value or "" for value in values])
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def read_codes(path):
    """The codes recorded in the phase `probe`."""
    return {region: read_report(file_name, region) for file_name, region in reports(path, "probe", "code")}


def reports(path, phase, variable):
    """[(file, region)] of what was recorded: activity/<phase>.<region>.<variable>.h5."""
    start, end = os.path.join(path, "activity", phase + "."), f".{variable}.h5"
    return [(name, name[len(start) : -len(end)]) for name in sorted(glob.glob(glob.escape(start) + "*" + glob.escape(end)), key=by_number)]


def read_report(file_name, region):
    """A SONATA frame report: frames x units."""
    try:
        with h5py.File(file_name, "r") as file:
            report = file["report"][region]
            frames = int(round((report["mapping/time"][1] - report["mapping/time"][0]) / report["mapping/time"][2]))
            return report["data"][:frames]
    except (OSError, KeyError) as error:
        raise BadRun(f"{file_name}: {error}") from error


def text(value):
    """An attribute of a file, whichever way it was stored."""
    return value.decode() if isinstance(value, bytes) else str(value)


def read_sheet(path):
    file_name = os.path.join(path, "figures", "preferred.h5")
    if not os.path.exists(file_name):
        return None
    try:
        with h5py.File(file_name, "r") as file:
            return file["sheet"][:]
    except (OSError, KeyError) as error:
        raise BadRun(f"{file_name}: {error}") from error


def read_information(path):
    file_name = os.path.join(path, "figures", "information.h5")
    if not os.path.exists(file_name):
        return None
    try:
        with h5py.File(file_name, "r") as file:
            return {name: file[name][:] for name in file} | {"nodes": text(file["mutual"].attrs["nodes"]).split(" ")}
    except (OSError, KeyError) as error:
        raise BadRun(f"{file_name}: {error}") from error
