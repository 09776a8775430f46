"""Windows of frames: nothing goes from one to the next, a blind phase runs on what was sent before, and the stimulus hash is of what was not seen."""

import os

import h5py
import numpy

from runs.case import Case, MEMORY, call, command, states, summary

WINDOW, BATCH, DELAY, BLIND_FROM = 10, 4, 4, 6  # of the file


def report(run, phase, region, variable="view1"):
    """What the region recorded: (frames, rows, columns), and the hash beside it."""
    with h5py.File(os.path.join(run, "activity", f"{phase}.{region}.{variable}.h5")) as f:
        data = f["report"][region]["data"]
        return numpy.array(data).reshape(-1, BATCH, data.shape[1]), data.attrs["stimulus_hash"]


class Windows(Case):
    def test_a_blind_phase_passes_on_what_was_sent_before(self):
        blind = self.run_it("blind", MEMORY, "default", ranks=4)
        seeing = self.run_it("seeing", MEMORY, "default", "--set", f"phases.blind.blind_from={WINDOW - 1}")
        for region in ("V.0", "V.2"):
            (sent, hashed), (seen, reference) = report(blind, "blind", region), report(seeing, "blind", region)
            self.assertEqual(hashed, reference)
            self.assertEqual(len(sent), 17)
            for t, rows in enumerate(sent):
                frame = t % WINDOW
                expected = seen[t] if frame < BLIND_FROM else sent[t - DELAY]
                self.assertTrue(numpy.array_equal(rows, expected), (region, t))
                self.assertTrue(rows.any())
            self.assertFalse(numpy.array_equal(sent[BLIND_FROM], seen[BLIND_FROM]))

    def test_a_break_between_windows_changes_nothing(self):
        """As no message goes from one window to the next, states are those of a run without the phase within."""
        broken = self.run_it("broken", MEMORY, "default", "--ranks", "2", ranks=2)
        whole = self.run_it("whole", MEMORY, "default", "--set", "phases.look.every=40")
        self.assertEqual(states(broken), states(whole))
        longer = self.run_it("longer", MEMORY, "default", "--set", "projections.memory.delay=5")
        self.assertNotEqual(states(broken), states(longer))

    def test_every_message_is_counted(self):
        ledger = summary(self.run_it("a", MEMORY, "default", "--ranks", "3", ranks=3))["ledger"]
        train, look, blind = 3 * (10 - DELAY), 3 * (7 - DELAY), 17 - DELAY  # of each of 9 edges that are delayed, in the stretches that are long enough
        self.assertEqual(ledger["messages"], 9 * (train + look + blind) + 2 * 3 * 34 + 3 * 17)

    def test_without_a_delay_it_is_a_cycle(self):
        result = call(command(MEMORY, "--set", "projections.memory.delay=0"))
        self.assert_one_line(result, 2, "cycle: V.0 -> V.0")
