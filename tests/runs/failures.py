"""A plain end whatever goes wrong: on one rank alone, with the wrong number of ranks, with bad input."""

import glob
import os
import random
import shutil
import signal
import subprocess
import time

import h5py
import numpy

from runs.case import CALLOSUM, COLUMNS, Case, DATA, ENVIRONMENT, MPIRUN, STAGES, STAR, call, command, newest, processes, read


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

    def test_a_column_that_fails_ends_all(self):
        """It collapses, or its weights overflow; the last checkpoint is as if nothing had happened."""
        often = ("--variant", "layers", "--set", "log.every=1", "--set", "phases.look.every=32", "--set", "checkpoint={every: 5, keep: 100}")
        overflow = "regions.W.optimiser={kind: sgd, rate: 1000, momentum: 0, weight_decay: 1}"
        for name, code, options, words in (("guard", 0, ("regions.W.guard=0.01", "regions.W.guard_after=20"), "W: collapsed"),
                                           ("overflow", 5, (overflow,), "W: `cache`")):
            with self.subTest(name):
                run = os.path.join(self.dir, name, "layers", "seed-1")
                sets = [word for option in options for word in ("--set", option)]
                result = call(command(COLUMNS, *often, *sets, "--out", os.path.join(self.dir, name), ranks=5))
                self.assert_one_line(result, 5, words)
                lines = {region: read(os.path.join(run, "metrics", region + ".jsonl")).count(b"\n") for region in ("A", "V.0", "V.1", "W")}
                self.assertEqual(lines["A"], lines["V.0"])
                self.assertEqual(lines["A"], lines["V.1"])
                self.assertIn(lines["A"] - lines["W"], (1, 2))  # who failed says nothing, and nobody is further ahead
                kept = newest(run)
                self.assertGreater(int(kept[-9:]), 11)
                other = os.path.join(self.dir, name + "-whole")
                whole = call(command(COLUMNS, *often, *sets, "--set", "regions.W.guard=0", "--out", other))
                self.assertEqual(whole.returncode, code, whole.stderr)
                for path in glob.glob(os.path.join(kept, "*.h5")):
                    self.assertEqual(read(path), read(path.replace(os.path.join(self.dir, name), other)), path)

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
