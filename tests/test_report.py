"""analysis/report.py and its figures, on run directories made here."""

import base64
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "analysis"))
import figures
import rundir

REGIONS, UNITS, SIZE, FRAMES = 8, 8, 16, 300


def write_run(path, variant, seed, rng, learns=True):
    """A run directory as the program leaves it: docs/guide-lab.md."""
    for folder in ("metrics", "activity", "figures"):
        os.makedirs(os.path.join(path, folder))
    steps = 1300 if learns else 0
    summary = {
        "experiment": "synthetic", "variant": variant, "seed": seed, "steps": steps + 32, "ranks": 9, "seconds": 41.5, "samples_per_s": 12345.6,
        "wait_share": 0.21, "version": "0.1.0", "measures": {"unit_correlation": 0.2 + 0.01 * seed, "decode_mse": 0.07, "live_units": 1.0},
        "phases": [
            {"name": name, "seconds": s, "slowest": "V.3", **{part: {"min": 0.1 * s, "mean": 0.2 * s, "max": 0.3 * s} for part in figures.PARTS}}
            for name, s in (("train", 0.03 * steps), ("probe", 1.4))
        ],
        "ledger": {"messages": 1300, "bytes": 10649600, "checksum": "00ff", "control_messages": 21312},
    }
    with open(os.path.join(path, "summary.json"), "w", encoding="utf-8") as file:
        json.dump(summary, file)
    with open(os.path.join(path, "used.yml"), "w", encoding="utf-8") as file:
        file.write("experiment: synthetic\nseed: 1\n# <environment>\n")
    write_metrics(path, steps, rng)
    basis = rng.normal(size=(REGIONS * UNITS, 4))
    for region in range(REGIONS):
        mixed = rng.normal(size=(FRAMES, 4)) @ basis[region * UNITS : (region + 1) * UNITS].T + rng.normal(size=(FRAMES, UNITS))
        write_codes(os.path.join(path, "activity", f"probe.V.{region}.code.h5"), f"V.{region}", mixed)
    with h5py.File(os.path.join(path, "figures", "preferred.h5"), "w") as file:
        file["sheet"] = gabors(rng).astype(np.float32)


def write_metrics(path, steps, rng):
    for region in [f"V.{i}" for i in range(REGIONS)] + ["attention"]:
        with open(os.path.join(path, "metrics", region + ".jsonl"), "w", encoding="utf-8") as file:
            for step in range(0, steps, 10):
                line = {"step": step, "phase": "train", "loss": 10 * np.exp(-step / 300) + 0.1 * rng.normal(), "live": 8}
                if region == "attention":
                    line["gain_train"] = 0.6 * (1 - np.exp(-step / 200)) + 0.02 * rng.normal()
                file.write(json.dumps(line) + "\n")
            file.write('{"step": 99')  # a kill in the middle of a line


def write_codes(path, population, codes):
    with h5py.File(path, "w") as file:
        report = file.create_group(f"report/{population}")
        report["data"] = np.vstack([codes, np.full((5, codes.shape[1]), 1e9)]).astype(np.float32)  # rows beyond the time range do not count
        report["mapping/time"] = np.array([0.0, len(codes), 1.0])


def gabors(rng):
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    angle, phase, scale = rng.uniform(0, np.pi, (3, REGIONS * UNITS, 1, 1))
    wave = np.cos((x * np.cos(angle) + y * np.sin(angle)) * (0.5 + 0.3 * scale) + 2 * phase)
    return wave * np.exp(-(x**2 + y**2) / (2 * (2 + scale) ** 2)) * rng.uniform(0.1, 10, (REGIONS * UNITS, 1, 1))


def write_chain_run(path, variant, seed, rng, regions=("S1", "S2", "S3", "S4"), layers=None, boxes=False, moments=5):
    """A run of classifiers in a chain: its measures, and the matrices of analysis/information.h. Layers converge from the first on."""
    os.makedirs(os.path.join(path, "figures"))
    layers = list(layers or regions)
    measures = {f"accuracy.{region}": 0.85 + 0.04 * depth - 0.002 * seed for depth, region in enumerate(regions)}
    measures |= {f"miou.{region}": 0.6 + 0.05 * depth for depth, region in enumerate(regions)} if boxes else {}
    with open(os.path.join(path, "summary.json"), "w", encoding="utf-8") as file:
        json.dump({"experiment": "chain", "variant": variant, "seed": seed, "steps": 312, "ranks": 4, "version": "0.1.0", "measures": measures}, file)
    depth, time = np.arange(1, len(layers) + 1), np.linspace(0, 1, moments)[:, None]
    debiased = np.zeros((moments, len(layers) + 2, len(layers) + 2))
    for moment in range(moments):
        known = np.array([1.4, *(1.2 - 0.12 * depth), 0.7])
        debiased[moment] = np.minimum.outer(known, known) * np.exp(-0.3 * np.abs(np.subtract.outer(np.arange(len(known)), np.arange(len(known)))))
        debiased[moment, 0, 1:-1] = debiased[moment, 1:-1, 0] = 0.28 - 0.02 * depth - 0.1 * time[moment] * depth / len(layers)
        debiased[moment, -1, 1:-1] = debiased[moment, 1:-1, -1] = 0.25 + 0.4 * (1 - np.exp(-3 * time[moment])) * depth / len(layers)
    progress = 1 - (1 - time) ** (5 / depth)
    with h5py.File(os.path.join(path, "figures", "information.h5"), "w") as file:
        file["steps"] = np.arange(moments) * 78
        for name, values in (("entropy", 4 + debiased[:, 0]), ("mutual", 3 + debiased), ("shuffled", 3 + 0 * debiased), ("debiased", debiased)):
            file[name] = values + 0.003 * rng.normal(size=values.shape)
        file["progress"], file["cka"], file["markov"] = progress, progress + (1 - progress) * (0.9 - 0.12 * depth), np.zeros(moments)
        file["mutual"].attrs["nodes"] = np.bytes_(" ".join(["image", *layers, "label"]))


def report(folder):
    command = [sys.executable, os.path.join(ROOT, "analysis", "report.py"), folder]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Report(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = self.folder.name
        self.rng = np.random.default_rng(1)

    def pictures_of(self, folder):
        with open(os.path.join(folder, "report.html"), encoding="utf-8") as file:
            text = file.read()
        sources = re.findall(r"(?:src|href)=['\"]?([^'\" >]*)", text)
        self.assertTrue(all(source.startswith("data:image/png;base64,") for source in sources), "the page must be self-contained")
        found = [base64.b64decode(source.split(",", 1)[1]) for source in sources]
        for picture in found:
            pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
            self.assertGreater(pixels.std(), 5, "a picture with nothing on it")
        return text, len(found)

    def test_run(self):
        path = os.path.join(self.path, "run")
        write_run(path, "minimax", 1, self.rng)
        result = report(path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, f"report: {path}/report.html\n")
        text, n_pictures = self.pictures_of(path)
        self.assertEqual(n_pictures, 4)
        self.assertEqual(sorted(os.listdir(os.path.join(path, "figures"))), ["correlation.png", "learning.png", "preferred.h5", "preferred.png", "time.png"])
        for words in ("unit_correlation", "0.21", "minimax, seed 1", "10,649,600", "# &lt;environment&gt;", "3.90 / 7.80 / 11.70", "V.3"):
            self.assertTrue(words in text, words)

    def test_comparison(self):
        table = {}
        for variant in ("minimax", "control", "untrained"):
            for seed in (1, 2):
                write_run(os.path.join(self.path, variant, f"seed-{seed}"), variant, seed, self.rng, learns=variant != "untrained")
            table[variant] = {"unit_correlation": {"mean": 0.215, "sd": 0.007, "values": [0.21, 0.22]}, "none": {"mean": None, "sd": None, "values": [None, 1]}}
        with open(os.path.join(self.path, "compare.json"), "w", encoding="utf-8") as file:
            json.dump(table, file)
        result = report(self.path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        text, n_pictures = self.pictures_of(self.path)
        self.assertEqual(n_pictures, 4)
        self.assertTrue("0.215 ± 0.007" in text)
        self.assertLess(text.index("<th>minimax"), text.index("<th>control"))

    def test_chain(self):
        path = os.path.join(self.path, "run")
        write_chain_run(path, "sequential", 1, self.rng, boxes=True)
        result = report(path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        text, n_pictures = self.pictures_of(path)
        self.assertEqual(n_pictures, 4)
        made = [name for name in sorted(os.listdir(os.path.join(path, "figures"))) if name.endswith(".png")]
        self.assertEqual(made, ["convergence.png", "information.png", "plane.png", "readouts.png"])
        self.assertIn("Information plane", text)

    def test_chains_compared(self):
        table = {}
        for variant, more in (("sequential", {}), ("simultaneous", {}), ("backprop", {"regions": ["net"], "layers": [f"net.{i}" for i in range(1, 5)]})):
            for seed in (1, 2, 3):
                write_chain_run(os.path.join(self.path, variant, f"seed-{seed}"), variant, seed, self.rng, **more)
            table[variant] = {"accuracy": {"mean": 0.97, "sd": 0.001, "values": [0.97, 0.969, 0.971]}}
        with open(os.path.join(self.path, "compare.json"), "w", encoding="utf-8") as file:
            json.dump(table, file)
        result = report(self.path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(self.pictures_of(self.path)[1], 4)

    def test_chain_of_one_moment(self):
        path = os.path.join(self.path, "run")
        write_chain_run(path, "sequential", 1, self.rng, moments=1)
        self.assertEqual(report(path).returncode, 0)
        self.assertFalse(os.path.exists(os.path.join(path, "figures", "convergence.png")))
        self.assertEqual(self.pictures_of(path)[1], 3)

    def test_progress_is_every_run_over_training(self):
        for seed in (1, 3):
            path = os.path.join(self.path, f"seed-{seed}")
            write_chain_run(path, "sequential", seed, self.rng)
            with open(os.path.join(path, "summary.json"), encoding="utf-8") as file:
                summary = json.load(file)
            summary["measures"].update({"accuracy@1": 0.25, "accuracy@2": 0.25 * seed})
            with open(os.path.join(path, "summary.json"), "w", encoding="utf-8") as file:
                json.dump(summary, file)
        figure = figures.progress([rundir.read_run(os.path.join(self.path, f"seed-{seed}")) for seed in (1, 3)])
        lines = [list(line.get_ydata()) for line in figure.axes[0].lines]
        figures.plt.close(figure)
        self.assertEqual(lines, [[25, 25], [25, 75]])

    def test_bars_are_the_mean_over_seeds(self):
        for seed in (1, 3):
            write_chain_run(os.path.join(self.path, f"seed-{seed}"), "sequential", seed, self.rng)
        figure = figures.readouts([rundir.read_run(os.path.join(self.path, f"seed-{seed}")) for seed in (1, 3)])
        heights = [bar.get_height() for bar in figure.axes[0].patches]
        figures.plt.close(figure)
        np.testing.assert_allclose(heights, [84.6, 88.6, 92.6, 96.6])

    def test_reading_information(self):
        write_chain_run(self.path + "/run", "sequential", 1, self.rng)
        information = rundir.read_run(self.path + "/run").information
        self.assertEqual(information["nodes"], ["image", "S1", "S2", "S3", "S4", "label"])
        self.assertEqual(information["debiased"].shape, (5, 6, 6))
        os.truncate(self.path + "/run/figures/information.h5", 500)
        with self.assertRaisesRegex(rundir.BadRun, "information.h5"):
            rundir.read_run(self.path + "/run")

    def test_pick_keeps_both_ends(self):
        self.assertEqual(figures.pick(12, 5), [0, 3, 6, 8, 11])
        self.assertEqual(figures.pick(3, 5), [0, 1, 2])
        self.assertEqual(figures.pick(1, 5), [0])

    def test_run_that_recorded_nothing(self):
        with open(os.path.join(self.path, "summary.json"), "w", encoding="utf-8") as file:
            json.dump({"experiment": "bare", "variant": "only", "seed": 3, "measures": {}}, file)
        self.assertEqual(report(self.path).returncode, 0)
        self.assertEqual(self.pictures_of(self.path)[1], 0)

    def test_bad_folders_are_one_line_and_3(self):
        result = report(os.path.join(self.path, "nowhere"))
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stderr, r"^report: .*/nowhere: neither a finished run .*\n$")
        with open(os.path.join(self.path, "summary.json"), "w", encoding="utf-8") as file:
            file.write('{"experiment": ')
        result = report(self.path)
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stderr, r"^report: .*/summary.json: .*\n$")

    def test_reading(self):
        write_run(os.path.join(self.path, "run"), "minimax", 1, self.rng)
        runs, comparison = rundir.read(os.path.join(self.path, "run"))
        self.assertIsNone(comparison)
        self.assertEqual(list(runs[0].codes), [f"V.{i}" for i in range(REGIONS)])
        self.assertEqual(runs[0].codes["V.0"].shape, (FRAMES, UNITS))
        self.assertLess(runs[0].codes["V.0"].max(), 1e3)
        self.assertEqual(len(runs[0].metrics["attention"]["gain_train"]), 130)

    def test_unit_correlation(self):
        codes = self.rng.normal(size=(500, 5)) @ self.rng.normal(size=(5, 5)) + 100
        np.testing.assert_allclose(figures.unit_correlation(codes), np.corrcoef(codes.T), atol=1e-12)
        codes[:, 2] = 7
        self.assertTrue(np.isnan(figures.unit_correlation(codes)[2]).all())

    def test_series_skips_what_is_missing(self):
        metrics = {"step": np.array([0.0, 10, 20]), "loss": np.array([5, np.nan, 4])}
        steps, values = figures.series(metrics, "loss")
        np.testing.assert_array_equal(steps, [0, 20])
        np.testing.assert_array_equal(values, [5, 4])
        self.assertEqual(len(figures.series(metrics, "gain_train")[0]), 0)

    def test_tiles_keep_their_sign_and_zero(self):
        sheet = np.zeros((4, 3, 3))
        sheet[1, 0, 0], sheet[1, 2, 2] = -4, 2
        picture, names, pitch = figures.tile(sheet, {"V.0": 2, "V.1": 2})
        self.assertEqual((names, pitch), ([(0, "V.0"), (1, "V.1")], (4, 4)))
        self.assertEqual((picture[1, 5], picture[3, 7], picture[1, 1]), (-1, 0.5, 0))
        self.assertTrue(np.isnan(picture[0]).all())


if __name__ == "__main__":
    unittest.main()
