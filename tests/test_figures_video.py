"""The figures of a world in time, on a figures/video.h5 made here."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "analysis"))
import figures
import figures_video
import rundir

SIDE, FRAMES, BLIND, SEQUENCES = 8, 40, 25, 2


def write_video(path, seed=1, better=0.0):
    """A bright column that moves to the right; what is generated of it fades. An attention that holds the curvature, the wrong way round, and noise."""
    os.makedirs(os.path.join(path, "figures"))
    rng = np.random.default_rng(seed)
    frames = np.arange(10, 10 + FRAMES)
    true = np.zeros((SEQUENCES, FRAMES, SIDE, SIDE), dtype=np.float32)
    for sequence in range(SEQUENCES):
        for i in range(FRAMES):
            true[sequence, i, :, (i + sequence) % SIDE] = 1
    ago = np.maximum(frames - BLIND + 1, 0)
    curve = np.stack([1 - (0.2 + better) * np.exp(-0.05 * ago), np.full(FRAMES, 0.98), np.where(ago, 2 - 1.7 * np.exp(0.5 - 0.5 * ago), np.nan)], 1)
    angle = np.radians(50 + np.concatenate([np.linspace(first, first + 180, 100) for first in (20, 0, 120)]))  # half a lap; two windows of another track
    heading = angle + np.pi / 2
    curvature = np.sin(np.linspace(0, 20, 300))
    with h5py.File(os.path.join(path, "figures", "video.h5"), "w") as file:
        file["frame"] = frames
        file["frame"].attrs["blind_from"] = BLIND
        file["truth"], file["generated"] = true, true * np.exp(-0.2 * ago)[None, :, None, None].astype(np.float32)
        file["curve"], file["curve_road"] = curve, curve - 0.3
        file["g"] = np.outer(-3 * curvature, [1, -1, 0.5, 0]) + 0.1 * rng.normal(size=(300, 4))
        file["curvature"], file["g_window"], file["sequence"] = curvature, np.repeat([0, 1, 64], 100), np.repeat([4.0, 7, 7], 100)
        x, y = figures_video.MIDDLE + 55 * np.array([np.cos(angle), np.sin(angle)])
        file["car"] = np.stack([x, y, heading, 0 * angle, 0 * angle], 1)


class FiguresOfVideo(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def run_directory(self, variant="minimax", seed=1, **how):
        path = os.path.join(self.dir, variant, f"seed-{seed}")
        os.makedirs(path)
        with open(os.path.join(path, "summary.json"), "w", encoding="utf-8") as file:
            json.dump({"experiment": "toy", "variant": variant, "seed": seed, "measures": {}}, file)
        write_video(path, **how)
        return path

    def report(self, path):
        return subprocess.run([sys.executable, os.path.join(ROOT, "analysis", "report.py"), path], capture_output=True, text=True, check=False)

    def drawn(self, drawer, *paths):
        figure = drawer([rundir.read_run(path) for path in paths])
        self.addCleanup(figures.plt.close, figure)
        return figure

    def test_report_of_a_run_and_of_a_comparison(self):
        for variant in ("minimax", "control"):
            for seed in (1, 2):
                path = self.run_directory(variant, seed)
        with open(os.path.join(self.dir, "compare.json"), "w", encoding="utf-8") as file:
            json.dump({"minimax": {}, "control": {}}, file)
        for folder in (path, self.dir):
            result = self.report(folder)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertLessEqual({"generated.png", "blind.png", "attended.png"}, set(os.listdir(os.path.join(folder, "figures"))))
            with open(os.path.join(folder, "report.html"), encoding="utf-8") as file:
                text = file.read()
            for heading in ("Generated frames", "With the stimulus off", "What attention holds"):
                self.assertIn(f"<h2>{heading}</h2>", text)

    def test_generated_stand_below_the_true_ones(self):
        axis = self.drawn(figures_video.generated, self.run_directory()).axes[0]
        self.assertEqual([label.get_text() for label in axis.get_yticklabels()], ["true", "generated"] * SEQUENCES)
        shown = [int(label.get_text()) for label in axis.get_xticklabels()]
        self.assertEqual((shown[0], shown[3], shown[4], shown[-1], len(shown)), (10, 24, 25, 49, 12))
        picture = axis.images[0].get_array()
        for x, frame in enumerate(shown):
            top = x * (SIDE + 1) + (frame - 10) % SIDE
            self.assertEqual(picture[0, top], 1)
            self.assertAlmostEqual(picture[SIDE + 1, top], np.exp(-0.2 * max(frame - BLIND + 1, 0)), places=5)
        self.assertAlmostEqual(axis.lines[0].get_xdata()[0], 4 * (SIDE + 1) - 1)

    def test_variants_one_below_the_other(self):
        paths = [self.run_directory(variant) for variant in ("minimax", "control")]
        axis = self.drawn(figures_video.generated, *paths).axes[0]
        self.assertEqual([label.get_text() for label in axis.get_yticklabels()], ["true", "minimax", "control"])

    def test_blind_curves_are_means_over_seeds(self):
        paths = [self.run_directory("minimax", seed, better=better) for seed, better in ((1, 0.0), (2, 0.2))]
        frames_axis, road_axis = self.drawn(figures_video.blind, *paths).axes
        lines = {line.get_label(): line for line in frames_axis.lines[:3]}
        self.assertEqual(list(lines), ["minimax", "mean image", "last frame seen"])
        self.assertEqual(list(lines["minimax"].get_xdata()[[0, -1]]), [10, 49])
        self.assertAlmostEqual(lines["minimax"].get_ydata()[BLIND - 10], 1 - 0.3 * np.exp(-0.05))
        self.assertTrue(np.isnan(lines["last frame seen"].get_ydata()[BLIND - 11]))
        self.assertAlmostEqual(lines["last frame seen"].get_ydata()[BLIND - 10], 0.3)
        self.assertAlmostEqual(road_axis.lines[0].get_ydata()[0], 0.4)

    def test_components_go_with_the_curvature(self):
        video = rundir.read_run(self.run_directory()).video
        share, scores = figures_video.components(video["g"], video["curvature"])
        self.assertGreater(share[0], 0.98)
        self.assertAlmostEqual(share.sum(), 1)
        self.assertGreater(np.corrcoef(scores[:, 0], video["curvature"])[0, 1], 0.99)
        np.testing.assert_allclose(np.var(scores, axis=0) / np.var(video["g"], axis=0).sum(), share, atol=1e-9)

    def test_the_lap_is_the_one_that_is_covered_best(self):
        film = rundir.read_run(self.run_directory()).video
        track, place = figures_video.best_lap(film)
        self.assertEqual(track, 7)
        np.testing.assert_allclose(place, np.concatenate([np.linspace(0, 180, 100), np.linspace(120, 300, 100)]), atol=1e-3)
        film["car"][:, 1] = 2 * figures_video.MIDDLE - film["car"][:, 1]  # the other way round
        film["car"][:, 2] *= -1
        np.testing.assert_allclose(figures_video.best_lap(film)[1], place, atol=1e-3)

    def test_curvature_is_read_by_a_line_fitted_to_other_tracks(self):
        film = rundir.read_run(self.run_directory()).video
        guess, correlation = figures_video.read_curvature(film, 7)
        self.assertGreater(correlation, 0.98)
        np.testing.assert_allclose(guess, film["curvature"], atol=0.2)
        mine = film["sequence"] == 7
        film["curvature"][mine] = np.random.default_rng(1).permutation(film["curvature"][mine])
        again, correlation = figures_video.read_curvature(film, 7)
        np.testing.assert_array_equal(again, guess)
        self.assertLess(abs(correlation), 0.3)
        film["sequence"][:] = 7
        self.assertTrue(np.isnan(figures_video.read_curvature(film, 7)[1]))

    def test_a_lap_on_a_map_and_rolled_out(self):
        figure = self.drawn(figures_video.attended, self.run_directory())
        titled = {axis.get_title(loc="left"): axis for axis in figure.axes}
        component_axis, curvature_axis = titled["g"], titled["Curvature"]
        for axis in (axis for axis in figure.axes if axis.get_ylabel() == "m"):
            self.assertEqual([len(dots.get_offsets()) for dots in axis.collections[:2]], [200, 200])
        self.assertEqual(len(component_axis.get_legend().get_texts()), 2)
        bend = [line for line in curvature_axis.lines if line.get_color() == "#000000"]
        self.assertEqual([len(line.get_xdata()) for line in bend], [100, 100])

    def test_what_the_world_does_not_offer_is_left_out(self):
        path = self.run_directory()
        with h5py.File(os.path.join(path, "figures", "video.h5"), "a") as file:
            for name in ("curvature", "car", "curve_road"):
                del file[name]
        self.assertEqual(self.report(path).returncode, 0)
        made = os.listdir(os.path.join(path, "figures"))
        self.assertIn("blind.png", made)
        self.assertNotIn("attended.png", made)

    def test_a_damaged_file_is_named(self):
        path = self.run_directory()
        os.truncate(os.path.join(path, "figures", "video.h5"), 300)
        result = self.report(path)
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stderr, r"^report: .*video.h5: .*\n$")


if __name__ == "__main__":
    unittest.main()
