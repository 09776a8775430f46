"""made_digits.py OUT.h5 - a small file in the place of data/mnist.h5, where no network is: ten blurred patterns in noise, 28 x 28."""

import sys

import h5py
import numpy as np


def draw(patterns, count, rng):
    label = rng.integers(0, len(patterns), count)
    return np.uint8(255 * np.clip(patterns[label] + 0.2 * rng.normal(size=(count, 28, 28)), 0, 1))[:, None], label


random = np.random.default_rng(1)
made = random.random((10, 7, 7)).repeat(4, 1).repeat(4, 2)
with h5py.File(sys.argv[1], "w") as file:
    for prefix in ("", "test_"):
        file[prefix + "images"], file[prefix + "labels"] = draw(made, 1200, random)
