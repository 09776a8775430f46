"""The figures of worlds that go on in time: what is generated with the eyes open and shut, and what a global attention holds. As those of analysis/figures.py."""

import numpy as np

import figures
from figures import COLOURS, WIDTH, plt

MOMENTS, GAP, BREAK = 12, 1, 3  # frames of a row; pixels between frames, and more between sequences
COMPONENTS = 2  # of g that are drawn
MIDDLE = 102.4  # m: of all tracks (experiments/stimuli/track.h), each of which goes once round it
QUARTERS = (0, 90, 180, 270)
OFF = "#B00020"
CURVES = {"curve": "Error of the generated frames", "curve_road": "Error of the road's mask, read from the same predictions"}


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
    top = [row * down + row // (1 + len(shown)) * BREAK for row in range(len(rows))]
    picture = np.full((top[-1] + height, len(moments) * right - GAP), np.nan)
    for y, (_, frames) in zip(top, rows):
        for x, moment in enumerate(moments):
            picture[y:, x * right :][:height, :width] = np.clip((frames[moment] - low) / (high - low or 1), 0, 1)
    figure, axis = plt.subplots(figsize=(WIDTH, 0.7 + 0.9 * WIDTH * picture.shape[0] / picture.shape[1]))
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_yticks([y + height / 2 for y in top], [name for name, _ in rows])
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
        axis.annotate("stimulus off", (shown[0].video["blind_from"] - 0.5, 0), (4, 4), textcoords="offset points", color=OFF, fontsize=9)
    axes[0, 0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes[-1, 0].set_xlabel("frame of the window")
    return figure


def band(axis, runs, name, column, style):
    """The mean of a column over runs of the same frames."""
    if not runs:
        return
    frames, values = runs[0].video["frame"], np.array([run.video[name][:, column] for run in runs])
    axis.fill_between(frames, values.min(0), values.max(0), color=style["color"], alpha=0.15, linewidth=0)
    axis.plot(frames, values.mean(0), linewidth=1.5, **style)


def attended(runs):
    """What a global attention holds on a lap: the held-out track that is covered best, as a map and rolled out, with the principal components of g and with
    the curvature that a straight line reads from g, which was fitted to other tracks."""
    shown = [run for run in filmed(runs) if {"g", "sequence", "curvature", "car"} <= set(run.video)]
    if not shown:
        return None
    figure = plt.figure(figsize=(WIDTH, 5.8 * len(shown)))
    for part, run in zip(np.atleast_1d(figure.subfigures(len(shown), 1)), shown):
        draw_lap(part, run)
    return figure


def draw_lap(figure, run):
    film = run.video
    track, place = best_lap(film)
    lap = {name: film[name][film["sequence"] == track] for name in ("car", "curvature", "g_window")}
    share, scores = components(film["g"], film["curvature"])
    guess, correlation = read_curvature(film, track)
    on = film["sequence"] == track
    title = f"{run.label}: held-out track {track:.0f}"
    if not np.isnan(correlation):
        title += f"; curvature from g: R = {correlation:.2f} over held-out tracks, {np.corrcoef(guess[on], film['curvature'][on])[0, 1]:.2f} on this one"
    figure.suptitle(title, fontsize=12)
    (component_map, component_axis), (curvature_map, curvature_axis) = figure.subplots(2, 2, sharex="col", gridspec_kw={"width_ratios": (1, 1.7)})
    draw_map(component_map, lap, place, scores[on, 0], scores[:, 0], "PuOr", "first component of g")
    draw_map(curvature_map, lap, place, lap["curvature"], film["curvature"], "RdBu_r", "curvature (1/m)")
    component_map.tick_params(labelbottom=False)
    curvature_map.set_xlabel("m")
    for number in range(min(COMPONENTS, scores.shape[1])):
        label = f"component {number + 1} ({100 * share[number]:.0f} % of variance)"
        roll_out(component_axis, lap, place, scores[on, number], {"color": COLOURS[number], "label": label})
    roll_out(curvature_axis, lap, place, lap["curvature"], {"color": "#000000", "linewidth": 2, "label": "of the road, positive to the left"})
    if not np.isnan(correlation):
        roll_out(curvature_axis, lap, place, guess[on], {"color": COLOURS[2], "label": "read from g"})
    component_axis.set(ylabel="score")
    curvature_axis.set(ylabel="1/m", xlabel="place on the lap: degrees round its middle, as driven", xlim=(0, 360), xticks=QUARTERS + (360,))
    for axis, title in ((component_axis, "g"), (curvature_axis, "Curvature")):
        axis.set_title(title, loc="left")
        axis.axhline(0, color="#666666", linewidth=0.8)
        axis.legend(loc="lower right", bbox_to_anchor=(1, 0.97), ncols=2, fontsize=9, handlelength=1.2, columnspacing=1)


def best_lap(film):
    """The sequence whose windows cover most of its lap, and the places of its samples: degrees round the middle of the track from the end of its widest gap on,
    in the direction of travel."""
    x, y = (film["car"][:, :2] - MIDDLE).T
    angle, ahead = np.degrees(np.arctan2(y, x)), film["car"][:, 2]
    covered = lambda sequence: len(np.unique(angle[film["sequence"] == sequence] // 1))
    track = max(np.unique(film["sequence"]), key=covered)
    on = film["sequence"] == track
    way = 1 if np.sum(x[on] * np.sin(ahead[on]) - y[on] * np.cos(ahead[on])) > 0 else -1
    place = way * angle[on] % 360
    known = np.sort(place)
    gaps = np.diff(known, append=known[0] + 360)
    return track, (place - known[(np.argmax(gaps) + 1) % len(known)]) % 360


def read_curvature(film, track):
    """Linear regression of curvature on g, fitted to the samples of every other sequence -> what it says of all samples, and its correlation with the truth
    on the sequences that it was not fitted to, of which `track` is one. NaN when there is but one sequence."""
    sequences, number = np.unique(film["sequence"], return_inverse=True)
    scored = number % 2 == np.searchsorted(sequences, track) % 2
    if scored.all():
        return np.full(len(scored), np.nan), np.nan
    g = np.column_stack([film["g"], np.ones(len(scored))]).astype(np.float64)
    guess = g @ np.linalg.lstsq(g[~scored], film["curvature"][~scored].astype(np.float64), rcond=None)[0]
    return guess, np.corrcoef(guess[scored], film["curvature"][scored])[0, 1]


def draw_map(axis, lap, place, values, all_values, colours, label):
    """The track from above, coloured; numbers are places, the arrow says where the lap begins and whither it goes."""
    x, y = (lap["car"][:, :2] - MIDDLE).T
    far = max(np.quantile(np.abs(all_values), 0.98), 1e-9)
    axis.scatter(x, y, color="#666666", s=60, linewidths=0)
    dots = axis.scatter(x, y, c=values, cmap=colours, vmin=-far, vmax=far, s=26, linewidths=0)
    for quarter in QUARTERS:
        near = np.argmin(np.abs(place - quarter))
        if abs(place[near] - quarter) < 5:
            axis.annotate(f"{quarter}°", (x[near], y[near]), (0.68 * x[near], 0.68 * y[near]), fontsize=8, ha="center", va="center", arrowprops={"arrowstyle": "-", "linewidth": 0.6})
    begin = np.argmin(place)
    ahead = lap["car"][begin, 2]
    axis.quiver(x[begin], y[begin], np.cos(ahead), np.sin(ahead), angles="xy", scale=7, width=0.016, zorder=3)
    axis.set(aspect="equal", ylabel="m")
    axis.margins(0.08)
    axis.figure.colorbar(dots, ax=axis, label=label, extend="both")


def roll_out(axis, lap, place, values, style):
    """A line a window, broken where it comes to the lap's end; one entry for the legend."""
    style = {"linewidth": 1.1} | style
    for window in np.unique(lap["g_window"]):
        on = np.flatnonzero(lap["g_window"] == window)
        for strand in np.split(on, np.flatnonzero(np.abs(np.diff(place[on])) > 180) + 1):
            axis.plot(place[strand], values[strand], **style)
            style["label"] = None


def components(g, like):
    """Shares of variance, largest first, and the samples' scores (N,k); the sign of each component goes with `like`."""
    centred = g - g.mean(0, dtype=np.float64)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    sign = np.where((u * (like - like.mean())[:, None]).sum(0) < 0, -1, 1)
    return s**2 / max((s**2).sum(), 1e-30), u * s * sign
