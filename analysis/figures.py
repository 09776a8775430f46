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


def readouts(runs):
    """What each region reads out of what it sees, variants side by side; one that has a single such region is a line across: the whole net's."""
    kinds = [kind for kind in READOUTS if any(readouts_of(run, kind) for run in runs)]
    if not kinds:
        return None
    figure, axes = plt.subplots(len(kinds), 1, squeeze=False, figsize=(WIDTH, 0.4 + 3.3 * len(kinds)))
    for axis, kind in zip(axes[:, 0], kinds):
        readout_bars(axis, runs, kind)
        axis.set(title=READOUTS[kind][0], ylabel=READOUTS[kind][1])
        axis.grid(axis="x", visible=False)
        axis.legend(*unique_legend(axis), loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def unique_legend(axis):
    """Handles and labels, each label once."""
    found = {label: handle for handle, label in zip(*axis.get_legend_handles_labels())}
    return list(found.values()), list(found)


READOUTS = {"accuracy": ("Held-out accuracy, by region", "correct (%)"), "miou": ("Overlap of guessed and true boxes, by region", "mean IoU (%)")}


def readouts_of(run, kind):
    """{region: per cent} of one run."""
    prefix = kind + "."
    return {name[len(prefix) :]: 100 * value for name, value in run.summary.get("measures", {}).items() if name.startswith(prefix)}


def readout_bars(axis, runs, kind):
    by_variant = {variant: [readouts_of(run, kind) for run in runs if run.summary["variant"] == variant] for variant in variants_of(runs)}
    by_variant = {variant: seeds for variant, seeds in by_variant.items() if any(seeds)}
    chains = {variant: seeds for variant, seeds in by_variant.items() if max(map(len, seeds)) > 1} or by_variant
    regions = list(dict.fromkeys(region for seeds in chains.values() for seed in seeds for region in seed))
    width, upright = 0.84 / len(chains), len(chains) * len(regions) > 12
    for number, variant in enumerate(variants_of(runs)):
        colour = COLOURS[number % len(COLOURS)]
        if variant in chains:
            left = np.arange(len(regions)) - 0.42 + (list(chains).index(variant) + 0.5) * width
            values = [[seed[region] for seed in chains[variant] if region in seed] for region in regions]
            for x, found in ((x, found) for x, found in zip(left, values) if found):
                several = np.std(found, ddof=1) if len(found) > 1 else None
                axis.bar(x, np.mean(found), width * 0.92, color=colour, label=variant, yerr=several, error_kw={"linewidth": 1})
                axis.text(x, np.mean(found) + (several or 0) + 1.5, f"{np.mean(found):.1f}", ha="center", va="bottom", fontsize=8, rotation=90 if upright else 0)
        elif variant in by_variant:
            mean = np.mean([value for seed in by_variant[variant] for value in seed.values()])
            axis.axhline(mean, color=colour, linestyle="--", linewidth=1.2, label=f"{variant}: {mean:.1f}", zorder=3)
    axis.set_xticks(range(len(regions)), regions)
    axis.set(xlim=(-0.55, len(regions) - 0.45), ylim=(0, 116 if upright else 108), yticks=range(0, 101, 20))


def progress(runs):
    """The last region's readout at the moments when a probe ran within training, a line a run, a colour a variant."""
    kinds = [kind for kind in READOUTS if any(scores_over_training(run, kind) for run in runs)]
    if not kinds:
        return None
    figure, axes = panels(len(kinds), 0.7)
    for axis, kind in zip(axes, kinds):
        for number, variant in enumerate(variants_of(runs)):
            seeds = [scores_over_training(run, kind) for run in runs if run.summary["variant"] == variant]
            for scores in filter(None, seeds):
                axis.plot(range(1, len(scores) + 1), scores, marker="o", markersize=3, linewidth=1.4, color=COLOURS[number % len(COLOURS)], label=variant)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set(title=READOUTS[kind][0].split(",")[0], xlabel="probe within training", ylabel=READOUTS[kind][1])
        axis.legend(*unique_legend(axis))
    return figure


def scores_over_training(run, kind):
    """Per cent at the first, second ... such moment of one run."""
    measures = run.summary.get("measures", {})
    scores = []
    while f"{kind}@{len(scores) + 1}" in measures:
        scores.append(100 * measures[f"{kind}@{len(scores) + 1}"])
    return scores


def informed(runs):
    """The first run of each variant that has measures of information, and the names of its layers."""
    return [(run, [node for node in run.information["nodes"][1:] if node != "label"]) for run in first_of_each_variant(runs) if run.information]


def layer_colours(layers):
    return dict(zip(layers, plt.get_cmap("viridis")(np.linspace(0, 0.88, max(len(layers), 2)))))


def cross_information(runs):
    """Matrices of debiased mutual information between layers, a row a variant, from left to right over training, all on one scale."""
    shown = informed(runs)
    if not shown:
        return None
    picked = [pick(len(run.information["steps"]), 5) for run, _ in shown]
    columns = max(map(len, picked))
    side = (WIDTH - 1.2) / max(columns, 3)
    top = max(0.01, *(run.information["debiased"][:, 1 : 1 + len(layers), 1 : 1 + len(layers)].max() for run, layers in shown))
    figure, axes = plt.subplots(len(shown), columns, squeeze=False, figsize=(1.2 + side * columns, 0.3 + (side + 0.25) * len(shown)))
    for axis in axes.flat:
        axis.set_axis_off()
    above = None
    for row, (run, layers), moments in zip(axes, shown, picked):
        steps = [run.information["steps"][moment] for moment in moments]
        for axis, moment, step in zip(row, moments, steps):
            matrix = run.information["debiased"][moment, 1 : 1 + len(layers), 1 : 1 + len(layers)]
            axis.set_axis_on()
            image = axis.imshow(matrix, cmap="magma_r", vmin=0, vmax=top, interpolation="nearest")
            axis.set_xticks(range(len(layers)), layers, rotation=90 if max(map(len, layers)) > 3 else 0, fontsize=8)
            axis.set_yticks(range(len(layers)), layers if axis is row[0] else [], fontsize=8)
            axis.tick_params(length=0)
            axis.grid(False)
            axis.set_title(f"step {step:,}" if steps != above else "", fontsize=10)
            for (y, x), value in np.ndenumerate(matrix) if len(layers) <= 6 else ():
                axis.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=8, color="white" if value > 0.48 * top else "black")
        row[0].set_ylabel(run.label if len(runs) == 1 else run.summary["variant"])
        above = steps
    figure.colorbar(image, ax=axes, shrink=min(1, 0.8 if len(shown) == 1 else 2.0 / len(shown)), pad=0.01, aspect=20, label="debiased mutual\ninformation (bits)")
    return figure


def pick(count, most):
    """At most `most` of 0 ... count-1, evenly, the first and the last among them."""
    return sorted({int(round(i)) for i in np.linspace(0, count - 1, min(count, most))})


def information_plane(runs):
    """Each layer's way through the plane of what it shares with the picture and with the label: from the open dot along the arrows to the full."""
    shown = [(run, layers) for run, layers in informed(runs) if run.information["nodes"][-1] == "label"]
    if not shown:
        return None
    figure, axes = panels(len(shown), 0.95)
    ways = [run.information["debiased"][:, 1 : 1 + len(layers)][:, :, [0, -1]] for run, layers in shown]  # moment, layer, (x, y)
    low, high = np.min([way.min((0, 1)) for way in ways], 0), np.max([way.max((0, 1)) for way in ways], 0)
    margin = 0.08 * np.maximum(high - low, 0.05)
    for axis, (run, layers), way in zip(axes, shown, ways):
        for number, (layer, colour) in enumerate(layer_colours(layers).items()):
            x, y = way[:, number].T
            axis.plot(x, y, color=colour, linewidth=1, alpha=0.5)
            for a, b in zip(way[:-1, number], way[1:, number]):
                axis.annotate("", (a + b) / 2 + 0.01 * (b - a), (a + b) / 2, arrowprops={"arrowstyle": "-|>", "color": colour, "mutation_scale": 9})
            axis.plot(x[0], y[0], "o", color=colour, markerfacecolor="white", markersize=6)
            axis.plot(x[-1], y[-1], "o", color=colour, markersize=7, label=layer)
        axis.set(title=run.label, xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
        axis.set(xlabel="with the picture, dI(X;T) (bits)", ylabel="with the label, dI(T;Y) (bits)")
        axis.legend(loc="best", fontsize=9)
    return figure


def convergence(runs):
    """How like its end each layer is over training, and which share of the way there it has done: a row a variant."""
    shown = [(run, layers) for run, layers in informed(runs) if len(run.information["steps"]) > 1]
    if not shown:
        return None
    figure, axes = plt.subplots(len(shown), 2, squeeze=False, figsize=(WIDTH, 0.5 + 2.4 * len(shown)))
    for row, (run, layers) in zip(axes, shown):
        for axis, name in zip(row, ("cka", "progress")):
            for number, (layer, colour) in enumerate(layer_colours(layers).items()):
                axis.plot(run.information["steps"], run.information[name][:, number], "o-", color=colour, markersize=3.5, linewidth=1.4, label=layer)
            axis.set(title=run.label, ylabel={"cka": "CKA with the last moment", "progress": "share of the way done"}[name])
            axis.margins(x=0.02)
        row[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for axis in axes[-1]:
        axis.set_xlabel("step of learning")
    return figure


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
