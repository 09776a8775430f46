"""Statistics of the synapses of finished runs, and of what their units do.

usage: ./run weights DIR

DIR is a run or a comparison. Per group of regions (P: P.0, P.1 ...) and array of synapses: how many there are, which changed sign or appeared since birth,
and how they are distributed. Per group whose activity was recorded on held-out samples: how sparse and selective it is. Goes to
weights.json of each run and, as a table, to stdout; of a comparison mean and sample deviation over seeds, and the numbers in DIR/weights.csv.
"""

import argparse
import json
import math
import os
import sys

import numpy as np

import rundir
import several

SILENT = 1e-3  # share of what a unit gets in all, below which a synapse is silent
ACTIVE = 0.01  # above it a unit is active


def normal_distance(x):
    """Kolmogorov-Smirnov distance of x from a normal distribution of its mean and standard deviation."""
    x = np.sort(np.asarray(x, dtype=float))
    if len(x) < 2 or x.std() == 0:
        return np.nan
    below = np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in (x - x.mean()) / x.std()])
    steps = np.arange(len(x) + 1) / len(x)
    return max(np.max(steps[1:] - below), np.max(below - steps[:-1]))


def moment(x, order):
    """Of x with mean 0 and deviation 1: 3 is its skew, 4 its kurtosis."""
    x = np.asarray(x, dtype=float)
    spread = x.std() if len(x) else 0
    return float(np.mean(((x - x.mean()) / spread) ** order)) if spread > 0 else np.nan


def heard(array):
    """Which synapses are not silent."""
    magnitude = np.abs(array["w"].astype(float))
    received = np.bincount(array["unit"], magnitude, array["units"])
    return (magnitude > 0) & (magnitude >= SILENT * received[array["unit"]])


def changes(array):
    """(how many synapses have another sign than at birth, how many were not there at birth)."""
    there, born = array["w"] != 0, array["first"] != 0
    order = np.argsort(array["first_places"][born], kind="stable")
    places, signs = array["first_places"][born][order], np.sign(array["first"][born])[order]
    if len(places) == 0:
        return 0, int(there.sum())
    at = np.minimum(np.searchsorted(places, array["places"][there]), len(places) - 1)
    old = places[at] == array["places"][there]
    return int(np.sum(np.sign(array["w"][there])[old] != signs[at][old])), int(np.sum(~old))


def synapses(array):
    """What there is to say of one array of rundir.read_arrays: {name: number}."""
    there = array["w"] != 0
    magnitude = np.abs(array["w"][there]).astype(float)
    logarithm = np.log(magnitude)
    flipped, appeared = changes(array)
    return {
        "synapses": int(there.sum()), "born": int(np.sum(array["first"] != 0)), "not_silent": int(heard(array).sum()),
        "density": float(there.sum() / (array["units"] * array["inputs"])), "negative": int(np.sum(array["w"] < 0)), "sign_changes": flipped, "appeared": appeared,
        "skew": moment(magnitude, 3), "skew_log": moment(logarithm, 3), "kurtosis_log": moment(logarithm, 4) - 3, "ks": normal_distance(magnitude), "ks_log": normal_distance(logarithm),
        "sd_log": float(logarithm.std()) if len(logarithm) else np.nan,
    }


def sparseness(rates):
    """1 - mean(r)^2 / mean(r^2) of each row (Treves and Rolls 1991), 0 of equal rates, and near 1 of a single one; rows of nothing are left out."""
    square, mean = np.mean(rates**2, 1), np.mean(rates, 1)
    return float(np.mean(1 - mean[square > 0] ** 2 / square[square > 0])) if np.any(square > 0) else np.nan


def selectivity(rates, labels):
    """Mean over units of (best - others) / (best + others), best the class with the highest mean rate, others the mean over the rest (Morcos et al. 2018)."""
    of_class = np.array([rates[labels == label].mean(0) for label in np.unique(labels)])
    if len(of_class) < 2:
        return np.nan
    best = of_class.max(0)
    others = (of_class.sum(0) - best) / (len(of_class) - 1)
    live = best + others > 0
    return float(np.mean((best[live] - others[live]) / (best[live] + others[live]))) if np.any(live) else np.nan


def activity(rates, labels):
    rates = np.maximum(np.asarray(rates, dtype=np.float64), 0)  # of units that can be negative, what is above 0
    found = {"sparseness": sparseness(rates), "sparseness_lifetime": sparseness(rates.T), "active": float(np.mean(rates > ACTIVE))}
    if labels is not None:
        found["selectivity"] = selectivity(rates, labels)
    return found


def read_rates(path, phase, variable):
    """{group: frames x units} of what was recorded in the phase, the regions of a group side by side."""
    rates = {}
    for file_name, region in rundir.reports(path, phase, variable):
        rates.setdefault(rundir.group_of(region), []).append(rundir.read_report(file_name, region))
    return {group: np.hstack(parts) for group, parts in rates.items()}


def measure(path):
    """All of one run, {"P.w.synapses": n ...}; from figures/weights.h5, which the program has written."""
    found = {}
    for (group, array), values in (rundir.read_arrays(path) or {}).items():
        found |= {f"{group}.{array}.{key}": value for key, value in synapses(values).items()}
    phase, variable, labels = rundir.read_shown(path)
    for group, rates in (read_rates(path, phase, variable) if phase else {}).items():
        found |= {f"{group}.{key}": value for key, value in activity(rates, labels).items()}
    return {key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in found.items()}


def main(arguments):
    parser = argparse.ArgumentParser(prog="./run weights", description="Statistics of the synapses of finished runs, and of what their units do.")
    parser.add_argument("dir", help="a run's folder, or that of a comparison")
    options = parser.parse_args(arguments)

    def one(folder):
        several.program("weights", folder)
        found = measure(folder)
        several.write(os.path.join(folder, "weights.json"), json.dumps(found, indent=1) + "\n")
        return found

    several.over_runs("weights", options.dir, one)


if __name__ == "__main__":
    main(sys.argv[1:])
