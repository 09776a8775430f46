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


def read(path):
    """[Run] and None for a run directory; for a comparison its runs in the order of compare.json, and the content of that."""
    if os.path.exists(os.path.join(path, "compare.json")):
        comparison = read_json(os.path.join(path, "compare.json"))
        folders = [f for v in comparison for f in sorted(glob.glob(os.path.join(glob.escape(os.path.join(path, v)), "seed-*")), key=by_number)]
        runs = [read_run(f) for f in folders if os.path.exists(os.path.join(f, "summary.json"))]
        if not runs:
            raise BadRun(f"{path}: has a compare.json but no finished run")
        return runs, comparison
    if not os.path.exists(os.path.join(path, "summary.json")):
        raise BadRun(f"{path}: neither a finished run (summary.json) nor a comparison (compare.json)")
    return [read_run(path)], None


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
    """The codes recorded in the phase `probe`: activity/probe.<region>.code.h5, SONATA frame reports."""
    codes = {}
    for file_name in sorted(glob.glob(os.path.join(glob.escape(path), "activity", "probe.*.code.h5")), key=by_number):
        try:
            with h5py.File(file_name, "r") as file:
                for population, report in file["report"].items():
                    frames = int(round((report["mapping/time"][1] - report["mapping/time"][0]) / report["mapping/time"][2]))
                    codes[population] = report["data"][:frames]
        except (OSError, KeyError) as error:
            raise BadRun(f"{file_name}: {error}") from error
    return codes


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
            nodes = file["mutual"].attrs["nodes"]
            return {name: file[name][:] for name in file} | {"nodes": (nodes.decode() if isinstance(nodes, bytes) else str(nodes)).split(" ")}
    except (OSError, KeyError) as error:
        raise BadRun(f"{file_name}: {error}") from error
