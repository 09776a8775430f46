"""One stage's step, by the program as users run it, against the same in eager PyTorch, both on one thread.

usage: ./run bench, which calls it

A stage is convolution, batch norm, ReLU, max-pool, a classifier on 4 x 4 block averages and the entropy bottleneck (alpha 2, beta 0.1), learnt by Adam. Milliseconds a
step at batch 128; each is the best of three, in turns: the machine may be shared.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BATCH, CLASSES, BETA, KERNEL = 128, 10, 0.1, 8.0
SHAPES = ((1, 16, 32), (3, 32, 32), (32, 64, 16))  # maps in, maps out, side
STEPS = 40


def program(folder, inputs, outputs, side):
    """Milliseconds a step of the program, the making of the stimulus included."""
    images = os.path.join(folder, f"{inputs}.h5")
    if not os.path.exists(images):
        rng = np.random.default_rng(1)
        with h5py.File(images, "w") as file:
            file["images"] = rng.standard_normal((4 * BATCH, inputs, side, side), dtype=np.float32)
            file["labels"] = rng.integers(0, CLASSES, 4 * BATCH, dtype=np.int32)
    experiment = os.path.join(folder, "stage.yaml")
    with open(experiment, "w", encoding="utf-8") as file:
        file.write(f"""
experiment: stage
batch: {BATCH}
stimulus: {{kind: file, path: '{images}', views: 0}}
regions: {{S: {{kind: stage, channels: {outputs}, pool: 2, beta: {BETA}, classes: {CLASSES},
  optimiser: {{kind: adam, rate: 0.002, weight_decay: 0, schedule: cosine}}}}}}
projections: {{sight: {{from: stimulus, to: S}}, labels: {{from: stimulus, to: S, role: context, take: [label]}}}}
phases: {{learn: {{steps: {STEPS}, learn: all}}}}
""")
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([os.path.join(ROOT, "run"), experiment, "--single", "--out", out], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "default", "seed-1", "summary.json"), encoding="utf-8") as file:
            return 1e3 * BATCH / json.load(file)["samples_per_s"]


def pytorch(torch, inputs, outputs, side):
    """Milliseconds a step in PyTorch, on pictures that are there already."""
    nn, functional = torch.nn, torch.nn.functional
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    body = nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))
    head = nn.Linear(16 * outputs, CLASSES)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=2e-3)
    x, labels = torch.randn(BATCH, inputs, side, side), torch.randint(0, CLASSES, (BATCH,))
    times = []
    for _ in range(5 + STEPS):
        start = time.perf_counter()
        pooled = functional.adaptive_avg_pool2d(body(x), 4).flatten(1)
        rows = pooled / (pooled.norm(dim=1, keepdim=True) + 1e-6)
        entropy = -torch.log2(torch.exp(KERNEL * (rows @ rows.T - 1)).sum() / BATCH**2) / np.log2(BATCH)
        loss = functional.cross_entropy(head(pooled), labels) + BETA * entropy
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        times.append(time.perf_counter() - start)
    return 1e3 * sorted(times[5:])[STEPS // 2]


def main():
    if importlib.util.find_spec("torch"):
        os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # before the library starts
        import torch
    else:
        torch = None
        print("PyTorch skipped: python3-torch is not installed")
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            ours = theirs = float("inf")
            for _ in range(3):
                ours = min(ours, program(folder, *shape))
                theirs = min(theirs, pytorch(torch, *shape)) if torch else theirs
            line = f"stage step, {shape[0]:2} -> {shape[1]} maps of {shape[2]} x {shape[2]}, 1 core: {ours:5.1f} ms"
            print(line + (f", PyTorch {theirs:5.1f} ms, ratio {theirs / ours:.1f}" if torch else ""), flush=True)


if __name__ == "__main__":
    sys.exit(main())
