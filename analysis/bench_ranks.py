"""What more ranks than cores cost: the patch experiment's 64 units as 32 regions in 33 processes, against as 2 regions in 3, and as 32 regions in 2.

usage: ./run bench ranks, which calls it; --short: a turn of ten steps, to see that it runs

Every step does the same work on the same samples, but for the stimulus, which every process that sees it makes for itself. So the ratio of steps a second stands twice: as it is,
and with the stimulus set apart, which takes (processes that see it) x (what one batch takes in the run with 3 processes) / 2 of each step on 2 cores. Runs take turns; the
median turn stands there, with the lowest and the highest.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNITS, CORES = 64, 2
# regions, options, processes that make a stimulus
CASES = {"3 ranks": (2, [], 2), "33 ranks": (32, [], 32), "32 regions on 2 ranks": (32, ["--ranks", "2"], 2)}


def run(regions, options, steps):
    """Seconds of a step, and of a batch of the stimulus where one is made."""
    with tempfile.TemporaryDirectory() as out:
        settings = [f"regions.V.count={regions}", f"regions.V.units={UNITS // regions}", f"phases={{train: {{steps: {steps}, learn: all}}}}", "checkpoint.every=0"]
        command = [os.path.join(ROOT, "run"), os.path.join(ROOT, "experiments", "bhn-patches.yaml"), "--variant", "minimax", "--out", out, *options]
        subprocess.run(command + [word for setting in settings for word in ("--set", setting)], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "minimax", "seed-1", "summary.json"), encoding="utf-8") as file:
            summary = json.load(file)
    return summary["batch"] / summary["samples_per_s"], summary["phases"][0]["stimulus"]["max"] / steps


def without(turn, name):
    """Seconds of a step but for the stimulus."""
    return turn[name][0] - CASES[name][2] * turn["3 ranks"][1] / CORES


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main(arguments):
    if not arguments or int(arguments[0]) < CORES:
        print(f"more ranks than cores: skipped, needs {CORES} cores")
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # what we start has no more, however many there are
    n_turns, steps = (1, 10) if "--short" in arguments else (3, 100)
    turns = [{name: run(regions, options, steps) for name, (regions, options, _) in CASES.items()} for _ in range(n_turns)]
    for name in CASES:
        line = f"more ranks than cores, {name:21}, {CORES} cores: {1e3 * statistics.median(turn[name][0] for turn in turns):6.1f} ms a step"
        if name != "3 ranks":
            work = [turn["3 ranks"][0] / turn[name][0] for turn in turns]
            apart = [without(turn, "3 ranks") / without(turn, name) for turn in turns]
            line += f", {spread(work)} of the work a second of 3 ranks, {spread(apart)} without the stimulus"
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
