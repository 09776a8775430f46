"""The figure of a scaling study: speed by number of modules, and what a step's time goes to."""

import matplotlib
import numpy as np

import figures
from figures import COLOURS, PARTS, WIDTH

plt = matplotlib.pyplot
STYLES = {"measured": ("o-", COLOURS[0]), "simulated": ("s-", COLOURS[1]), "model": ("--", COLOURS[2])}


def ideal(rows):
    """Steps a second if nothing were lost, from the first of the rows on."""
    first = rows[0]
    per_step = (lambda row: row["modules"]) if first["mode"] == "weak" else (lambda row: 1)
    return [first["steps_per_s"] * per_step(first) / first["module_ranks"] * row["module_ranks"] / per_step(row) for row in rows]


def speed(axis, rows):
    for source, (marker, colour) in STYLES.items():
        mine = [row for row in rows if row["source"] == source]
        if not mine:
            continue
        modules = [row["modules"] for row in mine]
        axis.plot(modules, ideal(mine), ":", color=colour, linewidth=1, label=f"{source}, nothing lost" if source != "model" else None)
        axis.plot(modules, [row["steps_per_s"] for row in mine], marker, color=colour, label=source)
        crowded = [row for row in mine if row["oversubscribed"] == "yes"]
        if crowded:
            axis.plot([row["modules"] for row in crowded], [row["steps_per_s"] for row in crowded], "o", color="white", markeredgecolor=colour, label="more ranks than cores")
        if "steps_per_s_min" in mine[0]:
            axis.vlines(modules, [row["steps_per_s_min"] for row in mine], [row["steps_per_s_max"] for row in mine], color=colour, alpha=0.4, linewidth=3)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    ticks = sorted({row["modules"] for row in rows})
    axis.set_xticks(ticks, [str(tick) for tick in ticks], rotation=90 if len(ticks) > 8 else 0)
    axis.minorticks_off()
    low, high = axis.get_ylim()
    ticks = [tick for power in range(-3, 7) for tick in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if low <= tick <= high]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set(title=f"Speed ({rows[0]['mode']} scaling)", xlabel="modules", ylabel="steps/s")
    axis.legend(fontsize=8)


def whole(row):
    """Milliseconds of a step; medians of the parts may add up to a little more than that of all."""
    return max(row["step_ms"], sum(row[f"{part}_ms_mean"] for part in ("compute", "stimulus", "transfer", "wait")))


def shares(axis, rows):
    """Where a step goes, in the mean over ranks; the rest is what no clock counts."""
    rows = [row for row in rows if row["source"] in ("measured", "simulated")]
    places, below = np.arange(len(rows)), np.zeros(len(rows))
    for part in ("compute", "stimulus", "transfer", "wait"):
        share = np.array([100 * row[f"{part}_ms_mean"] / whole(row) for row in rows])
        axis.bar(places, share, bottom=below, color=PARTS[part], label=part)
        below += share
    axis.bar(places, np.maximum(0, 100 - below), bottom=below, color=figures.OTHER, label="other")
    axis.set_xticks(places, [f"{row['modules']}{' sim.' if row['source'] == 'simulated' else ''}" for row in rows], rotation=90 if len(rows) > 8 else 0)
    axis.set(title="Where a step goes, mean over ranks", xlabel="modules", ylabel="%", ylim=(0, 105))
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))


def draw(rows, path):
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4))
    speed(axes[0], rows)
    shares(axes[1], rows)
    figure.savefig(path)
    plt.close(figure)
