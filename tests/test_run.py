"""The front door, with a program that only pretends: what reaches it, what comes back, who is told to stop."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# callosum ranks ...: 3, or code 2 for the experiment bad.yaml. callosum run ...: each rank notes its arguments, then ends with the code in --code,
# or, with --wait, waits for SIGUSR1.
PRETEND_PROGRAM = """#!/usr/bin/python3
import os, signal, sys, time
command, *arguments = sys.argv[1:]
if command == "ranks":
    if arguments[0] == "bad.yaml":
        print("callosum: bad.yaml:1:1: bad", file=sys.stderr)
        sys.exit(2)
    print(3)
    sys.exit(0)
calls = open(os.path.join(os.path.dirname(sys.argv[0]), "calls"), "a", buffering=1)
def save(number, frame):
    calls.write("saved\\n")
    sys.exit(6)
signal.signal(signal.SIGUSR1, save)
calls.write(f"{os.getcwd()} {os.environ.get('CALLOSUM_TERMINAL', 0)} {command} {' '.join(arguments)}\\n")
if "--wait" in arguments:
    time.sleep(60)
sys.exit(int(arguments[arguments.index("--code") + 1]) if "--code" in arguments else 0)
"""


class FrontDoor(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = os.path.join(folder.name, "tree")
        self.elsewhere = os.path.join(folder.name, "elsewhere")
        os.makedirs(os.path.join(self.tree, "build"))
        os.makedirs(self.elsewhere)
        shutil.copy(os.path.join(ROOT, "run"), self.tree)
        with open(os.path.join(self.tree, "build/callosum"), "w", encoding="utf-8") as file:
            file.write(PRETEND_PROGRAM)
        os.chmod(os.path.join(self.tree, "build/callosum"), 0o755)
        self.environment = {**os.environ, "CALLOSUM_BUILT": self.tree}

    def start(self, *arguments, **options):
        options = {"env": self.environment, "cwd": self.elsewhere, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.Popen([os.path.join(self.tree, "run"), *arguments], start_new_session=True, **options)

    def run_it(self, *arguments, **options):
        process = self.start(*arguments, **options)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    def calls(self):
        path = os.path.join(self.tree, "build/calls")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()

    def test_ranks_order_and_folder(self):
        code, output, errors = self.run_it("a.yaml", "--set", "k=a b", "--seed", "2", "--set", "k=3")
        self.assertEqual((code, output, errors), (0, "", ""))
        self.assertEqual(self.calls(), [f"{self.elsewhere} 0 run a.yaml --set k=a b --seed 2 --set k=3"] * 3)

    def test_single_is_one_process(self):
        self.assertEqual(self.run_it("a.yaml", "--single")[0], 0)
        self.assertEqual(self.calls(), [f"{self.elsewhere} 0 run a.yaml --single"])

    def test_exit_codes_come_through_in_silence(self):
        for code in (2, 3, 4, 5, 6, 7):
            for more in ([], ["--single"]):
                self.assertEqual(self.run_it("a.yaml", "--code", str(code), *more), (code, "", ""))

    def test_a_foreign_code_is_explained(self):
        code, _, errors = self.run_it("a.yaml", "--code", "9")
        self.assertEqual(code, 9)
        self.assertRegex(errors, r"^run: ended with code 9: mpirun .*\n$")

    def test_signals_let_it_save(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            if signal.getsignal(number) == signal.SIG_IGN:  # by a nohup around the tests, say: a shell could not trap it
                signal.signal(number, signal.SIG_DFL)
            for more, ranks in (([], 3), (["--single"], 1)):
                before = len(self.calls())
                process = self.start("a.yaml", "--wait", *more)
                deadline = time.monotonic() + 30
                while len(self.calls()) < before + ranks and time.monotonic() < deadline:
                    time.sleep(0.02)
                time.sleep(0.2)  # mpirun forwards to those ranks only that it has noted as running
                os.killpg(process.pid, number)  # as a terminal does it: the whole group
                _, errors = process.communicate(timeout=60)
                self.assertEqual((process.returncode, errors), (6, ""))
                saved = self.calls()[before + ranks :]
                self.assertTrue(saved and set(saved) == {"saved"}, saved)  # at the first end mpirun ends the others; real ranks end together

    def test_a_bad_experiment_starts_nothing(self):
        self.assertEqual(self.run_it("bad.yaml"), (2, "", "callosum: bad.yaml:1:1: bad\n"))
        self.assertEqual(self.calls(), [])

    def test_unknown_command(self):
        code, _, errors = self.run_it("frobnicate")
        self.assertEqual((code, errors), (2, "run: unknown command 'frobnicate'; ./run help lists them\n"))

    def test_unknown_part_of_bench(self):
        code, _, errors = self.run_it("bench", "speed")
        self.assertEqual((code, errors), (2, "run: bench: unknown part 'speed'; ./run help lists them\n"))

    def test_what_is_missing_is_said_in_one_line(self):
        tools = os.path.join(self.elsewhere, "tools")  # a machine with nothing but these
        os.makedirs(tools)
        for tool in ("sh", "dirname", "readlink", "id", "env"):
            os.symlink(shutil.which(tool), os.path.join(tools, tool))
        environment = {"PATH": tools, "CALLOSUM_PYTHON": "/nonexistent/python"}
        code, output, errors = self.run_it("build", env=environment)
        self.assertEqual((code, output), (2, ""))
        self.assertRegex(errors, r"^run: missing, and no right to install \(Debian packages\): gcc .*meson .*libyaml-dev .*python3-pil\n$")


if __name__ == "__main__":
    unittest.main()
