"""Whole steps of the patch experiment, by the program as users run it, against the same objective in PyTorch on as many cores.

usage: ./run bench, which calls it

Samples a second: the program's own `samples_per_s` (learning steps, without checkpoints and recording); PyTorch's from analysis/bench_torch.py, with one
thread or with as many as cores, whichever is faster. Each is the best of two, in turns: the machine may be shared.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STEPS = {128: 200, 512: 40}  # by batch


def program(batch, cores):
    """Samples a second on so many ranks, each with its share of the nine regions."""
    where = ["--single"] if cores == 1 else ["--ranks", str(cores)]
    with tempfile.TemporaryDirectory() as out:
        settings = [f"batch={batch}", f"phases.train.steps={STEPS[batch]}", "phases.probe.steps=0", "checkpoint.every=0"]
        command = [os.path.join(ROOT, "run"), os.path.join(ROOT, "experiments", "bhn-patches.yaml"), "--out", out, *where]
        subprocess.run(command + [word for setting in settings for word in ("--set", setting)], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "minimax", "seed-1", "summary.json"), encoding="utf-8") as file:
            return json.load(file)["samples_per_s"]


def pytorch(batch, threads):
    command = [sys.executable, os.path.join(ROOT, "analysis", "bench_torch.py"), "--batch", str(batch), "--threads", str(threads)]
    line = subprocess.run(command + ["--steps", str(max(5, STEPS[batch] // 8))], check=True, capture_output=True, text=True).stdout
    return float(re.search(r"([\d.]+) samples/s", line).group(1))


def main(arguments):
    available = int(arguments[0]) if arguments else 1
    has_pytorch = importlib.util.find_spec("torch") is not None
    if not has_pytorch:
        print("PyTorch skipped: python3-torch is not installed")
    for batch in STEPS:
        theirs = 0.0
        for cores in (1, 2)[:available]:
            ours = 0.0
            for _ in range(2):
                ours = max(ours, program(batch, cores))
                theirs = max(theirs, pytorch(batch, cores) if has_pytorch else 0.0)
            line = f"whole step, batch {batch:3}, {cores} core{'s' * (cores > 1)}: {ours:6.0f} samples/s"
            if has_pytorch:
                line += f", PyTorch {theirs:6.0f}, ratio {ours / theirs:.1f}"
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
