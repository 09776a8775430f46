"""How much memory a stage's process needs, beside the same net end to end in one region: the two greedy-dib experiments, by the program as users run it.

usage: ./run bench, which calls it

Per rank and at its highest, each less what a region that does nothing needs in the same world (its copy of the stimulus, MPI, the libraries): what `callosum check` predicts, what
the program asked for, and what the system held (resident). The chain is the variant `pipeline`, where every stage has a process and messages wait a step. Pictures are noise of the
real ones' shape: the numbers do not depend on them.
"""

import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CALLOSUM = os.path.join(ROOT, "build", "callosum")
SHAPES = {"greedy-dib-mnist": (1, 28, 28), "greedy-dib-cifar10": (3, 32, 32)}
BATCH, IMAGES = 128, 768
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def write_images(path, shape):
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for prefix in ("", "test_"):
            file[prefix + "images"] = rng.integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
            file[prefix + "labels"] = rng.integers(0, 10, IMAGES, dtype=np.int32)


def write_idle(path, images, count):
    """The same world, watched by regions that do nothing."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"""
experiment: idle
batch: {BATCH}
stimulus: {{kind: file, path: '{images}'}}
regions: {{N: {{kind: "null", count: {count}}}}}
projections: {{sight: {{from: stimulus, to: N.*}}}}
phases: {{learn: {{steps: 4, learn: all}}}}
""")


def memory(experiment, *options):
    """Bytes of each rank: [predicted, asked for, resident]."""
    lines = subprocess.run([CALLOSUM, "check", experiment, *options], check=True, capture_output=True, text=True).stdout.split("\nrank ")[-1].splitlines()[1:]
    predicted = [float(number) * UNITS[unit] for _, number, unit in map(str.split, lines)]
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([os.path.join(ROOT, "run"), experiment, *options, "--out", out], check=True, stdout=subprocess.DEVNULL)
        path = next(os.path.join(folder, "summary.json") for folder, _, files in os.walk(out) if "summary.json" in files)
        with open(path, encoding="utf-8") as file:
            summary = json.load(file)
    return np.array([predicted, summary["memory_rank_bytes"], summary["resident_rank_bytes"]]).T


def bench(name):
    experiment = os.path.join(ROOT, "experiments", f"{name}.yaml")
    with tempfile.TemporaryDirectory() as folder:
        images, idle = os.path.join(folder, "images.h5"), os.path.join(folder, "idle.yaml")
        write_images(images, SHAPES[name])
        rows = []
        for variant in ("pipeline", "backprop"):
            used = memory(experiment, "--variant", variant, "--set", f"stimulus.path={images}", "--set", "stimulus.limit=0")
            write_idle(idle, images, len(used))
            rows.append((used - memory(idle)) / UNITS["MiB"])
    stages, net = rows[0], rows[1][0]
    print(f"memory, {name}, batch {BATCH}, MiB a rank above one that idles: predicted, asked for, resident")
    for i, row in enumerate(stages):
        print(f"  stage {i + 1}        " + "".join(f"{value:9.1f}" for value in row))
    print("  end to end     " + "".join(f"{value:9.1f}" for value in net))
    print("  largest stage, as part of end to end" + "".join(f" {value:.2f}" for value in stages.max(axis=0) / net), flush=True)


def main():
    for name in SHAPES:
        bench(name)


if __name__ == "__main__":
    sys.exit(main())
