"""The gradients that the running program forms, across processes' borders, against PyTorch's automatic ones. Skipped where PyTorch is absent.

usage: test_torch.py CALLOSUM

One presentation is learnt with a delay of a step between cortex and attention. The checkpoint after the first step then holds the first weights and, on
the tapes in flight, what the cortex saw; the one after the second holds the optimisers' velocities, which are the gradients, as decay is 0.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CALLOSUM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
if not importlib.util.find_spec("torch"):
    print("skipped: python3-torch is not installed")
    sys.exit(77)
sys.path.insert(0, os.path.join(ROOT, "analysis"))
import torch

import bench_torch

EXPERIMENT = """
experiment: gradients
batch: 24
stimulus: {kind: dead-leaves, size: 256, patch: 6, views: 2, noise: 0.1}
regions:
  V: {kind: cortex, count: 3, units: 4, hidden: 7, optimiser: {weight_decay: 0}}
  attention: {kind: attention, optimiser: {weight_decay: 0}}
projections:
  sight: {from: stimulus, to: V.*}
  codes: {from: V.*, to: attention, delay: 1}
  context: {from: attention, to: V.*, role: context, negatives: predictor}
phases:
  train: {steps: 1, learn: all}
variants:
  only: {}
checkpoint: {every: 1, keep: 2}
"""
NAMES = {"A": "w1", "a": "b1", "v": "w2", "c": "b2"}
ATTENTION_NAMES = {"W1": "w1", "b1": "b1", "w2": "w2", "b2": "b2", "tau": "tau"}


class Gradients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        path = os.path.join(cls.folder.name, "gradients.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(EXPERIMENT)
        subprocess.run([CALLOSUM, "run", path, "--single", "--out", cls.folder.name], check=True, stdout=subprocess.DEVNULL, timeout=60)

    def read(self, step, region, name):
        path = os.path.join(self.folder.name, "only", "seed-1", "checkpoint", f"step-{step:09d}", region + ".h5")
        with h5py.File(path) as file:
            return file[name][()]

    def cortex(self, step, name):
        """An array of all cortex regions, units one after the other."""
        return np.concatenate([self.read(step, f"V.{i}", name) for i in range(3)])

    def test_against_pytorch(self):
        weights = {name: self.cortex(1, "state/" + ours) for name, ours in NAMES.items()}
        weights |= {name: self.read(1, "attention", "state/" + ours) for name, ours in ATTENTION_NAMES.items()}
        x1, x2 = np.split(self.read(1, "V.0", "tape/0/x"), 2)
        self.assertFalse(np.array_equal(x1, x2))
        np.testing.assert_array_equal(self.read(1, "V.0", "tape/0/x"), self.read(1, "V.2", "tape/0/x"))
        _, gradients = bench_torch.reference(torch, weights, x1, x2)
        for name, ours in NAMES.items():
            self.compare(name, self.cortex(2, f"state/{ours}.m"), gradients[name])
        for name, ours in ATTENTION_NAMES.items():
            self.compare(name, -self.read(2, "attention", f"state/{ours}.m"), gradients[name])  # attention climbs

    def compare(self, name, ours, theirs):
        norm = np.linalg.norm(theirs)
        if name != "c":  # all distances stay when a unit's codes are shifted together: its gradient is 0
            self.assertGreater(norm, 1e-3, f"{name}: the gradient is nothing, which tests nothing")
        self.assertLess(np.linalg.norm(ours.reshape(theirs.shape) - theirs), 1e-5 * norm + 1e-7, name)


if __name__ == "__main__":
    unittest.main()
