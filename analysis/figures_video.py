"""The figures of worlds that go on in time: what is generated with the eyes open and shut, and what a global attention holds. As those of analysis/figures.py."""

import numpy as np

import figures
from figures import COLOURS, WIDTH, plt

MOMENTS, GAP, WAYS = 12, 1, 16  # frames of a row and pixels between; windows whose way is shown
OFF = "#B00020"
CURVES = {"curve": "Generated frames", "curve_road": "Where they show road"}


def filmed(runs):
    return [run for run in figures.first_of_each_variant(runs) if run.video is not None]


def generated(runs):
    """True frames and those made from predictions, one above the other, from left to right in time; from the red line on with the stimulus off. One run: some sequences;
    several: the first sequence, a row a variant."""
    shown = [run for run in filmed(runs) if "truth" in run.video]
    shown = [run for run in shown if same_film(run, shown[0])]
    if not shown:
        return None
    film = shown[0].video
    moments = around(film["frame"], film["blind_from"])
    rows = []
    for sequence in range(len(film["truth"]) if len(shown) == 1 else 1):
        rows.append(("true", film["truth"][sequence]))
        rows += [(run.summary["variant"] if len(shown) > 1 else "generated", run.video["generated"][sequence]) for run in shown]
    low, high = film["truth"].min(), film["truth"].max()
    height, width = film["truth"].shape[2:]
    down, right = height + GAP, width + GAP
    picture = np.full((len(rows) * down - GAP, len(moments) * right - GAP), np.nan)
    for y, (_, frames) in enumerate(rows):
        for x, moment in enumerate(moments):
            picture[y * down :, x * right :][:height, :width] = np.clip((frames[moment] - low) / (high - low or 1), 0, 1)
    figure, axis = plt.subplots(figsize=(WIDTH, 0.7 + 0.9 * WIDTH * picture.shape[0] / picture.shape[1]))
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_yticks([y * down + height / 2 for y in range(len(rows))], [name for name, _ in rows])
    axis.set_xticks([x * right + width / 2 for x in range(len(moments))], [str(film["frame"][moment]) for moment in moments])
    axis.set_xlabel("frame of the window")
    seen = sum(film["frame"][moment] < film["blind_from"] for moment in moments)
    if 0 < seen < len(moments):
        axis.axvline(seen * right - 0.5 - GAP / 2, color=OFF, linewidth=2)
        axis.text(seen * right, -0.1 * height, "stimulus off", color=OFF, fontsize=9)
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    return figure


def same_film(run, other):
    return np.array_equal(run.video["truth"], other.video["truth"]) and run.video["blind_from"] == other.video["blind_from"]


def around(frames, blind):
    """Some of the moments: a third of them before the stimulus goes off."""
    before, after = np.flatnonzero(frames < blind), np.flatnonzero(frames >= blind)
    some = lambda found, most: [int(found[i]) for i in figures.pick(len(found), most)] if len(found) else []
    return some(before, MOMENTS // 3 if len(after) else MOMENTS) + some(after, MOMENTS - MOMENTS // 3 if len(before) else MOMENTS)


def blind(runs):
    """Error of what is generated over the frames of a window, a line a variant: mean over seeds, in a band from the least to the greatest."""
    names = [name for name in CURVES if any(name in run.video for run in runs if run.video is not None)]
    if not names:
        return None
    figure, axes = plt.subplots(len(names), 1, sharex=True, squeeze=False, figsize=(WIDTH, 0.5 + 3.6 * len(names)))
    for axis, name in zip(axes[:, 0], names):
        shown = [run for run in runs if run.video is not None and name in run.video]
        for number, variant in enumerate(figures.variants_of(runs)):
            band(axis, [run for run in shown if run.summary["variant"] == variant], name, 0, {"color": COLOURS[number % len(COLOURS)], "label": variant})
        ours = axis.get_ylim()[1]
        band(axis, shown, name, 1, {"color": "#666666", "linestyle": "--", "label": "mean image"})
        band(axis, shown, name, 2, {"color": "#666666", "linestyle": ":", "label": "last frame seen"})
        axis.axvline(shown[0].video["blind_from"] - 0.5, color=OFF, linewidth=1)
        axis.set(title=CURVES[name], ylabel="error / variance", ylim=(0, max(1.25, ours)))
        axis.margins(x=0.01)
    axes[0, 0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes[-1, 0].set_xlabel("frame of the window; the stimulus is off from the line on")
    return figure


def band(axis, runs, name, column, style):
    """The mean of a column over runs of the same frames."""
    if not runs:
        return
    frames, values = runs[0].video["frame"], np.array([run.video[name][:, column] for run in runs])
    axis.fill_between(frames, values.min(0), values.max(0), color=style["color"], alpha=0.15, linewidth=0)
    axis.plot(frames, values.mean(0), linewidth=1.5, **style)


def attended(runs):
    """What a global attention holds: on the left its principal components, coloured by the road's curvature; on the right the first of them on the way of the car."""
    shown = [run for run in filmed(runs) if {"g", "curvature", "car"} <= set(run.video)]
    if not shown:
        return None
    figure, axes = plt.subplots(len(shown), 2, squeeze=False, figsize=(WIDTH, 0.2 + 4.0 * len(shown)), gridspec_kw={"wspace": 0.1})
    for row, run in zip(axes, shown):
        curvature = run.video["curvature"]
        share, scores = components(run.video["g"], curvature)
        bend = max(np.quantile(np.abs(curvature), 0.98), 1e-9)
        dots = row[0].scatter(*scores[:, :2].T, c=curvature, cmap="RdBu_r", vmin=-bend, vmax=bend, s=5, linewidths=0)
        row[0].set(title=run.label, xlabel=f"first component of g ({100 * share[0]:.0f} %)", ylabel=f"second ({100 * share[1]:.0f} %)")
        figure.colorbar(dots, ax=row[0], label="curvature to the left (1/m)")
        far = max(np.quantile(np.abs(scores[:, 0]), 0.98), 1e-9)
        windows = np.unique(run.video["g_sequence"])
        for window in windows[figures.pick(len(windows), WAYS)]:
            on = run.video["g_sequence"] == window
            dots = row[1].scatter(*way(run.video["car"][on]).T, c=scores[on, 0], cmap="PuOr", vmin=-far, vmax=far, s=9, linewidths=0)
        row[1].set(title="the car's way, turned upwards at its start", xlabel="to the right (m)", ylabel="ahead (m)", aspect="equal")
        figure.colorbar(dots, ax=row[1], label="first component of g")
    return figure


def way(car):
    """(F, at least x, y, heading) -> (F,2) metres to the right of where and whither the car was at first, and ahead."""
    x, y = (car[:, :2] - car[0, :2]).T
    sine, cosine = np.sin(car[0, 2]), np.cos(car[0, 2])
    return np.stack([x * sine - y * cosine, x * cosine + y * sine], 1)


def components(g, like):
    """Shares of variance, largest first, and the samples' scores (N,k); the sign of each component goes with `like`."""
    centred = g - g.mean(0, dtype=np.float64)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    sign = np.where((u * (like - like.mean())[:, None]).sum(0) < 0, -1, 1)
    return s**2 / max((s**2).sum(), 1e-30), u * s * sign
