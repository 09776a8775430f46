"""Runs that are killed, stopped or told to, and resumed."""

import glob
import os
import shutil
import signal
import subprocess
import time

from runs.case import CHAIN, Case, ENVIRONMENT, MEMORY, RACING, RECORDED, SHARDS, STAGES, STAR, call, command, newest, read, wait_until_written


class Resume(Case):
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
        self.assert_equal_runs(self.run_it("whole", experiment, variant), self.stopped(experiment, variant, ranks=ranks, regions=5))

    def test_stopped_in_the_middle_of_windows(self):
        self.assert_equal_runs(self.run_it("whole", RACING, "default"), self.stopped(RACING, "default", ranks=(3, 1, 2), regions=3))

    def test_stopped_with_messages_to_oneself_in_flight(self):
        self.assert_equal_runs(self.run_it("whole", MEMORY, "default"), self.stopped(MEMORY, "default", ranks=(4, 1, 3, 2), regions=4))

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
        wait_until_written(process, metrics)
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
            wait_until_written(process, metrics)
            process.send_signal(signal.SIGUSR2)
            until = time.monotonic() + 30
            while not glob.glob(os.path.join(run, "checkpoint", "step-?????????", "MANIFEST.yml")):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.01)
            self.assertIsNone(process.poll())
        finally:
            process.kill()
            process.communicate()
