"""A contact sheet: the first samples of a world, with their labels and boxes, from a file as experiments/stimuli/dump.h describes it.

Of a world of windows each row of the sheet is one sequence as time goes on."""

import h5py
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

SIDE = 8  # tiles each way
GAP = 2  # pixels between tiles
BOX, LABEL = "#FFFFFF", "#000000"


def sheet(path):
    """The file's first 8 x 8 images as a matplotlib figure, 10 inches wide."""
    with h5py.File(path, "r") as file:
        if "window" in file.attrs:
            return film(file)
        images = file["image"][: SIDE**2]
        labels = file["label"][: SIDE**2].astype(int) if "label" in file else None
        boxes = file["box"][: SIDE**2] if "box" in file else None
        kind, split, seed = (file.attrs[name] for name in ("kind", "split", "seed"))
    count, _, height, width = images.shape
    rows = -(-count // SIDE)
    figure, axis = plt.subplots(figsize=(10.0, 0.4 + 10.0 * rows * (height + GAP) / (SIDE * (width + GAP))))
    axis.imshow(mosaic(pixels(images)), interpolation="nearest")
    for number in range(count):
        left, top = number % SIDE * (width + GAP), number // SIDE * (height + GAP)
        if boxes is not None:
            x, y, w, h = boxes[number] * (width, height, width, height)
            for colour, line in ((LABEL, 2.4), (BOX, 1.0)):  # light on dark: seen on any ground
                axis.add_patch(plt.Rectangle((left + x - w / 2 - 0.5, top + y - h / 2 - 0.5), w, h, fill=False, edgecolor=colour, linewidth=line))
        if labels is not None:
            axis.text(left, top, labels[number], fontsize=8, ha="left", va="top", color=BOX, bbox={"facecolor": LABEL, "pad": 1, "linewidth": 0})
    axis.set_title(f"{kind}, {split}, seed {seed}: the first {count} samples" + "".join(
        f", {name}" for name, there in (("labels", labels), ("boxes", boxes)) if there is not None))
    axis.set_axis_off()
    return figure


def film(file):
    """Row by row a sequence, column by column a later moment."""
    kind, split, seed, batch, every = (file.attrs[name] for name in ("kind", "split", "seed", "rows", "every"))
    moments, sequences = min(len(file["image"]) // batch, SIDE), min(batch, SIDE)
    images = np.stack([file["image"][moment * batch : moment * batch + sequences, -1:] for moment in range(moments)], axis=1)
    height, width = images.shape[-2:]
    figure, axis = plt.subplots(figsize=(10.0, 0.4 + 10.0 * sequences * (height + GAP) / (moments * (width + GAP))))
    axis.imshow(mosaic(pixels(images.reshape(-1, 1, height, width)), moments), interpolation="nearest")
    axis.set_title(f"{kind}, {split}, seed {seed}: {sequences} sequences, a row each, from left to right every {every} frames")
    axis.set_axis_off()
    return figure


def pixels(images):
    """(N,C,H,W), standardised or not -> (N,H,W,3) in 0 ... 1: each channel from its least value on the sheet to its greatest. One channel is grey; of
    two or more than three the first is shown."""
    images = np.moveaxis(images, 1, -1)
    images = images if images.shape[-1] == 3 else np.repeat(images[..., :1], 3, axis=-1)
    low, high = images.min((0, 1, 2)), images.max((0, 1, 2))
    return (images - low) / np.maximum(high - low, 1e-12)


def mosaic(images, across=SIDE):
    """(N,H,W,3) -> one picture, tiles in rows of `across` on white."""
    count, height, width, _ = images.shape
    rows = -(-count // across)
    picture = np.ones((rows * (height + GAP) - GAP, across * (width + GAP) - GAP, 3))
    for number, image in enumerate(images):
        top, left = number // across * (height + GAP), number % across * (width + GAP)
        picture[top : top + height, left : left + width] = image
    return picture
