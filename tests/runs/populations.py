"""Populations that share a hidden layer: the same bits in any number of regions, on any ranks and across a kill."""

import glob
import json
import os

import h5py
import numpy

from runs.case import Case, POPULATIONS, call, command, newest, summary


class Populations(Case):
    def state(self, run):
        """Every state array of the populations, their rows one below the other in region order; and the readout's."""
        regions = []
        for path in sorted(glob.glob(os.path.join(newest(run), "P.*.h5"))):
            with h5py.File(path) as f:
                regions.append({name: numpy.array(f["state"][name]) for name in f["state"]})
        self.assertTrue(regions)
        for region in regions:
            region["row_length"] = numpy.diff(region.pop("row_start"))
            self.assertEqual(region.pop("adapted").tolist(), [30])
        with h5py.File(os.path.join(newest(run), "readout.h5")) as f:
            weights = numpy.array(f["state"]["V"])
        return {"V": weights, **{name: numpy.concatenate([region[name] for region in regions]) for name in regions[0]}}

    def activity(self, run, pattern):
        columns = []
        for path in sorted(glob.glob(os.path.join(run, "activity", pattern))):
            with h5py.File(path) as f:
                (name,) = f["report"]
                columns.append(numpy.array(f["report"][name]["data"]))
        return numpy.concatenate(columns, 1)

    def test_any_number_of_regions_has_the_same_bits(self):
        one = self.run_it("one", POPULATIONS, "one")
        self.assertEqual(self.activity(one, "probe.P.*.h.h5").shape, (100, 120))
        self.assertGreater(numpy.abs(self.state(one)["log_w"]).max(), 0.1)
        for variant, regions in (("two", 3), ("three", 4), ("four", 5), ("eight", 9)):
            for ranks in (1, regions) if variant == "three" else (regions,):
                with self.subTest(f"{variant} on {ranks}"):
                    many = self.run_it(f"{variant}-{ranks}", POPULATIONS, variant, ranks=ranks)
                    a, b = self.state(one), self.state(many)
                    self.assertEqual(set(a), set(b))
                    for name in a:
                        self.assertEqual(a[name].tobytes(), b[name].tobytes(), name)
                    for pattern in ("probe.P.*.h.h5", "probe.readout.logits.h5", "watch.readout.logits.h5"):
                        self.assertEqual(self.activity(one, pattern).tobytes(), self.activity(many, pattern).tobytes(), pattern)

    def test_the_same_bits_on_any_ranks(self):
        for variant, regions in (("two", 3), ("perturbation", 4), ("late", 3), ("backprop", 1)):
            with self.subTest(variant):
                reference = self.run_it("single", POPULATIONS, variant)
                for ranks in {2, 3} if regions > 3 else {2} if regions > 1 else {1}:
                    self.assert_equal_runs(reference, self.run_it(f"ranks-{ranks}", POPULATIONS, variant, "--ranks", str(ranks), ranks=ranks))
                if regions > 1:
                    self.assert_equal_runs(reference, self.run_it("reverse", POPULATIONS, variant, "--place", "reverse", ranks=regions))
        reference = self.run_it("single", POPULATIONS, "eight")
        self.assert_equal_runs(reference, self.run_it("ranks-5", POPULATIONS, "eight", "--ranks", "5", ranks=5))

    def test_killed_and_resumed_equals_uninterrupted(self):
        long = ("--set", "phases.learn.steps=400", "--set", "phases.probe.steps=5", "--set", "checkpoint.every=37")
        for seed, (variant, ranks) in enumerate((("one", 1), ("three", 3))):
            with self.subTest(variant):
                reference = self.run_it("whole", POPULATIONS, variant, *long)
                options = long + (("--ranks", str(ranks)) if variant == "three" else ())
                self.assert_equal_runs(reference, self.kill_and_resume(POPULATIONS, variant, ranks, seed=seed, long=options))

    def test_stopped_every_other_step(self):
        stopped = self.stopped(POPULATIONS, "late", ranks=(1, 3, 2), regions=3)
        self.assert_equal_runs(self.run_it("whole", POPULATIONS, "late"), stopped)

    def test_it_learns_and_is_measured(self):
        run = self.run_it("one", POPULATIONS, "one", "--set", "phases.learn.steps=300", "--set", "regions.P.release=1")
        measures = summary(run)["measures"]
        self.assertEqual(measures["accuracy"], measures["accuracy.readout"])
        self.assertIn("accuracy@1", measures)
        with open(os.path.join(run, "metrics", "readout.jsonl"), encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        self.assertLess(lines[-1]["loss"], 0.9 * lines[0]["loss"])
        self.assertGreater(lines[-1]["accuracy"], 0.15)  # of 20 classes

    def test_bad_wiring_is_told(self):
        for words, *options in (("needs two contexts, `label` from the stimulus and `p` from a readout", "--set", "projections.labels.to=readout"),
                                ("a window of 40 px and margins of 2 px do not fit in a picture of 32 x 32", "--set", "regions.P.window=40"),
                                ("expected 0 to 9: `classes` is 10", "--set", "regions.readout.classes=10")):
            with self.subTest(words):
                self.assert_one_line(call(command(POPULATIONS, "--out", os.path.join(self.dir, "o"), *options)), 2, words)

