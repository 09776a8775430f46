"""Figures and one self-contained HTML page of a run or a comparison.

usage: ./run report DIR

Writes DIR/figures/*.png and DIR/report.html, and prints where. The page needs nothing else: its pictures are inside it.
"""

import argparse
import base64
import html
import io
import os
import sys

import contact
import figures
import figures_evaluation as evaluation
import figures_video as video
import rundir

STYLE = """
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff; max-width: 62rem; margin: 2.5rem auto; padding: 0 1.5rem }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem } h2 { font-size: 1.2rem; margin: 2.4rem 0 .4rem; border-top: 1px solid #ddd; padding-top: 1.2rem }
p.note, figcaption { color: #555; margin: .3rem 0 .8rem } figure { margin: 0 } img { max-width: 100%; height: auto }
div.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0 }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid #eee; white-space: nowrap } th { font-weight: 600; border-bottom: 1px solid #999 }
th:first-child, td:first-child { text-align: left } pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; font-size: 13px; line-height: 1.35 } summary { cursor: pointer }
"""

CAPTIONS = {
    "stimulus": ("Stimulus", "The first samples of the training split, or moments of its first windows, without the noise of the views."),
    "learning": ("Learning", "What the regions log while they learn."),
    "readouts": ("What each region reads out", "Each region's own head, on held-out samples; with several seeds mean and sample standard deviation."),
    "progress": ("Accuracy over training", "The last region's head, each time that a probe ran within training; a line a run."),
    "information": (
        "Mutual information between layers",
        "Matrix-based, of the first samples of the probe, less its mean over three shuffles: dI. The first seed of each variant. The raw values are mostly bias; they are in figures/information.h5.",
    ),
    "plane": (
        "Information plane",
        "dI with the picture against dI with the label, over training; the open dot is the first moment, the full one the last. dI shrinks by construction as a layer's entropy nears log2 of the number of samples.",
    ),
    "convergence": (
        "Convergence of the layers",
        "Linear-centred alignment of each layer's Gram matrix with its last one. A learning rate that falls to zero makes all layers arrive together: read the order early.",
    ),
    "preferred": (
        "Preferred stimuli",
        "One tile a unit: what gradient ascent on its code finds from many random starts. Grey is zero, each tile by its own scale.",
    ),
    "correlation": ("Correlation between units", "Over the samples recorded in the phase probe; lines part the regions."),
    "robustness": (
        "Pictures changed to mislead",
        "Each value by at most eps; mean over seeds, in a band from the least to the greatest. <code>./run attack</code> has all attacks one by one.",
    ),
    "fewshot": ("Learning from a few pictures", "All learn from the same pictures, in as many steps; mean and sample standard deviation over seeds. 1-NN names the nearest of them."),
    "synapses": ("Accuracy against synapses", "All layers together; a point a run. A synapse is silent that brings less than a thousandth of what its unit gets."),
    "weights": ("Distribution of weights", "The logarithms of the largest array's, the first seed of each variant. KS: the distance from a normal distribution, which is 0 at best."),
    "fields": ("Receptive fields", "The weights of units from each place of the picture; blue: from its negative."),
    "generated": ("Generated frames", "What a decoder makes of the predictions, below what was there; from the red line on the stimulus is off, and each prediction rests on those before."),
    "blind": (
        "With the stimulus off",
        "Mean squared error of what is made of the predictions, by that of the mean image; mean over seeds, in a band from the least to the greatest. 1 is as good as the mean image; the last frame seen is soon off the scale, at about 2. "
        "A zigzag is that of mixing: every other frame rests on what was seen, the one between on what had been predicted.",
    ),
    "attended": (
        "What attention holds",
        "The global code g on one lap, the first seed of each variant; lines are windows of frames, and where there is a gap no window was recorded. The arrow is where the lap begins and whither it goes, the degrees are those of the axis beside. Principal components are those of all held-out frames, the sign of each goes with the curvature. "
        "The line that reads the curvature was fitted to half of the held-out tracks; R is its correlation with the truth on the other half, to which this track belongs.",
    ),
    "time": ("Time", "Computing, making the stimulus, waiting for others, moving data, recording and checkpoints."),
}


def stimulus(runs):
    """The contact sheet of the first run."""
    path = os.path.join(runs[0].path, "figures", "stimulus.h5")
    return contact.sheet(path) if os.path.exists(path) else None


def draw(runs, folder):
    """Draw what there is into folder/figures -> {name: PNG bytes}."""
    drawers = {
        "stimulus": stimulus,
        "learning": figures.learning, "readouts": figures.readouts, "progress": figures.progress, "information": figures.cross_information, "plane": figures.information_plane,
        "convergence": figures.convergence, "preferred": figures.preferred, "correlation": figures.correlation, "time": figures.time_per_phase,
        "robustness": evaluation.robustness, "synapses": evaluation.synapses, "weights": evaluation.log_weights, "fields": evaluation.fields,
        "generated": video.generated, "blind": video.blind, "attended": video.attended,
        "fewshot": lambda _: evaluation.fewshot(rundir.read_fewshot(folder)),
    }
    os.makedirs(os.path.join(folder, "figures"), exist_ok=True)
    pictures = {}
    for name, drawer in drawers.items():
        figure = drawer(runs)
        if figure is None:
            continue
        data = io.BytesIO()
        figure.savefig(data, format="png")
        figures.plt.close(figure)
        pictures[name] = data.getvalue()
        with open(os.path.join(folder, "figures", name + ".png"), "wb") as file:
            file.write(pictures[name])
    return pictures


def number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "-" if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10000 else str(value)
    return f"{value:.4g}"


def table(head, rows):
    cells = lambda tag, row: "<tr>" + "".join(f"<{tag}>{html.escape(number(value))}</{tag}>" for value in row) + "</tr>"
    return '<div class="wide"><table>' + cells("th", head) + "".join(cells("td", row) for row in rows) + "</table></div>"


def head(runs, comparison):
    summary = runs[0].summary
    name = summary.get("experiment", "?")
    if comparison is None:
        title, about = f"{name}: {runs[0].label}", [("steps", "steps"), ("ranks", "ranks"), ("seconds", "seconds"), ("samples/s", "samples_per_s"), ("share of time waiting", "wait_share")]
        facts = ", ".join(f"{label} {number(summary[key])}" for label, key in about if summary.get(key) is not None)
    else:
        title = f"{name}: {', '.join(figures.variants_of(runs))}"
        seeds = sorted({run.summary.get("seed") for run in runs})
        facts = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    return title, f"<h1>{html.escape(title)}</h1><p class=note>Callosum {html.escape(str(summary.get('version', '')))} · {html.escape(facts)}</p>"


def measures(runs, comparison):
    if comparison is None:
        rows = list(runs[0].summary.get("measures", {}).items())
        return table(["measure", "value"], rows) if rows else "<p class=note>No measures: this run recorded nothing to measure.</p>"
    names = dict.fromkeys(name for entry in comparison.values() for name in entry)
    several = any(len(e["values"]) > 1 for entry in comparison.values() for e in entry.values())
    rows = [[name] + [mean_and_deviation(entry.get(name), several) for entry in comparison.values()] for name in names]
    note = "<p class=note>Mean ± sample standard deviation over seeds.</p>" if several else ""
    return table(["measure", *comparison], rows) + note


def mean_and_deviation(entry, several):
    if entry is None or entry["mean"] is None:
        return "-"
    return f"{entry['mean']:.4g} ± {entry['sd']:.2g}" if several else f"{entry['mean']:.4g}"


def phases(run):
    """Seconds a rank, least / mean / greatest over ranks, and the slowest region."""
    rows = []
    for phase in run.summary.get("phases", []):
        parts = [" / ".join(f"{phase[part][k]:.2f}" for k in ("min", "mean", "max")) if part in phase else "-" for part in figures.PARTS]
        rows.append([phase["name"], f"{phase['seconds']:.1f}", *parts, phase.get("slowest", "-")])
    if not rows:
        return ""
    return table(["phase", "seconds", *figures.PARTS, "slowest"], rows) + "<p class=note>Seconds over ranks: least / mean / greatest.</p>"


def ledger(run):
    entries = run.summary.get("ledger")
    if not entries:
        return ""
    text = f"<h2>Exchange ledger</h2><p class=note>What crossed between regions in {html.escape(run.label)}; both ends of each projection counted the same.</p>"
    return text + table(entries.keys(), [entries.values()])


def page(runs, comparison, pictures):
    title, top = head(runs, comparison)
    parts = [top, "<h2>Measures</h2>", measures(runs, comparison)]
    for name, (heading, caption) in CAPTIONS.items():
        if name not in pictures:
            continue
        data = base64.b64encode(pictures[name]).decode()
        width = int.from_bytes(pictures[name][16:20], "big") * 2 // 3  # from the PNG's header; drawn at 150 dots an inch, shown at 100
        image = f"<img alt='{heading}' width={width} src='data:image/png;base64,{data}'>"
        parts.append(f"<h2>{heading}</h2><figure><figcaption>{caption}</figcaption>{image}</figure>")
        if name == "time" and comparison is None:
            parts.append(phases(runs[0]))
    parts.append(ledger(runs[0]))
    parts.append("<h2>Settings and environment</h2>")
    shown = runs if comparison is None else figures.first_of_each_variant(runs)
    parts += [f"<details><summary>used.yml of {html.escape(run.label)}</summary><pre>{html.escape(run.used)}</pre></details>" for run in shown]
    return f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>\n" + "\n".join(parts) + "\n</html>\n"


def main(arguments):
    parser = argparse.ArgumentParser(prog="./run report", description="Figures and one self-contained HTML page of a run or a comparison.")
    parser.add_argument("dir", help="a run directory (it has a summary.json) or a comparison (it has a compare.json)")
    folder = parser.parse_args(arguments).dir
    try:
        runs, comparison = rundir.read(folder)
        text = page(runs, comparison, draw(runs, folder))
        path = os.path.join(folder, "report.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except rundir.BadRun as error:
        sys.exit(fail(3, error))
    except OSError as error:
        sys.exit(fail(4, error))
    print(f"report: {path}")


def fail(code, error):
    print(f"report: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main(sys.argv[1:])
