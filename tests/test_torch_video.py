"""The gradients that the video experiment's regions form in time, chunk by chunk, against PyTorch's automatic ones. Skipped where PyTorch is absent.

usage: test_torch_video.py CALLOSUM

A window of two chunks is learnt from, of frames that we made. A checkpoint before a chunk's last frame has the weights that all of the chunk was worked out with; the one
after it has what the predictors were given, the states that they began with, and the optimisers' velocities, which are the gradients, as nothing is kept of those before.
Which row shows which sequence is told by the codes that were recorded.
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

import bench_video_torch
import rundir

BATCH, SIDE, STACK, WINDOW, CHUNK, LEAD = 16, 4, 2, 16, 8, 4
REGIONS, COLUMNS, UNITS, WIDTH, RECURRENT = 2, 2, 2, 2, 6  # a region, a column
OPTIMISER = "{kind: sgd, rate: 0.1, momentum: 0, weight_decay: 0, clip: 0}"  # the velocity is the gradient
EXPERIMENT = f"""
experiment: gradients
batch: {BATCH}
stimulus: {{kind: video, path: frames.h5, window: {WINDOW}, stack: {STACK}, noise: 0}}
regions:
  A: {{kind: global-attention, bottleneck: 5, temperature: 4, optimiser: {OPTIMISER}}}
  V: {{kind: predictive-cortex, count: {REGIONS}, columns: {COLUMNS}, units: {UNITS}, width: {WIDTH}, hidden: 7, encoder: 5, recurrent: {RECURRENT}, optimiser: {OPTIMISER}}}
projections:
  sight:   {{from: stimulus, to: V.*, take: view1}}
  memory:  {{from: V.*, to: V.*, take: cache, delay: {LEAD}}}
  codes:   {{from: V.*, to: A, take: [e, p]}}
  context: {{from: A, to: V.*, role: context, negatives: weighted, groups: 8, tau: 10, chunk: {CHUNK}}}
phases:
  train: {{steps: {WINDOW}, learn: all, mixing: alternate, record: {{V.*: [e, p]}}}}
variants:
  only: {{}}
checkpoint: {{every: 1, keep: {WINDOW + 2}}}
"""
CORTEX = {name: name.lower() for name in bench_video_torch.CORTEX}
TURNED = {"W1": (1, 0), "W2": (1, 2, 0), "Wx": (1, 2, 0), "Wh": (0, 2, 1)}  # of a column: ours have the inputs first
ATTENTION = {"A": "g.w", "a": "g.b", "Bq": "query.w", "bq": "query.b", "T": "temperature"}


def write_frames(path):
    """Sequences as long as one window, so that where windows begin is no question. -> (sequence, frame, pixels), as the world shows them."""
    frames = np.random.default_rng(1).integers(0, 256, (BATCH, WINDOW + STACK - 1, SIDE, SIDE), dtype=np.uint8)
    with h5py.File(path, "w") as file:
        for prefix in ("", "test_"):
            file[prefix + "images"] = frames.reshape(-1, 1, SIDE, SIDE)
            file[prefix + "lengths"] = np.full(BATCH, WINDOW + STACK - 1)
    return ((frames - frames.mean()) / frames.std()).reshape(*frames.shape[:2], -1)


class Gradients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.frames = write_frames(os.path.join(cls.folder, "frames.h5"))
        with open(os.path.join(cls.folder, "gradients.yaml"), "w", encoding="utf-8") as file:
            file.write(EXPERIMENT)
        command = [CALLOSUM, "run", "gradients.yaml", "--single", "--out", "."]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60, cwd=cls.folder)
        cls.run_dir = os.path.join(cls.folder, "only", "seed-1")
        cls.rows = cls.sequences_of_rows()

    @classmethod
    def read(cls, step, region, name):
        with h5py.File(os.path.join(cls.run_dir, "checkpoint", f"step-{step:09d}", region + ".h5")) as file:
            return file["state/" + name][()]

    @classmethod
    def cortex(cls, step, name, suffix=""):
        """An array of all columns, one after the other."""
        return [cls.read(step, f"V.{region}", f"{name}.{column}{suffix}") for region in range(REGIONS) for column in range(COLUMNS)]

    @classmethod
    def turned(cls, step, name, suffix=""):
        """The arrays of all columns, axes in PyTorch's order."""
        shapes = [w.shape for w in cls.cortex(step, CORTEX[name])]
        arrays = [w.reshape(shape) for w, shape in zip(cls.cortex(step, CORTEX[name], suffix), shapes)]
        return [w.transpose(TURNED[name]) if name in TURNED else w for w in arrays]

    @classmethod
    def recorded(cls, variable):
        """(frame, row, units x width)"""
        found = [rundir.read_report(name, region) for name, region in rundir.reports(cls.run_dir, "train", variable)]
        return np.hstack(found).reshape(WINDOW, BATCH, -1)

    @classmethod
    def seen(cls, frame):
        """(sequence, inputs) of a frame of the window."""
        return cls.frames[:, frame : frame + STACK].reshape(BATCH, -1)

    @classmethod
    def weights(cls, step):
        found = {name: (np.stack if name in ("W1", "b1") else np.concatenate)(cls.turned(step, name)) for name in CORTEX}
        found |= {name: cls.read(step, "A", ours) for name, ours in ATTENTION.items()}
        units = len(found["W2"])
        found["Bq"], found["bq"] = found["Bq"].reshape(units, -1, found["Bq"].shape[-1]), found["bq"].reshape(units, -1)
        return found

    @classmethod
    def encode(cls, weights, frame):
        e = bench_video_torch.encode(torch, {name: torch.tensor(w, dtype=torch.float64) for name, w in weights.items()}, torch.tensor(cls.seen(frame)))
        return e.transpose(0, 1).flatten(1).numpy()

    @classmethod
    def sequences_of_rows(cls):
        theirs, ours = cls.encode(cls.weights(1), 0), cls.recorded("e")[0]
        return np.abs(ours[:, None] - theirs[None]).max(2).argmin(1)

    def test_rows_show_all_sequences(self):
        self.assertEqual(sorted(self.rows), list(range(BATCH)))
        np.testing.assert_allclose(self.encode(self.weights(1), 5)[self.rows], self.recorded("e")[5], atol=1e-5)

    def chunk(self, first, last):
        """Gradients of frames first ... last - 1 of the window."""
        weights, slot = self.weights(last - 1), first % CHUNK
        states = np.stack([h[slot] for h in self.cortex(last, "h")])  # (C, B, units x R)
        states = states.reshape(-1, BATCH, UNITS, RECURRENT).swapaxes(1, 2).reshape(-1, BATCH, RECURRENT)
        memory = self.read(last, "V.0", "memory").reshape(CHUNK, BATCH, -1)[slot:]
        x = np.stack([self.seen(frame)[self.rows] for frame in range(first, last)])
        _, gradients = bench_video_torch.reference(torch, weights, x, memory, states)
        for name in CORTEX:
            self.compare(name, np.concatenate(self.turned(last, name, ".m")), gradients[name])
        for name, ours in ATTENTION.items():
            self.compare(name, -self.read(last, "A", ours + ".m"), gradients[name])  # attention climbs

    def test_first_chunk(self):
        self.chunk(LEAD, CHUNK)

    def test_second_chunk_goes_on_from_the_first(self):
        self.chunk(CHUNK, WINDOW)

    def test_memory_is_what_was_seen_and_predicted_in_turn(self):
        memory = self.read(WINDOW, "V.0", "memory").reshape(CHUNK, BATCH, -1)
        e, p = self.recorded("e"), self.recorded("p")
        for k in range(CHUNK):
            frame = CHUNK + k - LEAD
            np.testing.assert_array_equal(memory[k], (p if frame % 2 else e)[frame])

    def compare(self, name, ours, theirs):
        norm = np.linalg.norm(theirs)
        self.assertGreater(norm, 1e-4, f"{name}: the gradient is nothing, which tests nothing")
        self.assertLess(np.linalg.norm(ours.reshape(theirs.shape) - theirs), 1e-4 * norm, name)


if __name__ == "__main__":
    unittest.main()
