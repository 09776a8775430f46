"""The figures of a report, drawn from runs as analysis/rundir.py reads them.

Each function takes [Run] and returns a matplotlib figure, or None where the runs hold nothing to draw. Sizes are in inches, made to be read at
100 % on a page 10 inches wide.
"""

import re

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

WIDTH = 10.0
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe and Ito: safe for the colour-blind
PARTS = {"compute": "#0072B2", "stimulus": "#56B4E9", "wait": "#D9D9D9", "transfer": "#E69F00", "record": "#009E73", "checkpoint": "#CC79A7"}
OTHER = "#F2F2F2"

plt.rcParams.update({
    "figure.dpi": 100, "savefig.dpi": 150, "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.color": "#E5E5E5", "axes.axisbelow": True, "legend.frameon": False,
    "figure.constrained_layout.use": True,
})


def learning(runs):
    """Loss and adversary gain over the learning steps. One run: a line a region. Several: a line a variant, the mean over regions and seeds,
    in a band from the least to the greatest."""
    names = [n for n in ("loss", "gain_train") if any(n in m for run in runs for m in run.metrics.values())]
    if not names:
        return None
    lines = region_lines if len(runs) == 1 else variant_lines
    figure, axes = plt.subplots(len(names), 1, sharex=True, squeeze=False, figsize=(WIDTH, 0.6 + 2.5 * len(names)))
    titles = {"loss": "Loss", "gain_train": "Adversary gain: loss less that of uniform negatives on the same batch"}
    for axis, name in zip(axes[:, 0], names):
        lines(axis, runs, name)
        axis.set(title=titles[name], ylabel=f"{'loss' if name == 'loss' else 'gain'} (nats)")
        axis.margins(x=0.01)
        if name == "gain_train":
            axis.axhline(0, color="#666666", linewidth=0.8)
    axes[-1, 0].set_xlabel("step")
    axes[0, 0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def series(metrics, name):
    """(steps, values) of one region where the metric is a number."""
    if name not in metrics:
        return np.empty(0), np.empty(0)
    kept = np.isfinite(metrics[name])
    return metrics["step"][kept], metrics[name][kept]


def region_lines(axis, runs, name):
    """Replicas (V.0, V.1, ...) in shades of one scale, every other region in a colour of its own."""
    metrics = runs[0].metrics
    replicas = [region for region in metrics if re.search(r"\.\d+$", region)]
    colours = dict(zip(replicas, plt.get_cmap("viridis")(np.linspace(0, 0.9, max(len(replicas), 2)))))
    colours |= dict(zip((region for region in metrics if region not in colours), COLOURS[1:] * len(metrics)))
    for region in metrics:
        step, value = series(metrics[region], name)
        if len(step):
            axis.plot(step, value, color=colours[region], linewidth=1.2 if region in replicas else 1.8, label=region)


def variant_lines(axis, runs, name):
    for number, variant in enumerate(variants_of(runs)):
        curves = [series(m, name) for run in runs if run.summary["variant"] == variant for m in run.metrics.values()]
        curves = [xy for xy in curves if len(xy[0])]
        if not curves:
            continue
        step = max((xy[0] for xy in curves), key=len)
        values = np.array([np.interp(step, *xy) for xy in curves])
        colour = COLOURS[number % len(COLOURS)]
        axis.fill_between(step, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
        axis.plot(step, values.mean(0), color=colour, linewidth=1.5, label=variant)


def variants_of(runs):
    return list(dict.fromkeys(run.summary["variant"] for run in runs))


def first_of_each_variant(runs):
    return [next(run for run in runs if run.summary["variant"] == variant) for variant in variants_of(runs)]


def panels(count, height):
    """Equal panels in rows of at most three; four stand two by two. `height` in widths."""
    columns = 2 if count == 4 else min(count, 3)
    rows = -(-count // columns)
    share = WIDTH / max(columns, 2)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=(share * columns, rows * share * height))
    for axis in axes.flat[count:]:
        axis.set_axis_off()
    return figure, axes.flat[:count]


def preferred(runs):
    """Preferred stimuli of all units, variants side by side. Each tile is scaled by itself, symmetric about zero."""
    shown = [run for run in first_of_each_variant(runs) if run.sheet is not None]
    if not shown:
        return None
    figure, axes = panels(len(shown), 1.0)
    for axis, run in zip(axes, shown):
        picture, names, pitch = tile(run.sheet, region_sizes(run))
        image = axis.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        axis.set_title(f"{run.label}: {len(run.sheet)} units")
        axis.set_yticks([(row + 0.5) * pitch[0] for row, _ in names], [name for _, name in names])
        axis.set_xticks([])
        axis.tick_params(length=0)
        axis.grid(False)
        axis.spines[:].set_visible(False)
        width = run.sheet.shape[2]
        y = picture.shape[0] + 0.35 * pitch[0]
        axis.plot([1, 1 + width], [y, y], color="black", linewidth=2.5, solid_capstyle="butt", clip_on=False)
        axis.text(2.5 + width, y, f"{width} pixels", va="center", ha="left", fontsize=9)
        axis.set_ylim(picture.shape[0] + 0.8 * pitch[0], -0.5)
    bar = figure.colorbar(image, ax=list(axes), shrink=0.5, pad=0.02, aspect=25)
    bar.set_ticks([-1, 0, 1], labels=["−max", "0", "+max"])
    bar.set_label("intensity, each tile by its own largest")
    return figure


def tile(sheet, sizes):
    """Units as tiles with a margin of white: -> picture, [(row of tiles, region)], tile pitch. A row of tiles a region when the regions are of one
    size and there is more than one, else as square as can be."""
    units, height, width = sheet.shape
    by_region = len(sizes) > 1 and len(set(sizes.values())) == 1 and sum(sizes.values()) == units and max(sizes.values()) <= 16
    columns = next(iter(sizes.values())) if by_region else int(np.ceil(np.sqrt(units)))
    rows = -(-units // columns)
    gap = max(1, width // 10)
    picture = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap), np.nan)
    for unit, one in enumerate(sheet):
        y, x = gap + unit // columns * (height + gap), gap + unit % columns * (width + gap)
        picture[y : y + height, x : x + width] = one / (np.abs(one).max() or 1.0)
    names = list(enumerate(sizes)) if by_region else []
    return picture, names, (height + gap, width + gap)


def region_sizes(run):
    return {region: codes.shape[1] for region, codes in run.codes.items()}


def correlation(runs):
    """|Correlation| between all units over the recorded probe, regions ruled off."""
    shown = [run for run in first_of_each_variant(runs) if run.codes]
    if not shown:
        return None
    figure, axes = panels(len(shown), 1.15)
    for axis, run in zip(axes, shown):
        matrix = np.abs(unit_correlation(np.hstack(list(run.codes.values()))))
        off_diagonal = matrix[~np.eye(len(matrix), dtype=bool)]
        image = axis.imshow(matrix, cmap="magma_r", vmin=0, vmax=1, interpolation="nearest")
        sizes = region_sizes(run)
        ends = np.cumsum(list(sizes.values()))
        for end in ends[:-1]:
            axis.axhline(end - 0.5, color="white", linewidth=0.8)
            axis.axvline(end - 0.5, color="white", linewidth=0.8)
        axis.set_yticks(ends - np.array(list(sizes.values())) / 2 - 0.5, list(sizes))
        axis.set_xticks(ends - np.array(list(sizes.values())) / 2 - 0.5, list(sizes), rotation=90 if len(sizes) > 4 else 0)
        mean = f"\nmean off the diagonal {np.nanmean(off_diagonal):.3f}" if np.isfinite(off_diagonal).any() else ""
        axis.set_title(run.label + mean)
        axis.tick_params(length=0)
        axis.grid(False)
    figure.colorbar(image, ax=list(axes), shrink=0.6, pad=0.02, aspect=25, label="|correlation| of two units")
    return figure


def unit_correlation(codes):
    """Pearson correlation of the columns of codes (frames x units) -> units x units; NaN for a unit that never changes."""
    centred = codes - codes.mean(0, dtype=np.float64)
    norm = np.sqrt((centred**2).sum(0))
    norm[norm == 0] = np.nan
    return centred.T @ centred / np.outer(norm, norm)


def time_per_phase(runs):
    """Where the time of each phase went, the mean over ranks."""
    rows = [(run, phase) for run in first_of_each_variant(runs) for phase in run.summary.get("phases", []) if phase["seconds"] > 0]
    if not rows:
        return None
    figure, axis = plt.subplots(figsize=(WIDTH, 1.3 + 0.38 * len(rows)))
    labels = [phase["name"] if len(runs) == 1 else f"{run.summary['variant']}: {phase['name']}" for run, phase in rows]
    left = np.zeros(len(rows))
    for part, colour in PARTS.items():
        seconds = np.array([phase.get(part, {}).get("mean", 0.0) for _, phase in rows])
        axis.barh(labels, seconds, left=left, color=colour, label=part, height=0.65)
        left += seconds
    other = np.maximum(0, [phase["seconds"] for _, phase in rows] - left)  # such as a core that somebody else had
    axis.barh(labels, other, left=left, color=OTHER, label="other", height=0.65)
    left += other
    for y, (end, (_, phase)) in enumerate(zip(left, rows)):
        axis.text(end, y, f"  {phase['seconds']:.1f} s", va="center", fontsize=9)
    axis.set(xlabel="seconds, mean over ranks", title="Time per phase", xlim=(0, 1.12 * left.max()))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
