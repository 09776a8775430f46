"""Read a run directory, or a comparison of them (docs/guide-lab.md says what is in one)."""

import csv
import glob
import json
import os
import re
from collections import namedtuple

import h5py
import numpy as np

# One run. metrics: {region: {name: array over lines}}; codes: {region: frames x units}; sheet: units x height x width or None; information: None or
# {dataset: array}, as analysis/information.h has them, and "nodes": their names. attack: the content of attack.json, or None;
# arrays: the synapses, or None (read_arrays); video: None, or {dataset: array} and blind_from (read_video).
Run = namedtuple("Run", "path label summary used metrics codes sheet information attack arrays video")


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
    others = read_sheet(path), read_information(path), read_attack(path), read_arrays(path), read_video(path)
    return Run(path, label, summary, used, read_metrics(path), read_codes(path), *others)


def group_of(region):
    return re.sub(r"\.\d+$", "", region)


WEIGHTS = os.path.join("figures", "weights.h5")


def read_arrays(path):
    """The synapses in figures/weights.h5 (analysis/weights.h): {(group, array): dict}, the regions of a group one after the other. None: nobody wrote them."""
    arrays, name = {}, os.path.join(path, WEIGHTS)
    if not os.path.exists(name):
        return None
    try:
        with h5py.File(name, "r") as file:
            for region in sorted((entry for entry in file if isinstance(file[entry], h5py.Group)), key=by_number):
                for array in (entry[: -len(".w")] for entry in file[region] if entry.endswith(".w")):
                    append(arrays, (group_of(region), array), read_array(file[region], array))
    except (OSError, KeyError) as error:
        raise BadRun(f"{name}: {error}") from error
    return arrays


def read_shown(path):
    """(phase, variable, labels of its frames) of the activity that goes with the synapses; None where there is none."""
    name = os.path.join(path, WEIGHTS)
    try:
        with h5py.File(name, "r") as file:
            phase, variable = (text(file.attrs[key]) if key in file.attrs else None for key in ("phase", "variable"))
            return phase, variable, file["labels"][:] if "labels" in file else None
    except OSError as error:
        raise BadRun(f"{name}: {error}") from error


def read_array(group, name):
    data = group[name + ".w"]
    shape = {key: int(value) for key, value in data.attrs.items()}
    every = np.arange(shape["units"] * shape["inputs"])
    places = {}
    for state in ("", "first_"):
        sparse = f"{name}.{state}unit" in group
        places[state] = group[f"{name}.{state}unit"][:] * shape["inputs"] + group[f"{name}.{state}channel"][:] if sparse else every
    found = {"w": data[:], "first": group[name + ".first"][:], "places": places[""], "first_places": places["first_"]}
    return found | {"unit": places[""] // shape["inputs"], "channel": places[""] % shape["inputs"]} | shape


def append(arrays, key, array):
    """The units of a further region count on from those before."""
    if key in arrays:
        whole, units = arrays[key], arrays[key]["units"]
        shift = {"unit": units, "places": units * array["inputs"], "first_places": units * array["inputs"]}
        for name in ("w", "first", "unit", "channel", "places", "first_places"):
            whole[name] = np.concatenate([whole[name], array[name] + shift.get(name, 0)])
        whole["units"] += array["units"]
    else:
        arrays[key] = array


def read_attack(path):
    name = os.path.join(path, "attack.json")
    return read_json(name) if os.path.exists(name) else None


def read_fewshot(path):
    """[(variant, shots, seed, accuracy)] of fewshot.csv in the folder of a comparison; [] where there is none."""
    name = os.path.join(path, "fewshot.csv")
    if not os.path.exists(name):
        return []
    try:
        with open(name, encoding="utf-8", newline="") as file:
            return [(row["variant"], int(row["shots"]), int(row["seed"]), float(row["accuracy"])) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRun(f"{name}: {error}") from error


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


def read_video(path):
    """figures/video.h5, as analysis/video.h has it, and blind_from."""
    file_name = os.path.join(path, "figures", "video.h5")
    if not os.path.exists(file_name):
        return None
    try:
        with h5py.File(file_name, "r") as file:
            blind_from = {"blind_from": int(file["frame"].attrs["blind_from"])} if "frame" in file else {}
            return {name: file[name][:] for name in file} | blind_from
    except (OSError, KeyError) as error:
        raise BadRun(f"{file_name}: {error}") from error
