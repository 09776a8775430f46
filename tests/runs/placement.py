"""Runs wherever regions live and however late messages come: the same bits."""

from runs.case import CHAIN, Case, MEMORY, RACING, STAR, states, summary


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

    def test_windows_of_frames(self):
        self.check(RACING, "default", 3)

    def test_regions_that_drive_themselves(self):
        self.check(MEMORY, "default", 4)

    def test_null_chains_and_rings(self):
        for variant in ("simultaneous", "pipeline", "slow", "feedback", "late", "ring"):
            with self.subTest(variant):
                self.check(CHAIN, variant, 5)


class Delays(Case):
    """Delays and breaks, by what every null region has counted and summed."""

    def test_a_drained_pipeline_equals_simultaneous(self):
        reference = states(self.run_it("a", CHAIN, "simultaneous"))
        self.assertEqual(reference, states(self.run_it("b", CHAIN, "pipeline")))
        self.assertEqual(reference, states(self.run_it("c", CHAIN, "slow", ranks=5)))

    def test_what_a_region_receives_does_not_depend_on_breaks(self):
        """A phase within another, in which nobody learns, changes nothing that a region gets: presentations included."""
        watch = ("--set", "phases.first.learn=all", "--set", "phases.watch={within: first, every: 3, steps: 2, learn: none, record: {A: state}}")
        self.assertEqual(states(self.run_it("a", CHAIN, "simultaneous")), states(self.run_it("b", CHAIN, "simultaneous", *watch)))

    def test_sleeping_regions_do_not_send(self):
        run = self.run_it("a", CHAIN, "simultaneous", ranks=5)
        messages = summary(run)["ledger"]["messages"]
        self.assertEqual(messages, 4 * 12 + 1 * 5 + 4 * 6)  # while only B learns, A alone is awake beside it
