"""The figures of worlds that go on in time: what is generated with the eyes open and shut, and what a global attention holds. As those of analysis/figures.py."""

import numpy as np

import figures
from figures import COLOURS, WIDTH, plt

MOMENTS, SEQUENCES, GAP = 12, 3, 1
CLOSED = "#B00020"


def filmed(runs):
    return [run for run in figures.first_of_each_variant(runs) if run.video is not None]


def generated(runs):
    """True frames and those made from predictions, one above the other, from left to right in time; from the red line on with the stimulus off. One run: some sequences;
    several: the first sequence, a row a variant."""
    shown = [run for run in filmed(runs) if "true" in run.video]
    shown = [run for run in shown if same_film(run, shown[0])]
    if not shown:
        return None
    film = shown[0].video
    blind, frames = int(film["blind_from"]), film["frames"]
    moments = around(frames, blind)
    rows = []
    for sequence in range(min(len(film["true"]), SEQUENCES if len(shown) == 1 else 1)):
        rows.append(("true", film["true"][sequence]))
        rows += [(run.summary.get("variant", "?") if len(shown) > 1 else "generated", run.video["generated"][sequence]) for run in shown]
    low, high = film["true"].min(), film["true"].max()
    height, width = film["true"].shape[2:]
    step = (height + GAP, width + GAP)
    picture = np.full((len(rows) * step[0] - GAP, len(moments) * step[1] - GAP), np.nan)
    for y, (_, frame) in enumerate(rows):
        for x, moment in enumerate(moments):
            picture[y * step[0] :, x * step[1] :][:height, :width] = np.clip((frame[moment] - low) / (high - low or 1), 0, 1)
    left = 0.09 * WIDTH
    figure, axis = plt.subplots(figsize=(WIDTH, 0.7 + (WIDTH - left) * picture.shape[0] / picture.shape[1]))
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_yticks([(y + 0.5) * step[0] for y in range(len(rows))], [name for name, _ in rows])
    axis.set_xticks([(x + 0.5) * step[1] for x in range(len(moments))], [str(frames[moment]) for moment in moments])
    axis.set_xlabel("frame of the window")
    first_blind = sum(frames[moment] < blind for moment in moments)
    if 0 < first_blind < len(moments):
        axis.axvline(first_blind * step[1] - 0.5 - GAP / 2, color=CLOSED, linewidth=2)
        axis.text(first_blind * step[1], -0.15 * step[0], "stimulus off", color=CLOSED, fontsize=9)
    axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    return figure


def same_film(run, other):
    return run.video["true"].shape == other.video["true"].shape and np.array_equal(run.video["true"], other.video["true"])


def around(frames, blind):
    """Some of the moments: a third of them before the stimulus goes off."""
    before, after = np.flatnonzero(frames < blind), np.flatnonzero(frames >= blind)
    some = lambda found, most: [int(found[i]) for i in figures.pick(len(found), most)] if len(found) else []
    return some(before, MOMENTS // 3 if len(after) else MOMENTS) + some(after, MOMENTS - MOMENTS // 3 if len(before) else MOMENTS)


def blind(runs):
    """Error of what is generated against the number of frames since the stimulus went off, a line a variant: mean over seeds, in a band from the least to the greatest."""
    shown = [run for run in runs if run.video is not None and "blind_error" in run.video]
    if not shown:
        return None
    figure, axis = plt.subplots(figsize=(0.8 * WIDTH, 4.2))
    for number, variant in enumerate(figures.variants_of(runs)):
        curves = [run.video["blind_error"] for run in shown if run.summary["variant"] == variant]
        if curves:
            band(axis, curves, COLOURS[number % len(COLOURS)], variant)
    ours = axis.get_ylim()[1]
    for name, style, label in (("blind_mean_image", "--", "mean image"), ("blind_last_frame", ":", "last frame seen")):
        curves = [run.video[name] for run in shown]
        band(axis, curves, "#666666", label, style)
    axis.set(xlabel="frames since the stimulus went off", ylabel="mean squared error / variance", title="Generated with the stimulus off", ylim=(0, max(1.25, ours)))
    axis.margins(x=0.01)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def band(axis, curves, colour, label, style="-"):
    length = min(map(len, curves))
    values, x = np.array([curve[:length] for curve in curves]), np.arange(1, length + 1)
    axis.fill_between(x, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
    axis.plot(x, values.mean(0), style, color=colour, linewidth=1.5, label=label)


def attended(runs):
    """What a global attention holds: on the left its principal components, coloured by the road's curvature; on the right the first of them where the car is."""
    shown = [run for run in filmed(runs) if "g" in run.video]
    if not shown:
        return None
    figure, axes = plt.subplots(len(shown), 2, squeeze=False, figsize=(WIDTH, 0.2 + 4.0 * len(shown)))
    for row, run in zip(axes, shown):
        curvature = run.video["curvature"]
        share, scores = components(run.video["g"], curvature)
        bend = max(np.quantile(np.abs(curvature), 0.98), 1e-9)
        dots = row[0].scatter(*scores[:, :2].T, c=curvature, cmap="RdBu_r", vmin=-bend, vmax=bend, s=5, linewidths=0)
        row[0].set(title=run.label, xlabel=f"first component of g ({100 * share[0]:.0f} %)", ylabel=f"second ({100 * share[1]:.0f} %)")
        figure.colorbar(dots, ax=row[0], label="curvature, to the left (1/m)")
        on = run.video["track"] == most_common(run.video["track"])
        far = max(np.abs(scores[:, 0]).max(), 1e-9)
        dots = row[1].scatter(*run.video["position"][on].T, c=scores[on, 0], cmap="PuOr", vmin=-far, vmax=far, s=9, linewidths=0)
        row[1].set(title="on the map of a track", xlabel="x (m)", ylabel="y (m)", aspect="equal")
        figure.colorbar(dots, ax=row[1], label="first component of g")
    return figure


def components(g, like):
    """Shares of variance, largest first, and the samples' scores (N,k); the sign of each component goes with `like`."""
    centred = g - g.mean(0, dtype=np.float64)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    sign = np.where((u * (like - like.mean())[:, None]).sum(0) < 0, -1, 1)
    return s**2 / max((s**2).sum(), 1e-30), u * s * sign


def most_common(values):
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()]
