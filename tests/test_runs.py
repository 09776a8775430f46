"""The program on small experiments: the same bits wherever regions live and across a kill, and a plain end whatever goes wrong.

usage: test_runs.py CALLOSUM [unittest arguments]"""

import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py
import numpy

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "runs")
STAR = os.path.join(DATA, "star.yaml")
CHAIN = os.path.join(DATA, "chain.yaml")
STAGES = os.path.join(DATA, "stages.yaml")
RECORDED = os.path.join(DATA, "recorded.yaml")
SHARDS = os.path.join(DATA, "shards.yaml")
CALLOSUM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
MPIRUN = "mpirun -q --mca odls_base_sigkill_timeout 0 --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 --mca pml ob1 --mca btl self,vader".split()
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def command(experiment, *options, ranks=1):
    if ranks == 1:
        return [CALLOSUM, "run", experiment, "--single", *options]
    return [*MPIRUN, "-n", str(ranks), CALLOSUM, "run", experiment, *options]


def call(words, **options):
    return subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False, **options)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def summary(run):
    return json.loads(read(os.path.join(run, "summary.json")))


def processes(text, program=""):
    """Numbers of the processes whose command line has the text in it and starts with the program, lowest first."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            line = read(path).replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # gone meanwhile
        if text in line and line.startswith(program):
            found.append(int(path.split("/")[2]))
    return sorted(found)


def kill_all(text):
    for pid in processes(text):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def newest(run):
    return sorted(glob.glob(os.path.join(run, "checkpoint", "step-?????????")))[-1]


def difference(one, other):
    """What differs between two runs that should be equal, or ''."""
    files = [sorted(os.path.relpath(path, run) for pattern in ("metrics/*", "activity/*") for path in glob.glob(os.path.join(run, pattern)))
             for run in (one, other)]
    if files[0] != files[1] or sorted(os.listdir(newest(one))) != sorted(os.listdir(newest(other))):
        return f"files: {files}"
    for path in sorted(glob.glob(os.path.join(newest(one), "*"))):
        same = os.path.join(newest(other), os.path.basename(path))
        if not os.path.exists(same) or read(path) != read(same):
            return path
    for path in sorted(glob.glob(os.path.join(one, "activity", "*.h5"))):
        if path.count(".") < 3:
            continue  # a master
        with h5py.File(path) as a, h5py.File(path.replace(one, other)) as b:
            (name,) = a["report"]
            a, b = a["report"][name], b["report"][name]
            if not numpy.array_equal(a["data"], b["data"]) or list(a["mapping/time"]) != list(b["mapping/time"]):
                return path
            if a["data"].attrs["stimulus_hash"] != b["data"].attrs["stimulus_hash"]:
                return path + ": stimulus_hash"
    for path in sorted(glob.glob(os.path.join(one, "metrics", "*"))):
        if read(path) != read(path.replace(one, other)):
            return path
    a, b = summary(one), summary(other)
    for ledger in (a["ledger"], b["ledger"]):
        del ledger["control_messages"]
    for key in ("experiment", "variant", "seed", "steps", "measures", "ledger"):
        if a[key] != b[key]:
            return f"summary.json: {key}: {a[key]} and {b[key]}"
    return ""


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def folder(self, name, variant):
        return os.path.join(self.dir, name, variant, "seed-1")

    def run_it(self, name, experiment, variant, *options, ranks=1, code=0):
        result = call(command(experiment, "--variant", variant, "--out", os.path.join(self.dir, name), *options, ranks=ranks))
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return self.folder(name, variant)

    def assert_equal_runs(self, one, other):
        self.assertEqual(difference(one, other), "")

    def assert_one_line(self, result, code, *words):
        """Ends with the code and says one line on standard error, with these words in it."""
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        self.assertEqual((result.returncode, len(lines)), (code, 1), result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, lines[0])
        self.assertTrue(lines[0].startswith("callosum: "), lines[0])


class Placement(Case):
    """--single, one region a rank, regions in reverse order, several regions a rank: equal bits."""

    def check(self, experiment, variant, regions):
        reference = self.run_it("single", experiment, variant)
        self.assert_equal_runs(reference, self.run_it("full", experiment, variant, ranks=regions))
        self.assert_equal_runs(reference, self.run_it("reverse", experiment, variant, "--place", "reverse", ranks=regions))
        for ranks in (2, 3):
            self.assert_equal_runs(reference, self.run_it(f"ranks-{ranks}", experiment, variant, "--ranks", str(ranks), ranks=ranks))

    def test_star_predictor(self):
        self.check(STAR, "minimax", 5)

    def test_star_masked(self):
        self.check(STAR, "masked", 5)

    def test_star_uniform(self):
        self.check(STAR, "control", 5)

    def test_star_with_a_late_context(self):
        self.check(STAR, "delayed", 5)
        self.check(STAR, "later", 5)

    def test_a_phase_within_another(self):
        self.check(STAR, "watched", 5)

    def test_null_chains_and_rings(self):
        for variant in ("simultaneous", "pipeline", "slow", "feedback", "late", "ring"):
            with self.subTest(variant):
                self.check(CHAIN, variant, 5)


class Delays(Case):
    def sums(self, run):
        """What every null region has counted and summed."""
        out = {}
        for path in glob.glob(os.path.join(newest(run), "*.h5")):
            with h5py.File(path) as f:
                out[os.path.basename(path)] = {name: numpy.array(f["state"][name]).tolist() for name in f["state"]}
        return out

    def test_a_drained_pipeline_equals_simultaneous(self):
        reference = self.sums(self.run_it("a", CHAIN, "simultaneous"))
        self.assertEqual(reference, self.sums(self.run_it("b", CHAIN, "pipeline")))
        self.assertEqual(reference, self.sums(self.run_it("c", CHAIN, "slow", ranks=5)))

    def test_what_a_region_receives_does_not_depend_on_breaks(self):
        """A phase within another, in which nobody learns, changes nothing that a region gets: presentations included."""
        watch = ("--set", "phases.first.learn=all", "--set", "phases.watch={within: first, every: 3, steps: 2, learn: none, record: {A: state}}")
        self.assertEqual(self.sums(self.run_it("a", CHAIN, "simultaneous")), self.sums(self.run_it("b", CHAIN, "simultaneous", *watch)))

    def test_sleeping_regions_do_not_send(self):
        run = self.run_it("a", CHAIN, "simultaneous", ranks=5)
        messages = summary(run)["ledger"]["messages"]
        self.assertEqual(messages, 4 * 12 + 1 * 5 + 4 * 6)  # while only B learns, A alone is awake beside it


class Lossy(Case):
    """Drives that lose messages: the target works on the last one that arrived, and all that hangs on it follows."""

    LOSSY = ("--set", "phases={first: {steps: 60, learn: all}}", "--set", "checkpoint={every: 1, keep: 1000}")
    TOLD = ("--set", "projections.told={from: stimulus, to: [A, B, C, D, E], role: context}")

    def brought(self, run, region):
        """What each presentation has brought a null region: it keeps the sum c <- 3/8 c + x, where x comes of drive and context."""
        sums = [0.0]
        for path in sorted(glob.glob(os.path.join(run, "checkpoint", "step-?????????", region + ".h5"))):
            with h5py.File(path) as f:
                if f["state/learnt"][0] == len(sums):
                    sums.append(f["state/checksum"][0])
        self.assertEqual(len(sums), 61)
        return [after - 0.375 * before for before, after in zip(sums, sums[1:])]

    def origins(self, run, whole):
        """Of each region, the presentation that each of its own was really of. Drive and context must be of the same: no mixture is in `whole`."""
        out = {}
        for region in "ABCDE":
            found = [[p for p, x in enumerate(whole) if abs(x - y) <= 1e-9 * abs(y)] for y in self.brought(run, region)]
            self.assertTrue(all(len(one) == 1 for one in found), found)
            out[region] = [one[0] for one in found]
        return out

    def test_labels_follow_what_is_replayed(self):
        whole = self.brought(self.run_it("whole", CHAIN, "simultaneous", *self.LOSSY, *self.TOLD), "E")
        run = self.run_it("lossy", CHAIN, "pipeline", *self.LOSSY, *self.TOLD, "--set", "projections.links.drop=0.3")
        origin = self.origins(run, whole)
        self.assertEqual(origin["A"], list(range(60)))
        lost = 0
        for above, region in zip("ABCD", "BCDE"):
            self.assertEqual(origin[region][0], 0)
            for p in range(1, 60):
                arrived, repeated = origin[above][p], origin[region][p - 1]
                self.assertIn(origin[region][p], (arrived, repeated))
                lost += origin[region][p] != arrived
        self.assertGreater(lost, 0.1 * 4 * 60)  # what is lost while the one above repeats itself does not show
        self.assertLess(lost, 0.4 * 4 * 60)
        self.assertEqual(len({tuple(origin[region]) for region in "ABCDE"}), 5)  # each link loses its own

    def test_without_losses_nothing_changes(self):
        self.assert_equal_runs(self.run_it("a", CHAIN, "pipeline"), self.run_it("b", CHAIN, "pipeline", "--set", "projections.links.drop=0"))

    def test_breaks_change_nothing(self):
        """What stands in for a lost message outlasts a phase within, one that loses messages itself included."""
        states = []
        for name, within in (("a", ""), ("b", ", look: {within: first, every: 7, steps: 4, learn: none, record: {E: state}}"),
                             ("c", ", more: {within: first, every: 1, steps: 9, learn: E}")):
            run = self.run_it(name, CHAIN, "lossy", "--set", "phases={first: {steps: 60, learn: all}" + within + "}")
            states.append({})
            for region in "ABCD":
                with h5py.File(os.path.join(newest(run), region + ".h5")) as f:
                    states[-1][region] = (f["state/learnt"][0], f["state/checksum"][0])
        self.assertEqual(states[0], states[1])
        self.assertEqual(states[0], states[2])

    def test_the_same_bits_everywhere(self):
        for experiment, regions in ((CHAIN, 5), (STAGES, 3)):
            reference = self.run_it("single", experiment, "lossy")
            for ranks in sorted({2, 3, regions}):
                options = () if ranks == regions else ("--ranks", str(ranks))
                self.assert_equal_runs(reference, self.run_it(f"ranks-{ranks}", experiment, "lossy", *options, ranks=ranks))
            self.assert_equal_runs(reference, self.run_it("reverse", experiment, "lossy", "--place", "reverse", ranks=regions))
            shutil.rmtree(self.dir)

    def test_a_lossy_pipeline_equals_lossy_simultaneous(self):
        """Which messages are lost goes by presentation, not by wall step."""
        runs = [self.run_it(name, STAGES, "lossy", "--set", f"projections.chain.delay={delay}") for name, delay in (("a", 0), ("b", 2))]
        runs.append(self.run_it("whole", STAGES, "pipeline"))
        weights = []
        for run in runs:
            with h5py.File(os.path.join(newest(run), "S3.h5")) as f:
                weights.append({name: numpy.array(f["state"][name]).tobytes() for name in f["state"]})
        self.assertEqual(weights[0], weights[1])
        self.assertNotEqual(weights[0], weights[2])

    def test_activity_that_would_meet_the_wrong_stimulus_is_refused(self):
        result = call(command(CHAIN, "--variant", "lossy", "--out", os.path.join(self.dir, "a"), "--set", "phases.first.record={C: state}"))
        self.assert_one_line(result, 2, "phase `first` records C while `links` drops messages", "learns nothing")


class Stages(Case):
    """A chain of learning stages, in every mode."""

    def weights(self, run, region="*"):
        out = {}
        for path in glob.glob(os.path.join(newest(run), region + ".h5")):
            with h5py.File(path) as f:
                out[os.path.basename(path)] = {name: numpy.array(f["state"][name]).tobytes() for name in f["state"]}
        self.assertTrue(out)
        return out

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
        self.assertEqual(self.weights(one), self.weights(other))
        self.assertEqual(self.activity(one), self.activity(other))

    def test_the_same_bits_on_any_ranks(self):
        for variant in ("simultaneous", "pipeline", "sequential", "random"):
            with self.subTest(variant):
                reference = self.run_it("single", STAGES, variant)
                self.assert_equal_runs(reference, self.run_it("full", STAGES, variant, ranks=3))
                self.assert_equal_runs(reference, self.run_it("two", STAGES, variant, "--ranks", "2", ranks=2))

    def test_a_pipeline_stopped_and_resumed(self):
        reference = self.run_it("whole", STAGES, "pipeline")
        out = os.path.join(self.dir, "stopped")
        for step in range(1, 100):
            result = call(command(STAGES, "--variant", "pipeline", "--out", out, "--resume", "--max-time", "0.0001"))
            self.assertIn(result.returncode, (0, 6), result.stderr)
            if result.returncode == 0:
                break
        self.assertGreater(step, 3)
        self.assert_equal_runs(reference, os.path.join(out, "pipeline", "seed-1"))

    def test_frozen_stages_stand_still_and_idle_ones_sleep(self):
        whole = self.run_it("whole", STAGES, "sequential")
        only_one = ("--set", "phases={one: {steps: 10, learn: S1}, probe: {steps: 5, learn: none, stimulus: held-out, record: {S*: [logits]}}}")
        first = self.run_it("first", STAGES, "simultaneous", *only_one)
        self.assertEqual(self.weights(whole, "S1"), self.weights(first, "S1"))
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

    def stopped(self, variant, *options):
        """Stopped after every few steps, and resumed."""
        out = os.path.join(self.dir, "stopped")
        for step in range(1, 200):
            result = call(command(RECORDED, "--variant", variant, "--out", out, "--resume", "--max-time", "0.0001", *options))
            self.assertIn(result.returncode, (0, 6), result.stderr)
            if result.returncode == 0:
                break
        self.assertGreater(step, 3)
        return os.path.join(out, variant, "seed-1")

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
        first = self.stopped("first")
        self.assert_equal_runs(self.run_it("source", RECORDED, "first"), first)
        self.assertEqual(self.report(first, "dump.S1.map")[1]["channels"], 4)
        source = ("--set", "stimulus.run=" + first)
        self.assert_equal_runs(self.run_it("whole", RECORDED, "next", *source), self.stopped("next", *source))

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


class Shards(Case):
    """An attention in several shards: who deals with what changes no bit, and bits do not depend on ranks."""

    def state(self, run, pattern):
        """Every state array of the regions, their rows one below the other in region order."""
        regions = []
        for path in sorted(glob.glob(os.path.join(newest(run), pattern + ".h5"))):
            with h5py.File(path) as f:
                regions.append({name: numpy.array(f["state"][name]) for name in f["state"]})
        return {name: numpy.concatenate([region[name] for region in regions]) for name in regions[0]}

    def test_shards_that_read_all_are_one_attention(self):
        one = self.run_it("one", SHARDS, "one")
        for variant in ("two", "three"):
            with self.subTest(variant):
                many = self.run_it(variant, SHARDS, variant)
                for pattern in ("V.*", "W.*", "A.?"):
                    a, b = self.state(one, pattern), self.state(many, pattern)
                    self.assertEqual(set(a), set(b))
                    for name in a:
                        self.assertEqual(a[name].tobytes(), b[name].tobytes(), f"{pattern}: {name}")
                for name in ("decode_mse", "unit_correlation"):
                    self.assertEqual(summary(one)["measures"][name], summary(many)["measures"][name])
                self.assertAlmostEqual(summary(one)["measures"]["adversary_gain"], summary(many)["measures"]["adversary_gain"], 9)

    def test_a_group_of_one_is_a_region(self):
        """`count: 1` and no count differ in the name alone."""
        star = self.run_it("star", STAR, "minimax")
        group = self.run_it("group", STAR, "minimax", "--set", "regions={V: {kind: cortex, count: 4, units: 2, hidden: 16, guard: 0, optimiser: {rate: 0.01}}, "
                            "attention: {kind: attention, count: 1, optimiser: {rate: 0.01}}}", "--set", "projections.codes.to=attention.*",
                            "--set", "projections.context.from=attention.0")
        for mine, theirs in (("V.?", "V.?"), ("attention", "attention.0")):
            a, b = self.state(star, mine), self.state(group, theirs)
            self.assertTrue(all(a[name].tobytes() == b[name].tobytes() for name in a))

    def test_the_same_bits_on_any_ranks(self):
        for variant, regions in (("two", 8), ("sparse", 9), ("late", 9)):
            with self.subTest(variant):
                reference = self.run_it("single", SHARDS, variant)
                self.assert_equal_runs(reference, self.run_it("full", SHARDS, variant, ranks=regions))
                self.assert_equal_runs(reference, self.run_it("reverse", SHARDS, variant, "--place", "reverse", ranks=regions))
                for ranks in (2, 3, 5):
                    self.assert_equal_runs(reference, self.run_it(f"ranks-{ranks}", SHARDS, variant, "--ranks", str(ranks), ranks=ranks))

    def test_only_what_is_read_crosses(self):
        """Of six cortices 22 units: each shard gets two views of its own and one view of each far region, each cortex its columns."""
        batch, steps, units = 16, 40, 22
        for variant, far in (("one", 0), ("three", 2 * units), ("sparse", None)):
            with self.subTest(variant):
                run = self.run_it(variant, SHARDS, variant)
                ledger = summary(run)["ledger"]
                edges = {"one": 12, "three": 6 * 3 + 6, "sparse": 6 + 3 + 6}[variant]
                self.assertEqual(ledger["messages"], steps * edges)
                if far is not None:
                    self.assertEqual(ledger["bytes"], 4 * steps * (batch * (2 * units + far) + (batch + 1) * units))

    def test_stopped_and_resumed_on_other_ranks(self):
        reference = self.run_it("whole", SHARDS, "late")
        ranks = (1, 9, 1, 1, 1, 2, 1, 1, 1, 5)
        for step in range(1, 200):
            n = ranks[step % len(ranks)]
            options = ("--ranks", str(n)) if n not in (1, 9) else ()
            result = call(command(SHARDS, "--variant", "late", "--out", os.path.join(self.dir, "stopped"), "--resume", "--max-time", "0.0001",
                                  *options, ranks=n))
            self.assertIn(result.returncode, (0, 6), result.stderr)
            if result.returncode == 0:
                break
        self.assertGreater(step, 10)
        self.assert_equal_runs(reference, self.folder("stopped", "late"))


class Resume(Case):
    def kill_and_resume(self, experiment, variant, ranks, *, seed, long=()):
        """Kill all processes at a random moment after the first checkpoint, as often as it takes to finish by resuming."""
        out = os.path.join(self.dir, f"killed-{variant}-{ranks}")
        words = command(experiment, "--variant", variant, "--out", out, "--resume", *long, ranks=ranks)
        chance = random.Random(seed)
        run = os.path.join(out, variant, "seed-1")
        kills = 0
        for _ in range(3):
            process = subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            before = set(glob.glob(os.path.join(run, "checkpoint", "step-?????????")))
            while process.poll() is None and set(glob.glob(os.path.join(run, "checkpoint", "step-?????????"))) <= before:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.03))
            if process.poll() is None:
                kill_all(out)
                kills += 1
            process.wait(timeout=60)
        result = call(words)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertGreater(kills, 0, "never caught it running")
        return run

    def test_killed_and_resumed_equals_uninterrupted(self):
        long = ("--set", "phases.train.steps=600", "--set", "phases.probe.steps=200", "--set", "checkpoint.every=37")
        for seed, (experiment, variant, ranks) in enumerate(((STAR, "minimax", 1), (STAR, "delayed", 5), (STAR, "masked", 3), (SHARDS, "sparse", 3))):
            with self.subTest(variant):
                reference = self.run_it("whole", experiment, variant, *long)
                options = long + (("--ranks", str(ranks)) if ranks == 3 else ())
                self.assert_equal_runs(reference, self.kill_and_resume(experiment, variant, ranks, seed=seed, long=options))

    def test_a_run_that_records_and_one_that_learns_from_it_are_killed(self):
        first = ("--set", "phases.learn.steps=100", "--set", "phases.dump.epochs=20", "--set", "checkpoint.every=37")
        source = self.run_it("whole", RECORDED, "first", *first)
        killed = self.kill_and_resume(RECORDED, "first", 1, seed=7, long=first)
        self.assert_equal_runs(source, killed)
        following = ("--set", "stimulus.run=" + killed, "--set", "checkpoint.every=37")
        self.assert_equal_runs(self.run_it("whole", RECORDED, "next", *following), self.kill_and_resume(RECORDED, "next", 2, seed=8, long=following))

    def stop_and_resume(self, variant, experiment, ranks):
        """Stop on a signal after every few steps, again and again, and resume on another number of ranks each time."""
        reference = self.run_it("whole", experiment, variant)
        out = os.path.join(self.dir, "stopped")
        run = os.path.join(out, variant, "seed-1")
        for step in range(1, 200):
            n = ranks[step % len(ranks)]
            options = ("--ranks", str(n)) if n not in (1, 5) else ()
            result = call(command(experiment, "--variant", variant, "--out", out, "--resume", "--max-time", "0.0001", *options, ranks=n))
            self.assertIn(result.returncode, (0, 6), result.stderr)
            if result.returncode == 0:
                break
        self.assertGreater(step, 3)
        self.assert_equal_runs(reference, run)

    def test_stopped_every_other_step(self):
        for experiment, variant in ((STAR, "later"), (CHAIN, "late"), (CHAIN, "ring"), (STAGES, "lossy")):
            with self.subTest(variant):
                self.stop_and_resume(variant, experiment, (1,))

    def test_stopped_and_resumed_on_other_ranks(self):
        self.stop_and_resume("late", CHAIN, (1, 5, 2, 1, 1, 3))
        shutil.rmtree(os.path.join(self.dir, "stopped"))
        self.stop_and_resume("lossy", CHAIN, (1, 5, 2, 1, 1, 3))

    def test_an_error_in_the_last_step_before_a_stop_is_told(self):
        words = command(STAR, "--out", os.path.join(self.dir, "o"), "--resume", "--max-time", "0.00001", "--set", "regions.V.optimiser.rate=1000")
        codes = []
        while not codes or codes[-1] == 6 and len(codes) < 60:
            result = call(words)
            codes.append(result.returncode)
        self.assert_one_line(result, 5)

    def test_a_wish_to_stop_is_heard_between_segments(self):
        words = command(STAR, "--variant", "watched", "--out", os.path.join(self.dir, "o"), "--max-time", "0.3", "--set", "phases.train.steps=100000",
                        "--set", "phases.watch.every=1", "--set", "phases.watch.steps=1")
        self.assertEqual(call(words).returncode, 6)

    def test_a_run_without_its_settings_is_not_overwritten(self):
        run = self.run_it("a", STAR, "control")
        os.remove(os.path.join(run, "used.yml"))
        result = call(command(STAR, "--variant", "control", "--out", os.path.join(self.dir, "a"), "--resume"))
        self.assert_one_line(result, 2, "used.yml")
        self.assertTrue(os.path.exists(os.path.join(run, "summary.json")))

    def test_a_finished_run_says_so(self):
        self.run_it("a", STAR, "control")
        result = call(command(STAR, "--variant", "control", "--out", os.path.join(self.dir, "a"), "--resume"))
        self.assertEqual(result.returncode, 0)
        self.assertIn("finished already", result.stdout)

    def test_an_existing_run_is_never_overwritten(self):
        self.run_it("a", STAR, "control")
        result = call(command(STAR, "--variant", "control", "--out", os.path.join(self.dir, "a")))
        self.assert_one_line(result, 2, "--resume", "--out")

    def test_another_experiment_is_refused(self):
        self.run_it("a", STAR, "control")
        words = command(STAR, "--variant", "control", "--out", os.path.join(self.dir, "a"), "--resume", "--set", "regions.V.hidden=8")
        self.assert_one_line(call(words), 2, "regions.V.hidden", "8", "16")

    def test_used_yml_runs_again(self):
        first = self.run_it("a", STAR, "masked", "--set", "regions.attention.optimiser.rate=0.031")
        second = self.run_it("b", os.path.join(first, "used.yml"), "masked")
        self.assert_equal_runs(first, second)
        self.assertEqual(read(os.path.join(first, "used.yml")), read(os.path.join(second, "used.yml")))

    def damage(self, path):
        with open(path, "r+b") as f:
            f.seek(os.path.getsize(path) // 2)
            f.write(b"\xff" * 64)
            f.truncate(os.path.getsize(path) * 3 // 4)

    def test_a_damaged_set_falls_back_to_the_one_before(self):
        reference = self.run_it("whole", STAR, "minimax")
        for ranks in (1, 5):
            name = f"damaged-{ranks}"
            self.run_it(name, STAR, "minimax")
            run = self.folder(name, "minimax")
            os.remove(os.path.join(run, "summary.json"))
            self.damage(os.path.join(newest(run), "V.2.h5"))
            words = command(STAR, "--variant", "minimax", "--out", os.path.join(self.dir, name), "--resume", ranks=ranks)
            result = call(words)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stderr.count("is damaged"), 1, result.stderr)
            self.assertIn("V.2.h5", result.stderr)
            self.assert_equal_runs(reference, run)

    def test_no_whole_set_is_an_error(self):
        run = self.run_it("a", STAR, "minimax")
        os.remove(os.path.join(run, "summary.json"))
        for path in glob.glob(os.path.join(run, "checkpoint", "*", "V.1.h5")):
            self.damage(path)
        result = call(command(STAR, "--variant", "minimax", "--out", os.path.join(self.dir, "a"), "--resume"))
        self.assertEqual(result.returncode, 3)
        self.assertIn("no set is whole", result.stderr.splitlines()[-1])


class Signals(Case):
    def stop(self, ranks, send):
        out = os.path.join(self.dir, f"{ranks}-{send}")
        words = command(STAR, "--out", out, "--set", "phases.train.steps=1000000", "--set", "checkpoint.every=0", ranks=ranks)
        if ranks > 1:
            words[words.index("odls_base_sigkill_timeout") + 1] = "4"
        process = subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        run = os.path.join(out, "minimax", "seed-1")
        metrics = os.path.join(run, "metrics", "V.0.jsonl")
        while process.poll() is None and not (os.path.exists(metrics) and os.path.getsize(metrics)):
            time.sleep(0.01)
        process.send_signal(send)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors, glob.glob(os.path.join(run, "checkpoint", "step-?????????", "MANIFEST.yml"))

    def test_a_signal_stops_with_a_checkpoint(self):
        for ranks, send in ((1, signal.SIGTERM), (1, signal.SIGINT), (1, signal.SIGUSR1), (5, signal.SIGUSR1)):
            with self.subTest(f"{ranks} {send}"):
                code, output, errors, sets = self.stop(ranks, send)
                self.assertEqual((code, len(sets)), (6, 1), output + errors)
                self.assertIn("--resume", output)

    def test_terminating_mpirun_leaves_a_checkpoint(self):
        code, _, errors, sets = self.stop(5, signal.SIGTERM)
        self.assertNotEqual(code, 0)
        self.assertEqual(len(sets), 1, errors)

    def test_usr2_saves_and_goes_on(self):
        out = os.path.join(self.dir, "saved")
        words = command(STAR, "--out", out, "--set", "phases.train.steps=1000000", "--set", "checkpoint.every=0")
        process = subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        run = os.path.join(out, "minimax", "seed-1")
        metrics = os.path.join(run, "metrics", "V.0.jsonl")
        try:
            while process.poll() is None and not (os.path.exists(metrics) and os.path.getsize(metrics)):
                time.sleep(0.01)
            process.send_signal(signal.SIGUSR2)
            until = time.monotonic() + 30
            while not glob.glob(os.path.join(run, "checkpoint", "step-?????????", "MANIFEST.yml")):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.01)
            self.assertIsNone(process.poll())
        finally:
            process.kill()
            process.communicate()


class OneRankFails(Case):
    """Every phase that all ranks go through, with a failure on rank 2 alone: one line, the code, no hang."""

    def only_on_rank_two(self, script, *options, experiment=STAR, ranks=5):
        """Rank 2 runs the shell script before the program."""
        words = [*MPIRUN, "-n", str(ranks), "sh", "-c", f'[ "$OMPI_COMM_WORLD_RANK" != 2 ] || {{ {script}; }}; exec "$@"', "sh",
                 CALLOSUM, "run", experiment, *options]
        return call(words, cwd=self.dir)

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.dir, "elsewhere"))

    def test_ranks_that_read_different_experiments(self):
        for change in ("every: 5", "every: 8"):
            with open(STAR, encoding="utf-8") as f:
                text = f.read()
            with open(os.path.join(self.dir, "local.yaml"), "w", encoding="utf-8") as f:
                f.write(text)
            with open(os.path.join(self.dir, "elsewhere", "local.yaml"), "w", encoding="utf-8") as f:
                f.write(text.replace("every: 7", change))
            self.assert_one_line(self.only_on_rank_two("cd elsewhere", experiment="local.yaml"), 2, "local.yaml", "rank 2")

    def test_reading_the_experiment(self):
        shutil.copy(STAR, os.path.join(self.dir, "local.yaml"))
        self.assert_one_line(self.only_on_rank_two("cd elsewhere", experiment="local.yaml"), 3, "local.yaml")

    def test_opening_the_stimulus(self):
        with h5py.File(os.path.join(self.dir, "images.h5"), "w") as f:
            f["images"] = numpy.random.default_rng(1).integers(0, 255, (64, 1, 16, 16), dtype=numpy.uint8)
        result = self.only_on_rank_two("cd elsewhere", "--out", os.path.join(self.dir, "o"), "--set",
                                       "stimulus={kind: file, path: images.h5, patch: 8, views: 2, noise: 0.1}")
        self.assert_one_line(result, 3, "images.h5")

    def test_opening_the_metrics(self):
        self.assert_one_line(self.only_on_rank_two("cd elsewhere", "--out", "o"), 4, "metrics/V.2.jsonl")

    def without(self, folder):
        """Rank 2 works elsewhere, where its part of the run's folder is, but for one folder."""
        run = "elsewhere/o/minimax/seed-1"
        for name in {"metrics", "activity", "checkpoint"} - {folder}:
            os.makedirs(os.path.join(self.dir, run, name))
        return self.only_on_rank_two("cd elsewhere", "--out", "o", "--variant", "minimax", "--set", "checkpoint.every=0")

    def test_writing_a_checkpoint(self):
        self.assert_one_line(self.without("checkpoint"), 4, "V.2.h5")
        self.assertEqual(glob.glob(os.path.join(self.dir, "o/minimax/seed-1/checkpoint/step-*")), [])

    def test_writing_activity(self):
        self.assert_one_line(self.without("activity"), 4, "probe.V.2.")

    def test_numerics_stop_all_at_one_step(self):
        result = call(command(STAR, "--out", os.path.join(self.dir, "o"), "--set", "regions.V.optimiser.rate=1000", ranks=5))
        self.assert_one_line(result, 5, "attention: `guess`")  # where it came up first, not who noticed first
        lines = [read(path).count(b"\n") for path in glob.glob(os.path.join(self.dir, "o/minimax/seed-1/metrics/*"))]
        self.assertEqual(len(set(lines)), 1)

    def test_the_last_good_checkpoint_survives_numerics(self):
        out = os.path.join(self.dir, "o")
        words = command(STAR, "--out", out, "--set", "regions.V.optimiser.rate=1000", "--set", "checkpoint.every=1", ranks=5)
        self.assertEqual(call(words).returncode, 5)
        for path in glob.glob(os.path.join(newest(os.path.join(out, "minimax", "seed-1")), "*.h5")):
            with h5py.File(path) as f:
                for name in f["state"]:
                    self.assertTrue(numpy.isfinite(f["state"][name]).all(), f"{path}: {name}")

    def test_weights_that_overflow_in_the_last_step_are_told(self):
        """Nobody looks at them any more: the loss was finite, and there is no next step. Decay alone multiplies the head by -539 a step."""
        out = os.path.join(self.dir, "o")
        result = call(command(STAGES, "--out", out, "--set", "phases={heads: {steps: 14, learn: S3.head}}", "--set", "checkpoint.every=0", "--set",
                              "regions.S3.optimiser={kind: sgd, rate: 540, momentum: 0, weight_decay: 1, schedule: constant}", ranks=3))
        self.assert_one_line(result, 5, "S3", "holds NaN or infinity")
        self.assertEqual(glob.glob(os.path.join(out, "simultaneous/seed-1/checkpoint/step-*")), [])

    def test_a_rank_that_dies_ends_the_job(self):
        out = os.path.join(self.dir, "o")
        process = subprocess.Popen(command(STAR, "--out", out, "--set", "phases.train.steps=1000000", ranks=5), env=ENVIRONMENT,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not glob.glob(os.path.join(out, "*/*/checkpoint/step-?????????")):
            time.sleep(0.02)
        os.kill(processes(out, CALLOSUM)[2], signal.SIGKILL)
        self.assertNotEqual(process.wait(timeout=60), 0)


class Ranks(Case):
    def test_wrong_rank_counts_are_explained(self):
        for ranks, options, words in ((4, (), ("star needs 5 ranks: 4 x cortex + 1 x attention; mpirun gave 4", "--ranks")),
                                      (6, (), ("star needs 5 ranks", "mpirun gave 6")),
                                      (3, ("--ranks", "2"), ("--ranks 2", "mpirun gave 3")),
                                      (2, ("--ranks", "9"), ("only 5 regions",))):
            with self.subTest(f"{ranks} {options}"):
                self.assert_one_line(call(command(STAR, "--out", os.path.join(self.dir, "o"), *options, ranks=ranks)), 2, *words)

    def test_a_bad_key_is_told_once(self):
        for ranks in (1, 5):
            result = call(command(STAR, "--set", "regions.V.hiden=3", "--out", os.path.join(self.dir, "o"), ranks=ranks))
            self.assert_one_line(result, 2, "regions.V.hiden", "hidden")

    def test_without_mpirun_the_ways_to_start_are_named(self):
        self.assert_one_line(call([CALLOSUM, "run", STAR, "--out", os.path.join(self.dir, "o")]), 2, "./run", "mpirun -n 5", "--single")

    def test_two_runs_do_not_share_a_folder(self):
        out = os.path.join(self.dir, "o")
        first = subprocess.Popen(command(STAR, "--out", out, "--set", "phases.train.steps=1000000"), stdout=subprocess.DEVNULL)
        try:
            while not os.path.exists(os.path.join(out, "minimax/seed-1/metrics/V.0.jsonl")):
                time.sleep(0.01)
            words = command(STAR, "--out", out, "--resume", "--set", "phases.train.steps=1000000")
            self.assert_one_line(call(words), 2, "another process")
        finally:
            first.kill()
            first.wait()


class BadInput(Case):
    """Whatever is wrong with a file: one clear line, the documented code, nothing left behind."""

    def images(self, name="images.h5", **datasets):
        path = os.path.join(self.dir, name)
        with h5py.File(path, "w") as f:
            for key, value in datasets.items():
                f[key] = value
        return path

    def with_images(self, path, *options):
        stimulus = f"stimulus={{kind: file, path: '{path}', patch: 8, views: 2, noise: 0.1}}"
        return call(command(STAR, "--out", os.path.join(self.dir, "o"), "--set", stimulus, *options))

    def test_broken_experiments(self):
        paths = sorted(glob.glob(os.path.join(os.path.dirname(DATA), "broken", "*.yaml")))
        self.assertGreaterEqual(len(paths), 30)
        for path in paths:
            with self.subTest(os.path.basename(path)):
                result = call(command(path, "--out", os.path.join(self.dir, "o")))
                self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
                self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
                self.assertIn(path, result.stderr)
                self.assertFalse(os.path.exists(os.path.join(self.dir, "o")))

    def test_a_good_stimulus_file_runs(self):
        path = self.images(images=numpy.random.default_rng(1).integers(0, 255, (64, 1, 16, 16), dtype=numpy.uint8))
        self.assertEqual(self.with_images(path, "--set", "phases.probe.steps=1").returncode, 0)

    def test_broken_stimulus_files(self):
        good = numpy.random.default_rng(1).integers(0, 255, (64, 1, 16, 16), dtype=numpy.uint8)
        whole = self.images("whole.h5", images=good)
        truncated = os.path.join(self.dir, "truncated.h5")
        with open(whole, "rb") as source, open(truncated, "wb") as target:
            target.write(source.read()[: os.path.getsize(whole) // 2])
        garbage = os.path.join(self.dir, "garbage.h5")
        with open(garbage, "wb") as f:
            f.write(random.Random(1).randbytes(5000))
        for path, word in ((os.path.join(self.dir, "missing.h5"), "missing.h5"), (truncated, "truncated.h5"), (garbage, "garbage.h5"),
                           (self.dir, self.dir), (self.images("other.h5", pictures=good), "images"),
                           (self.images("flat.h5", images=good.reshape(64, 256)), "images"),
                           (self.images("text.h5", images=numpy.full((64, 1, 16, 16), b"x")), "images"),
                           (self.images("labels.h5", images=good, labels=numpy.arange(63)), "labels")):
            with self.subTest(os.path.basename(path)):
                self.assert_one_line(self.with_images(path), 3, word)
                self.assertFalse(os.path.exists(os.path.join(self.dir, "o")))

    def test_a_folder_that_cannot_be_made(self):
        blocked = os.path.join(self.dir, "file")
        open(blocked, "w", encoding="utf-8").close()
        self.assert_one_line(call(command(STAR, "--out", os.path.join(blocked, "o"))), 4, blocked)

    def test_an_unwritable_folder(self):
        locked = os.path.join(self.dir, "locked")
        os.mkdir(locked)
        os.chmod(self.dir, 0o755)
        os.chmod(locked, 0o555)
        nobody = (lambda: os.setuid(65534)) if os.geteuid() == 0 else None  # root may write anywhere
        words = command(STAR, "--out", os.path.join(locked, "o"))
        try:
            result = call(words, preexec_fn=nobody, cwd="/")
        except PermissionError:
            self.skipTest("nobody else may run the program from here")
        if "star.yaml: cannot open" in result.stderr:
            self.skipTest("nobody else may read the tests from here")
        self.assert_one_line(result, 4, locked)

    def test_a_file_size_limit_ends_cleanly(self):
        for blocks in (0, 1, 4, 16, 64, 200):
            with self.subTest(str(blocks)):
                words = command(STAR, "--out", os.path.join(self.dir, f"o{blocks}"), "--set", "phases.probe.steps=2000")
                result = call(["sh", "-c", f"trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"", "sh", *words])
                self.assert_one_line(result, 4)

    def test_a_full_disk(self):
        small = os.path.join(self.dir, "small")
        os.mkdir(small)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], capture_output=True, check=False).returncode:
            self.skipTest("cannot mount a small tmpfs")
        try:
            for ranks in (1, 5) if "build-asan" not in CALLOSUM else (1,):
                result = call(command(STAR, "--out", os.path.join(small, f"o{ranks}"), "--set", "phases.train.steps=10", "--set", "phases.probe.steps=2000", ranks=ranks))
                self.assertEqual(result.returncode, 4, result.stdout + result.stderr)
                self.assertEqual(len([line for line in result.stderr.splitlines() if not line.startswith("callosum: warning")]), 1, result.stderr)
        finally:
            subprocess.run(["umount", small], check=True)

    def test_a_used_yml_that_is_gone(self):
        run = self.run_it("a", STAR, "control")
        os.remove(os.path.join(run, "used.yml"))
        self.assert_one_line(call([CALLOSUM, "measure", run]), 3, "used.yml")

    def test_measuring_damaged_activity(self):
        run = self.run_it("a", STAR, "control")
        path = os.path.join(run, "activity", "probe.V.1.code.h5")
        with open(path, "r+b") as f:
            f.truncate(os.path.getsize(path) // 2)
        self.assert_one_line(call([CALLOSUM, "measure", run]), 3, "probe.V.1.code.h5")


class Memory(Case):
    """What a cortex adds to a process, against what `check` says."""

    EXPERIMENT = """
experiment: memory
batch: 128
stimulus: {kind: dead-leaves, size: 512, discs: 1500, patch: 16}
regions: {V: {kind: cortex, count: 2, units: 16, hidden: 128}, attention: {kind: attention}, N: {kind: "null"}}
projections:
  sight: {from: stimulus, to: [V.*, N]}
  codes: {from: V.*, to: attention}
  context: {from: attention, to: V.*, role: context}
phases: {train: {steps: 1000000, learn: all}}
log: {every: 5}
"""

    def test_check_predicts_the_memory(self):
        patches = os.path.join(os.path.dirname(DATA), "..", "..", "experiments", "bhn-patches.yaml")
        short = ("--set", "phases.train.steps=2", "--set", "phases.probe.steps=40")
        used = summary(self.run_it("a", patches, "minimax", *short, ranks=9))["memory_max_bytes"]
        output = call([CALLOSUM, "check", patches, *short]).stdout
        sizes = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
        rows = [line.split() for line in output.split("rank ")[-1].splitlines()[1:]]
        predicted = max(float(number) * sizes[unit] for _, number, unit in rows)
        self.assertLess(abs(used / predicted - 1), 0.05)

    def test_resident_memory_is_what_check_predicts(self):
        path = os.path.join(self.dir, "memory.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.EXPERIMENT)
        sizes = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}
        rows = [line.split() for line in call([CALLOSUM, "check", path]).stdout.split("rank ")[-1].splitlines()[1:]]
        predicted = [float(number) * sizes[unit] for _, number, unit in rows]
        out = os.path.join(self.dir, "o")
        process = subprocess.Popen(command(path, "--out", out, ranks=4), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            metrics = os.path.join(out, "default", "seed-1", "metrics", "V.1.jsonl")
            while process.poll() is None and not (os.path.exists(metrics) and os.path.getsize(metrics)):
                time.sleep(0.01)
            resident = {}
            for pid in processes(path, CALLOSUM):
                rank = re.search(rb"OMPI_COMM_WORLD_RANK=(\d+)", read(f"/proc/{pid}/environ"))[1]
                resident[int(rank)] = 1024 * int(re.search(rb"VmRSS:\s*(\d+)", read(f"/proc/{pid}/status"))[1])
        finally:
            process.kill()
            process.wait()
            kill_all(out)
        cortex, null = 1, 3
        self.assertLess(abs((resident[cortex] - resident[null]) / (predicted[cortex] - predicted[null]) - 1), 0.2)

    def stages(self, count):
        """Bytes at the highest of each rank of a pipeline of equal stages: the program's own, and the system's."""
        path = os.path.join(self.dir, f"{count}.yaml")
        names = ", ".join(f"S{i}" for i in range(1, count + 1))
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"""
experiment: stages
batch: 32
stimulus: {{kind: traffic-signs, samples: 64, held_out: 32}}
regions: {{{", ".join(f"S{i}: {{kind: stage, channels: 8, classes: 20}}" for i in range(1, count + 1))}}}
projections:
  sight:  {{from: stimulus, to: S1}}
  chain:  {{chain: [{names}], delay: 1}}
  labels: {{from: stimulus, to: S*, role: context, take: [label]}}
phases: {{learn: {{steps: 8, learn: all}}}}
""")
        used = summary(self.run_it(str(count), path, "default", ranks=count))
        self.assertEqual(max(used["memory_rank_bytes"]), used["memory_max_bytes"])
        return used["memory_rank_bytes"], used["resident_rank_bytes"]

    def test_a_stage_needs_memory_for_itself_alone(self):
        (short, short_resident), (long, long_resident) = self.stages(3), self.stages(6)
        for rank, like in ((0, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 2)):
            self.assertLess(abs(long[rank] / short[like] - 1), 0.01, (rank, long, short))
            self.assertLess(long_resident[rank] / short_resident[like], 1.15, (rank, long_resident, short_resident))
            self.assertGreater(long_resident[rank], long[rank])


class Commands(Case):
    def test_help_version_and_mistakes(self):
        self.assertRegex(call([CALLOSUM, "--version"]).stdout, r"^callosum \d+\.\d+\.\d+\n$")
        for name in ("run", "check", "ranks", "variants", "measure", "parameters"):
            result = call([CALLOSUM, name, "--help"])
            self.assertEqual((result.returncode, result.stdout.startswith(f"callosum {name}")), (0, True))
        self.assert_one_line(call([CALLOSUM, "rnu", STAR]), 2, "`run`")
        self.assert_one_line(call([CALLOSUM, "run", STAR, "--sede", "3"]), 2, "--sede", "--seed")
        self.assert_one_line(call([CALLOSUM, "run"]), 2, "EXPERIMENT.yaml")
        self.assert_one_line(call([CALLOSUM, "run", STAR, "--seed"]), 2, "--seed")
        self.assert_one_line(call([CALLOSUM, "run", STAR, "--max-time", "soon"]), 2, "--max-time")
        self.assert_one_line(call([CALLOSUM, "run", "missing.yaml", "--single"]), 3, "missing.yaml")

    def test_ranks_and_variants(self):
        self.assertEqual(call([CALLOSUM, "ranks", STAR]).stdout, "5\n")
        self.assertEqual(call([CALLOSUM, "ranks", STAR, "--ranks", "2", "--resume"]).stdout, "2\n")
        self.assertEqual(call([CALLOSUM, "ranks", STAR, "--single"]).stdout, "1\n")
        self.assertEqual(call([CALLOSUM, "variants", STAR]).stdout.split()[:2], ["minimax", "masked"])

    def test_measure_writes_the_same_measures(self):
        run = self.run_it("a", STAR, "minimax")
        path = os.path.join(run, "summary.json")
        before = summary(run)
        with open(path, "wb") as f:
            f.write(json.dumps({**before, "measures": {"other": 1}}).encode())
        self.assertEqual(call([CALLOSUM, "measure", run]).returncode, 0)
        self.assertEqual(summary(run), before)


if __name__ == "__main__":
    unittest.main()
