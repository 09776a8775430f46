"""A pipeline of two equal stages, a core each, against the same chain in one process on one core, by the program as users run it.

usage: ./run bench, which calls it with the number of cores

The second stage works on what the first one sent a step ago, so both work all the time; the bits are those of the single process. Batches a second in pairs of runs, in
turns, for the machine may be shared: the median pair, and the lowest and highest ratio. 2 would be ideal; the second process looks at a map that it has
to fetch first, 9 products a value and map: the more maps, the less that weighs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BATCH, PAIRS = 128, 5
SHAPES = ((16, 32, 100), (32, 16, 150), (64, 16, 60), (128, 8, 80))  # maps in and out, side, steps


def write_experiment(folder, maps, side, steps):
    """Images that have as many channels as the stages have maps, so that both stages do the same work."""
    rng = np.random.default_rng(1)
    images = os.path.join(folder, "images.h5")
    with h5py.File(images, "w") as file:
        file["images"] = rng.standard_normal((4 * BATCH, maps, side, side), dtype=np.float32)
        file["labels"] = rng.integers(0, 10, 4 * BATCH, dtype=np.int32)
    stage = f"{{kind: stage, channels: {maps}, beta: 0.1, optimiser: {{kind: adam, rate: 0.002, weight_decay: 0, schedule: cosine}}}}"
    experiment = os.path.join(folder, "pipeline.yaml")
    with open(experiment, "w", encoding="utf-8") as file:
        file.write(f"""
experiment: pipeline
batch: {BATCH}
stimulus: {{kind: file, path: '{images}', views: 0}}
regions: {{S1: {stage}, S2: {stage}}}
projections:
  sight:  {{from: stimulus, to: S1}}
  chain:  {{chain: [S1, S2], delay: 1}}
  labels: {{from: stimulus, to: S*, role: context, take: [label]}}
phases: {{learn: {{steps: {steps}, learn: all}}}}
""")
    return experiment


def run(experiment, *options):
    """The summary of a run."""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([os.path.join(ROOT, "run"), experiment, *options, "--out", out], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "default", "seed-1", "summary.json"), encoding="utf-8") as file:
            return json.load(file)


def bench(maps, side, steps):
    with tempfile.TemporaryDirectory() as folder:
        experiment = write_experiment(folder, maps, side, steps)
        pairs = [(run(experiment, "--single"), run(experiment)) for _ in range(PAIRS)]
    if any(one["ledger"]["checksum"] != two["ledger"]["checksum"] for one, two in pairs):
        sys.exit("bench_pipeline: the two processes computed something else than the one")
    ratios = [two["samples_per_s"] / one["samples_per_s"] for one, two in pairs]
    speed = [statistics.median(pair[i]["samples_per_s"] for pair in pairs) / BATCH for i in range(2)]
    wait = statistics.median(two["wait_share"] for _, two in pairs)
    print(f"pipeline, 2 stages of {maps:2} -> {maps} maps of {side} x {side}: 1 core {speed[0]:5.1f} batches/s, 2 cores {speed[1]:5.1f}, "
          f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} in {PAIRS} pairs), waiting {100 * wait:.0f} %", flush=True)


def main(arguments):
    if int(arguments[0]) < 2:
        print("pipeline skipped: needs two cores")
        return
    for shape in SHAPES:
        bench(*shape)


if __name__ == "__main__":
    main(sys.argv[1:])
