"""Drives that lose messages."""

import glob
import os
import shutil

import h5py

from runs.case import CHAIN, Case, STAGES, call, command, newest, states


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
        weights = [states(run, "S3") for run in runs]
        self.assertEqual(weights[0], weights[1])
        self.assertNotEqual(weights[0], weights[2])

    def test_activity_that_would_meet_the_wrong_stimulus_is_refused(self):
        result = call(command(CHAIN, "--variant", "lossy", "--out", os.path.join(self.dir, "a"), "--set", "phases.first.record={C: state}"))
        self.assert_one_line(result, 2, "phase `first` records C while `links` drops messages", "learns nothing")
