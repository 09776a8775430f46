"""The figures of what finished runs were put through: attacks, few pictures, and counting their synapses. As those of analysis/figures.py."""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

import figures
import weights
from figures import COLOURS, WIDTH, plt

CURVES = {"worst": "White box: right under every attack", "transfer": "Pictures made to mislead another run", "noise": "Noise, standard deviation 2 eps"}
FIELDS_MAX = 36  # units


def robustness(runs):
    """Share of pictures named rightly against eps, a line a variant: mean over seeds, in a band from the least to the greatest."""
    shown = [run for run in runs if run.attack]
    curves = [name for name in CURVES if any(name in row for run in shown for row in run.attack["eps"])]
    if not curves:
        return None
    figure, axes = figures.panels(len(curves), 0.85)
    for axis, name in zip(axes, curves):
        for number, variant in enumerate(figures.variants_of(runs)):
            seeds = [curve(run, name) for run in shown if run.summary["variant"] == variant]
            eps = sorted(set.intersection(*map(set, seeds))) if seeds else []
            if len(eps) > 1:
                values = np.array([[seed[e] for e in eps] for seed in seeds])
                colour = COLOURS[number % len(COLOURS)]
                axis.fill_between(eps, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
                axis.plot(eps, values.mean(0), "o-", color=colour, markersize=4, linewidth=1.4, label=variant)
        axis.set(title=CURVES[name], xlabel="eps, of a range of 1", ylabel="named rightly (%)", ylim=(-2, 102))
    axes[0].legend(fontsize=9)
    return figure


def curve(run, name):
    """{eps: per cent}; eps 0 is the picture as it is."""
    return {0.0: 100 * run.attack["clean"]} | {row["eps"]: 100 * row[name] for row in run.attack["eps"] if name in row}


def largest_array(run):
    """The name and content of the array with most synapses."""
    name, array = max(run.arrays.items(), key=lambda item: len(item[1]["w"]))
    return ".".join(name), array


def log_weights(runs):
    """How the logarithms of weights are distributed, beside the normal distribution of their mean and deviation; the largest array of each variant."""
    shown = [run for run in figures.first_of_each_variant(runs) if run.arrays]
    if not shown:
        return None
    figure, axes = figures.panels(len(shown), 0.75)
    for axis, run in zip(axes, shown):
        name, array = largest_array(run)
        magnitude = np.abs(array["w"][array["w"] != 0]).astype(float)
        x = np.log(magnitude)
        axis.hist(x, bins=60, density=True, color=COLOURS[5], label="synapses")
        grid = np.linspace(x.min(), x.max(), 200)
        if x.std() > 0:
            axis.plot(grid, np.exp(-0.5 * ((grid - x.mean()) / x.std()) ** 2) / (x.std() * np.sqrt(2 * np.pi)), color=COLOURS[1], linewidth=1.5, label="normal")
        axis.set(title=f"{run.label}: {len(x):,} of {name}\nKS {weights.normal_distance(x):.3f}, of w itself {weights.normal_distance(magnitude):.3f}", xlabel="log |w|", ylabel="density")
        axis.legend(fontsize=9)
    return figure


def fields(runs):
    """Receptive fields: the weights of units from each place of the picture, those from its negative (1 - x) as below zero."""
    shown = [(run, *field_sheet(run)) for run in figures.first_of_each_variant(runs)]
    shown = [(run, name, sheet) for run, name, sheet in shown if sheet is not None]
    if not shown:
        return None
    figure, axes = figures.panels(len(shown), 1.0)
    for axis, (run, name, sheet) in zip(axes, shown):
        picture, _, _ = figures.tile(sheet, {})
        image = axis.imshow(picture, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axis.set_title(f"{run.label}: {name}, {len(sheet)} units")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.grid(False)
    figure.colorbar(image, ax=list(axes), shrink=0.5, pad=0.02, aspect=25, label="weight, each tile by its largest")
    return figure


def field_sheet(run):
    """(name, units x height x width) of the first array whose inputs are a picture's, evenly chosen units where there are many; (None, None)."""
    for name, array in (run.arrays or {}).items():
        if "height" in array:
            planes = np.zeros((array["units"], 2 if array["inputs"] > area(array) else 1, array["channels"], array["height"], array["width"]))
            planes.reshape(array["units"], -1)[array["unit"], array["channel"]] = array["w"]
            sheet = (planes[:, 0] - planes[:, 1] if planes.shape[1] == 2 else planes[:, 0]).mean(1)
            return ".".join(name), sheet[figures.pick(len(sheet), FIELDS_MAX)]
    return None, None


def area(array):
    return array["channels"] * array["height"] * array["width"]


def synapses(runs):
    """Accuracy against the number of synapses that are not silent, a point a run."""
    points = {}
    for run in runs:
        accuracy = run.summary.get("measures", {}).get("accuracy")
        if run.arrays and accuracy is not None:
            count = sum(int(weights.heard(array).sum()) for array in run.arrays.values())
            points.setdefault(run.summary["variant"], []).append((count, 100 * accuracy))
    if len(points) < 2:
        return None
    figure, axis = plt.subplots(figsize=(0.75 * WIDTH, 4))
    for number, (variant, found) in enumerate(points.items()):
        axis.plot(*zip(*found), "o" if number < len(COLOURS) else "s", color=COLOURS[number % len(COLOURS)], markersize=6, label=variant)
    axis.set(xscale="log", title="Accuracy against synapses", xlabel="synapses that are not silent", ylabel="correct of held-out (%)")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def fewshot(rows):
    """Accuracy against pictures of each class, a line a variant, mean and sample deviation over seeds. rows: (variant, shots, seed, accuracy)."""
    if not rows:
        return None
    figure, axis = plt.subplots(figsize=(0.75 * WIDTH, 4))
    variants = list(dict.fromkeys(row[0] for row in rows))
    for number, variant in enumerate(variants):
        shots = sorted({row[1] for row in rows if row[0] == variant})
        found = [[100 * row[3] for row in rows if row[:2] == (variant, k)] for k in shots]
        control = variant == "1-NN"
        axis.errorbar(
            shots, [np.mean(values) for values in found], [np.std(values, ddof=1) if len(values) > 1 else 0 for values in found], marker="o", markersize=4, capsize=2,
            linewidth=1.4, color="#666666" if control else COLOURS[number % len(COLOURS)], linestyle="--" if control else "-", label=variant,
        )
    ticks = sorted({row[1] for row in rows})
    axis.set(xscale="log", title="Learning from a few pictures", xlabel="training pictures of each class", ylabel="correct of held-out (%)")
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
