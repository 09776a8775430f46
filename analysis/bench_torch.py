"""The patch experiment's step in PyTorch: how long it takes there, and whether the gradients agree.

usage: bench_torch.py [--batch 128] [--threads 1] [--steps 40]     milliseconds a step, median and least
       bench_torch.py --check FILE.h5                               loss and gradients in double precision, against those in the file

The objective is the cortex against its predictor attention (docs/design.md names the paper), 64 units of 128 hidden each on 16 x 16 patches, written as one writes it in
eager PyTorch: tensors of B x B x U for distances and weights, autograd, two SGD optimisers. Of the variants tried (units first or last, log-sum-exp
or sums, einsum, bmm or product and sum for the read-out, in-place activations) this is the fastest. Gradients are not sent through the weights of the negatives into the
codes: attention works on the codes as they came.

FILE.h5 holds x1, x2 (B,S*S); weights/ and, optionally, grad/ and loss: A (U,H,S*S), a (U,H), v (U,H), c (U) of the cortex,
W1 (U,4,U), b1 (U,4), w2 (U,4), b2 (U), tau (U) of attention. Gradients are those of the loss (attention climbs them).
"""

import argparse
import os
import statistics
import sys
import time

UNITS, HIDDEN, SIZE, GUESS_HIDDEN, SLOPE = 64, 128, 16, 4, 0.01
CORTEX, ATTENTION = ("A", "a", "v", "c"), ("W1", "b1", "w2", "b2", "tau")


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="The patch experiment's step in PyTorch.")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40, help="steps to time")
    parser.add_argument("--check", metavar="FILE.h5", help="compare loss and gradients instead")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="largest relative difference of a gradient, of its norm")
    return parser.parse_args(arguments)


def initial_weights(torch):
    """Xavier-normal matrices, biases 0, temperatures 1."""
    matrix = lambda fan_out, *shape: torch.randn(*shape) * (2.0 / (fan_out + shape[-1])) ** 0.5
    return {
        "A": matrix(HIDDEN, UNITS, HIDDEN, SIZE * SIZE), "a": torch.zeros(UNITS, HIDDEN), "v": matrix(1, UNITS, HIDDEN), "c": torch.zeros(UNITS),
        "W1": matrix(GUESS_HIDDEN, UNITS, GUESS_HIDDEN, UNITS), "b1": torch.zeros(UNITS, GUESS_HIDDEN), "w2": matrix(1, UNITS, GUESS_HIDDEN),
        "b2": torch.zeros(UNITS), "tau": torch.ones(UNITS),
    }


def units_of_two_layers(F, x, first, first_bias, second, second_bias):
    """(B, inputs) -> (B, U): every unit is a net of its own with one hidden layer; all first layers in one product."""
    units, hidden, _ = first.shape
    layer = F.leaky_relu(F.linear(x, first.flatten(0, 1), first_bias.flatten()), SLOPE)
    return (layer.view(-1, units, hidden) * second).sum(-1) + second_bias


def minimax_loss(torch, w, x1, x2):
    """The one loss that cortex lowers and attention raises."""
    F = torch.nn.functional
    y1, y2 = units_of_two_layers(F, torch.cat([x1, x2]), w["A"], w["a"], w["v"], w["c"]).chunk(2)
    seen = y1.detach()
    others = 1 - torch.eye(len(w["tau"]), dtype=seen.dtype)[:, None, :]  # a unit does not see itself
    guess = units_of_two_layers(F, seen, w["W1"] * others, w["b1"], w["w2"], w["b2"])
    weight = torch.softmax(-w["tau"] * (seen[None, :] - guess[:, None]).abs(), dim=1)  # (query, key, unit)
    n1 = (weight * torch.exp(-(y1[:, None] - y1[None, :]).abs())).sum(1)
    n2 = (weight * torch.exp(-(y2[:, None] - y1[None, :]).abs())).sum(1)
    return (2 * (y1 - y2).abs() + n1.log() + n2.log()).mean()


def bench(torch, batch, threads, steps):
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    weights = {name: value.requires_grad_() for name, value in initial_weights(torch).items()}
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3}
    cortex = torch.optim.SGD([weights[name] for name in CORTEX], **settings)
    attention = torch.optim.SGD([weights[name] for name in ATTENTION], maximize=True, **settings)
    smooth = torch.nn.functional.avg_pool2d(torch.randn(8 * batch, 1, SIZE + 4, SIZE + 4), 5, stride=1).flatten(1)
    patches = ((smooth - smooth.mean(1, True)) / smooth.std(1, keepdim=True)).split(batch)
    times = []
    for step in range(5 + steps):
        start = time.perf_counter()
        x = patches[step % len(patches)]
        loss = minimax_loss(torch, weights, x + 0.1 * torch.randn_like(x), x + 0.1 * torch.randn_like(x))
        cortex.zero_grad(set_to_none=True)
        attention.zero_grad(set_to_none=True)
        loss.backward()
        cortex.step()
        attention.step()
        with torch.no_grad():
            weights["tau"].clamp_(min=0)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[5:]), min(times[5:])


def reference(torch, weights, x1, x2):
    """Loss and the gradient of each weight, in double precision. Arrays in, a number and arrays out."""
    doubles = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in weights.items()}
    loss = minimax_loss(torch, doubles, torch.tensor(x1, dtype=torch.float64), torch.tensor(x2, dtype=torch.float64))
    loss.backward()
    return loss.item(), {name: value.grad.numpy() for name, value in doubles.items()}


def check(torch, path, tolerance):
    """Print loss and gradients, and how far those in the file are away. True when within the tolerance."""
    import h5py
    import numpy as np

    with h5py.File(path, "r") as file:
        weights = {name: file["weights"][name][()] for name in CORTEX + ATTENTION}
        expected = {name: value[()] for name, value in file["grad"].items()} if "grad" in file else {}
        loss_there = float(file["loss"][()]) if "loss" in file else None
        loss, gradients = reference(torch, weights, file["x1"][()], file["x2"][()])
    good = loss_there is None or abs(loss_there - loss) <= tolerance * max(1, abs(loss))
    print(f"loss {loss:.9g}" + ("" if loss_there is None else f", in the file {loss_there:.9g}"))
    for name, gradient in gradients.items():
        norm = np.linalg.norm(gradient)
        line = f"{name:4} |gradient| {norm:.6e}"
        if name in expected:
            difference = np.linalg.norm(expected[name].reshape(gradient.shape) - gradient) / max(norm, 1e-30)
            good = good and difference <= tolerance
            line += f", relative difference {difference:.2e}"
        print(line)
    return good


def main(arguments):
    options = parse_arguments(arguments)
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(options.threads)  # before the library starts
    import torch

    if options.check:
        sys.exit(0 if check(torch, options.check, options.tolerance) else 1)
    median, least = bench(torch, options.batch, options.threads, options.steps)
    threads = f"{options.threads} thread{'s' * (options.threads > 1)}"
    print(f"PyTorch {torch.__version__}, {threads}, batch {options.batch}: {median:.1f} ms a step (least {least:.1f}), {1e3 * options.batch / median:.0f} samples/s")


if __name__ == "__main__":
    main(sys.argv[1:])
