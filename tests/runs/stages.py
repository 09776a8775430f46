"""Chains of learning stages, and stages that learn from what was recorded."""

import glob
import json
import os

import h5py
import numpy

from runs.case import CALLOSUM, Case, RECORDED, STAGES, call, command, read, states, summary


class Stages(Case):
    """A chain of learning stages, in every mode."""

    def activity(self, run):
        out = {}
        for path in glob.glob(os.path.join(run, "activity", "probe.S*.h5")):
            with h5py.File(path) as f:
                (name,) = f["report"]
                out[os.path.basename(path)] = numpy.array(f["report"][name]["data"]).tobytes()
        self.assertTrue(out)
        return out

    def test_a_drained_pipeline_equals_simultaneous(self):
        """Labels, random keys and schedules go by presentation, not by wall step: the same weights and activity, bit for bit."""
        one, other = self.run_it("a", STAGES, "simultaneous"), self.run_it("b", STAGES, "pipeline", ranks=3)
        self.assertEqual(states(one), states(other))
        self.assertEqual(self.activity(one), self.activity(other))

    def test_the_same_bits_on_any_ranks(self):
        for variant in ("simultaneous", "pipeline", "sequential", "random"):
            with self.subTest(variant):
                reference = self.run_it("single", STAGES, variant)
                self.assert_equal_runs(reference, self.run_it("full", STAGES, variant, ranks=3))
                self.assert_equal_runs(reference, self.run_it("two", STAGES, variant, "--ranks", "2", ranks=2))

    def test_a_pipeline_stopped_and_resumed(self):
        self.assert_equal_runs(self.run_it("whole", STAGES, "pipeline"), self.stopped(STAGES, "pipeline"))

    def test_frozen_stages_stand_still_and_idle_ones_sleep(self):
        whole = self.run_it("whole", STAGES, "sequential")
        only_one = ("--set", "phases={one: {steps: 10, learn: S1}, probe: {steps: 5, learn: none, stimulus: held-out, record: {S*: [logits]}}}")
        first = self.run_it("first", STAGES, "simultaneous", *only_one)
        self.assertEqual(states(whole, "S1"), states(first, "S1"))
        self.assertEqual(summary(first)["ledger"]["messages"], 2 * 5)  # while S1 learns alone nothing crosses
        self.assertEqual(summary(whole)["ledger"]["messages"], 10 + 2 * 10 + 2 * 5)

    def test_every_mode_is_measured(self):
        for variant, names in (("simultaneous", ("accuracy.S3", "miou.S1", "information.S2.y_debiased", "cka.order")),
                               ("backprop", ("accuracy.net", "miou", "entropy.net.3"))):
            measures = summary(self.run_it("a", STAGES, variant))["measures"]
            for name in names:
                self.assertIn(name, measures)

    def test_a_probe_that_never_comes_up(self):
        measures = summary(self.run_it("a", STAGES, "simultaneous", "--set", "phases.learn.steps=5"))["measures"]
        self.assertIn("accuracy.S3", measures)
        self.assertNotIn("cka.order", measures)

    def test_accuracy_over_training(self):
        """A probe that recurs gives the measure at each moment; its last look, after the last step, is that of the probe at the end."""
        watch = "phases.watch={within: learn, every: 10, steps: 5, learn: none, stimulus: held-out, record: {S3: [logits]}}"
        measures = summary(self.run_it("a", STAGES, "simultaneous", "--set", watch))["measures"]
        self.assertEqual([name for name in measures if name.startswith("accuracy@")], ["accuracy@1", "accuracy@2", "accuracy@3"])
        self.assertEqual(measures["accuracy@3"], measures["accuracy"])
        self.assertNotEqual(measures["accuracy@1"], measures["accuracy"])


class Recorded(Case):
    """Stages that learn from what a finished run recorded."""

    def report(self, run, name):
        with h5py.File(os.path.join(run, "activity", name + ".h5")) as f:
            (region,) = f["report"]
            return numpy.array(f["report"][region]["data"]), dict(f["report"][region]["data"].attrs)

    def source(self):
        return "--set", "stimulus.run=" + self.run_it("source", RECORDED, "first")

    def test_a_dump_is_what_a_frozen_stage_sends(self):
        """By its running statistics, in a `sequential` chain and in a dump: the same maps, of the same images, with their labels."""
        first, chain = self.run_it("source", RECORDED, "first"), self.run_it("chain", RECORDED, "sequential")
        rows = []
        for run, phase in ((first, "dump"), (chain, "two")):
            maps, labels = self.report(run, phase + ".S1.map")[0], self.report(run, phase + ".S1.true_label")[0]
            order = numpy.argsort(maps.sum(1, dtype=float))
            rows.append((maps[order], labels[order]))
        self.assertGreater(numpy.diff(numpy.sort(rows[0][0].sum(1, dtype=float))).min(), 0)
        numpy.testing.assert_allclose(rows[0][0], rows[1][0], rtol=1e-4, atol=1e-5)
        numpy.testing.assert_array_equal(rows[0][1], rows[1][1])

    def test_reports_say_what_they_are(self):
        run = self.run_it("source", RECORDED, "first")
        for name, shape in (("dump", (200, 4 * 16 * 16)), ("probe", (100, 4 * 16 * 16)), ("watch", (80, 4 * 16 * 16))):
            maps, marks = self.report(run, name + ".S1.map")
            self.assertEqual((maps.shape, [marks[key] for key in ("channels", "height", "width")]), (shape, [4, 16, 16]))
            self.assertEqual(marks["repeats"], 2 if name == "watch" else 1)
            self.assertNotIn("channels", self.report(run, name + ".S1.true_label")[1])
        labels, boxes = self.report(run, "dump.S1.true_label")[0], self.report(run, "dump.S1.true_box")[0]
        self.assertEqual(sorted(set(labels.ravel())), list(range(20)))
        self.assertTrue(((boxes > 0) & (boxes < 1)).all())
        logits, box = self.report(run, "probe.S1.logits")[0], self.report(run, "probe.S1.box")[0]
        measures = summary(run)["measures"]
        truth, guess = self.report(run, "probe.S1.true_label")[0].ravel(), logits.argmax(1)
        self.assertAlmostEqual(measures["accuracy.S1"], (truth == guess).mean())
        self.assertFalse(numpy.array_equal(box, self.report(run, "probe.S1.true_box")[0]))

    def test_the_same_bits_on_any_ranks(self):
        source = self.source()
        reference = self.run_it("single", RECORDED, "next", *source)
        self.assert_equal_runs(reference, self.run_it("full", RECORDED, "next", *source, ranks=2))
        self.assert_equal_runs(reference, self.run_it("reverse", RECORDED, "next", "--place", "reverse", *source, ranks=2))

    def test_stopped_and_resumed(self):
        """The run that records, and the one that learns from it."""
        first = self.stopped(RECORDED, "first")
        self.assert_equal_runs(self.run_it("source", RECORDED, "first"), first)
        self.assertEqual(self.report(first, "dump.S1.map")[1]["channels"], 4)
        source = ("--set", "stimulus.run=" + first)
        self.assert_equal_runs(self.run_it("whole", RECORDED, "next", *source), self.stopped(RECORDED, "next", *source))

    def test_it_learns_and_can_be_recorded_again(self):
        source = self.source()
        run = self.run_it("next", RECORDED, "next", *source, "--set", "phases.learn.epochs=20")
        with open(os.path.join(run, "metrics", "S2.jsonl"), encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        self.assertLess(lines[-1]["loss"], 0.8 * lines[0]["loss"])  # labels and boxes belong to the maps
        self.assertGreater(lines[-1]["accuracy"], 0.25)  # of 20 classes
        self.assertEqual(self.report(run, "probe.S3.map")[1]["height"], 8)
        labels = [sorted(self.report(where, name)[0].ravel()) for where, name in
                  ((self.folder("source", "first"), "probe.S1.true_label"), (run, "probe.S2.true_label"))]
        self.assertEqual(*labels)

    def test_the_folder_of_all_seeds_and_check(self):
        self.source()
        folder = ("--set", "stimulus.run=" + os.path.join(self.dir, "source", "first"))
        result = call([CALLOSUM, "check", RECORDED, "--variant", "next", *folder])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("200 samples to train, 100 held out", result.stdout)
        used = read(os.path.join(self.run_it("next", RECORDED, "next", *folder), "used.yml")).decode()
        self.assertIn("run: " + folder[1].split("=")[1], used)
        result = call(command(RECORDED, "--variant", "next", "--seed", "2", "--out", os.path.join(self.dir, "o"), *folder))
        self.assert_one_line(result, 3, "expected a folder with a used.yml or with a seed-2")

    def test_what_cannot_be_learnt_from(self):
        source = self.source()
        probe = ("--set", "stimulus.train=probe")
        for ranks in (1, 2):
            for code, words, *options in ((2, ("train: no phase `dum`", "did you mean `dump`?"), "--set", "stimulus.train=dum"),
                                          (2, ("train: phase `watch` ran 2 times",), "--set", "stimulus.train=watch"),
                                          (2, ("there is: S1",), "--set", "stimulus.region=S2"),
                                          (2, ("there is: box, logits, map",), "--set", "stimulus.variable=mop", *probe),
                                          (2, ("S2: cannot pool a map of 1 x 20",), "--set", "stimulus.variable=logits", *probe),
                                          (2, ("phase `probe`", "0 held out"), "--set", "stimulus.held_out=''"),
                                          (3, ("nowhere: there is no run",), "--set", "stimulus.run=nowhere")):
                with self.subTest(f"{options[1]} on {ranks}"):
                    words_of = command(RECORDED, "--variant", "next", "--out", os.path.join(self.dir, "o"), *source, *options, ranks=ranks)
                    self.assert_one_line(call(words_of), code, *words)
                    self.assertFalse(os.path.exists(os.path.join(self.dir, "o")))
        path = os.path.join(self.folder("source", "first"), "activity", "dump.S1.map.h5")
        with open(path, "r+b") as f:
            f.truncate(os.path.getsize(path) // 2)
        self.assert_one_line(call(command(RECORDED, "--variant", "next", "--out", os.path.join(self.dir, "o"), *source)), 3, path)

    def test_a_run_that_is_not_finished(self):
        out = os.path.join(self.dir, "half")
        self.assertEqual(call(command(RECORDED, "--variant", "first", "--out", out, "--max-time", "0.0001")).returncode, 6)
        source = ("--set", "stimulus.run=" + os.path.join(out, "first"))
        self.assert_one_line(call(command(RECORDED, "--variant", "next", "--out", os.path.join(self.dir, "o"), *source)), 3, "is not finished")
