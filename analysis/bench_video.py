"""The video experiment as users run it, a process a region, against the same model in PyTorch on the same two cores.

usage: ./run bench video, which calls it; --short: a turn of one window with the smaller first layer, to see that it runs

Updates a second, an update being 8 frames of 64 sequences: the program's own samples_per_s, PyTorch's from analysis/bench_video_torch.py. 9 processes stand against PyTorch with one
thread or with two, whichever is faster; a single process stands against one thread. `hidden` is the size of the first layer that two units share: 16 of each of the eight regions is as much work as the 128 that 16 units share in the
prototype, and 128 is eight times that. All worlds have made their frames before the time counts. Turns take in one after the other, for the machine may be shared; the median stands
there, of the ratios with the lowest and the highest.
"""

import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORES, CHUNK, WINDOW = 2, 8, 96
WAYS = {"9 processes": ([], (1, CORES)), "1 process": (["--single"], (1,))}  # options, and against how many threads
MODELS = {16: (1, 128), 128: (8, 128)}  # our `hidden`: columns and first layer in PyTorch


def program(hidden, options, windows):
    """Updates a second."""
    steps = windows * WINDOW
    phases = f"{{look: {{steps: {WINDOW}, learn: none, mixing: alternate, record: {{V.*: p}}}}, train: {{steps: {steps}, learn: all, mixing: alternate}}}}"
    settings = [f"regions.V.hidden={hidden}", f"phases={phases}", "checkpoint.every=0"]
    with tempfile.TemporaryDirectory() as out:
        command = [os.path.join(ROOT, "run"), os.path.join(ROOT, "experiments", "bhn-video.yaml"), "--variant", "minimax", "--out", out, *options]
        subprocess.run(command + [word for setting in settings for word in ("--set", setting)], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "minimax", "seed-1", "summary.json"), encoding="utf-8") as file:
            summary = json.load(file)
    return summary["samples_per_s"] / summary["batch"] / CHUNK


def pytorch(hidden, windows):
    """Updates a second by number of threads."""
    columns, first = MODELS[hidden]
    found = {}
    for threads in (1, CORES):
        command = [sys.executable, os.path.join(ROOT, "analysis", "bench_video_torch.py"), "--columns", str(columns), "--hidden", str(first), "--threads", str(threads)]
        line = subprocess.run(command + ["--updates", str(windows * WINDOW // CHUNK)], check=True, capture_output=True, text=True).stdout
        found[threads] = 1e3 / float(re.search(r"([\d.]+) ms an update", line).group(1))
    return found


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def bench(hidden, n_turns, windows, has_pytorch):
    ours, theirs = {name: [] for name in WAYS}, []
    for _ in range(n_turns):
        for name, (options, _) in WAYS.items():
            ours[name].append(program(hidden, options, windows))
        if has_pytorch:
            theirs.append(pytorch(hidden, windows))
    for name, (_, threads) in WAYS.items():
        line = f"video, hidden {hidden:3}, {name + ':':12} {statistics.median(ours[name]):5.1f} updates/s"
        if has_pytorch:
            rivals = [max(turn[count] for count in threads) for turn in theirs]
            line += f", PyTorch {statistics.median(rivals):5.1f}, ratio {spread([mine / rival for mine, rival in zip(ours[name], rivals)])}"
        print(line, flush=True)


def main(arguments):
    if not arguments or int(arguments[0]) < CORES:
        print(f"video: skipped, needs {CORES} cores")
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # what we start has no more, however many there are
    has_pytorch = importlib.util.find_spec("torch") is not None
    if not has_pytorch:
        print("PyTorch skipped: python3-torch is not installed")
    n_turns, windows, models = (1, 1, [16]) if "--short" in arguments else (3, 4, MODELS)
    for hidden in models:
        bench(hidden, n_turns, windows, has_pytorch)


if __name__ == "__main__":
    main(sys.argv[1:])
