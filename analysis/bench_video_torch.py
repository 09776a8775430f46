"""The video model's updates in PyTorch: how long they take there; its loss and gradients, for tests/test_torch_video.py.

usage: bench_video_torch.py [--columns 1] [--hidden 128] [--threads 1] [--updates 20]     milliseconds an update, median and least

An update is a chunk of 8 frames of 64 sequences. The objective is regions/objectives/nce.h's, the encoder and predictor those of experiments/bhn-video.yaml (docs/design.md names
the paper), written as one writes it in eager PyTorch: one process, the encoder on all rows of a chunk at once, the units' GRUs side by side in batched products, what they are given
multiplied for four frames together, autograd, two Adam optimisers, one of which climbs. `--columns 1 --hidden 128` is one first layer that 16 units share; 8 columns have one each.
Frames are in memory, as numbers and without noise, which is drawn once a frame.
"""

import argparse
import os
import statistics
import sys
import time

UNITS, WIDTH, QUERY, BOTTLENECK, INNER, STATE = 16, 2, 2, 16, 32, 32
SIDE, STACK, LEAD, WINDOW, CHUNK, BATCH = 32, 4, 4, 96, 8, 64
TAU, GROUPS, SLOPE, NOISE = 10.0, 8, 0.01, 0.2
CORTEX = ("W1", "b1", "W2", "b2", "W3", "b3", "Wx", "bx", "Wh", "bh", "Wo", "bo")
ATTENTION = ("A", "a", "Bq", "bq", "T")


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="The video model's updates in PyTorch.")
    parser.add_argument("--columns", type=int, default=1, help="first layers, each of as many units")
    parser.add_argument("--hidden", type=int, default=128, help="size of a first layer")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--updates", type=int, default=20, help="updates to time")
    return parser.parse_args(arguments)


def initial_weights(torch, columns, hidden):
    """Xavier-normal matrices, biases 0, temperatures 10."""
    matrix = lambda *shape: torch.randn(*shape) * (2.0 / (shape[-2] + shape[-1])) ** 0.5
    codes = UNITS * WIDTH
    found = {
        "W1": matrix(columns, hidden, STACK * SIDE * SIDE), "W2": matrix(UNITS, INNER, hidden), "W3": matrix(UNITS, WIDTH, INNER), "Wx": matrix(UNITS, 3 * STATE, codes),
        "Wh": matrix(UNITS, 3 * STATE, STATE), "Wo": matrix(UNITS, WIDTH, STATE), "A": matrix(BOTTLENECK, codes), "Bq": matrix(UNITS, QUERY, BOTTLENECK),
    }
    biases = {"W1": "b1", "W2": "b2", "W3": "b3", "Wx": "bx", "Wh": "bh", "Wo": "bo", "A": "a", "Bq": "bq"}
    return found | {biases[name]: torch.zeros(value.shape[:-1]) for name, value in found.items()} | {"T": torch.full((UNITS,), 10.0)}


def unit_vectors(torch, z):
    return z / torch.linalg.vector_norm(z, dim=-1, keepdim=True)


def encode(torch, w, x):
    """(R,D) frames -> (U,R,d) unit vectors."""
    F = torch.nn.functional
    columns, hidden, _ = w["W1"].shape
    units = len(w["W2"])
    first = F.leaky_relu(F.linear(x, w["W1"].flatten(0, 1), w["b1"].flatten()), SLOPE).view(len(x), columns, hidden).transpose(0, 1)
    second = torch.baddbmm(w["b2"].view(columns, 1, -1), first, w["W2"].view(columns, -1, hidden).transpose(1, 2))  # (C, R, units of a column x 32)
    second = F.leaky_relu(second, SLOPE).view(columns, len(x), units // columns, -1).transpose(1, 2).reshape(units, len(x), -1)
    return unit_vectors(torch, torch.baddbmm(w["b3"][:, None], second, w["W3"].transpose(1, 2)))


def predict(torch, w, memory, state):
    """(K,B,I) what is remembered, (U,B,32) states of the GRUs -> predictions (U,K,B,d), the states after."""
    frames, batch, inputs = memory.shape
    units, gates, size = w["Wh"].shape
    given = torch.nn.functional.linear(memory.reshape(-1, inputs), w["Wx"].flatten(0, 1), w["bx"].flatten()).view(frames, batch, units, gates).transpose(1, 2)
    recurrent, bias = w["Wh"].transpose(1, 2), w["bh"][:, None]
    states = []
    for x in given:  # (U, B, gates)
        h = torch.baddbmm(bias, state, recurrent)
        reset, update = torch.sigmoid(x[..., : 2 * size] + h[..., : 2 * size]).chunk(2, -1)
        candidate = torch.tanh(torch.addcmul(x[..., 2 * size :], reset, h[..., 2 * size :]))
        state = torch.lerp(candidate, state, update)
        states.append(state)
    out = torch.baddbmm(w["bo"][:, None], torch.stack(states, 1).flatten(1, 2), w["Wo"].transpose(1, 2))
    return unit_vectors(torch, out).view(units, frames, batch, -1), state


def minimax_loss(torch, w, e, p):
    """(U,K,B,d) codes and predictions -> the one loss that cortex lowers and attention raises."""
    F = torch.nn.functional
    units, frames, batch, _ = e.shape
    g = F.linear(p.detach().permute(1, 2, 0, 3).reshape(frames * batch, -1), w["A"], w["a"])
    q = unit_vectors(torch, F.linear(g, w["Bq"].flatten(0, 1), w["bq"].flatten()).view(frames, batch, units, -1)).permute(2, 0, 1, 3).flatten(0, 1)
    e, p = e.flatten(0, 1), p.flatten(0, 1)  # (units x frames, B, d)
    sharp = w["T"].repeat_interleave(frames)[:, None, None]
    own = torch.zeros(batch, batch, dtype=e.dtype).fill_diagonal_(float("-inf"))  # a sequence is no negative of itself
    score = torch.baddbmm(own, sharp * q, q.transpose(1, 2)).view(-1, batch, batch // GROUPS, GROUPS)
    weight = torch.softmax(score, dim=2).flatten(2) / GROUPS
    negatives = (weight * torch.exp(TAU * e @ e.transpose(1, 2))).sum(-1)
    return (negatives.log() - TAU * (e * p).sum(-1)).mean()


class Players:
    """The weights, and who changes them how."""

    def __init__(self, torch, columns, hidden):
        self.torch = torch
        self.weights = {name: value.requires_grad_() for name, value in initial_weights(torch, columns, hidden).items()}
        self.cortex = [self.weights[name] for name in CORTEX]
        self.optimisers = (
            torch.optim.Adam(self.cortex, lr=1e-3, foreach=True),
            torch.optim.Adam([self.weights[name] for name in ATTENTION], lr=3e-3, maximize=True, foreach=True),
        )

    def chunk(self, x, memory, state, counted):
        """One update. x (K*B,D); memory: the cache entries of the last LEAD frames; the first frames that do not count -> loss, the next memory and state."""
        torch, w = self.torch, self.weights
        e = encode(torch, w, x).view(UNITS, CHUNK, BATCH, WIDTH)
        seen = e.detach().permute(1, 2, 0, 3).flatten(2)  # (K, B, U*d)
        parts = []
        for first in range(0, CHUNK, LEAD):
            if memory is None:  # a window begins: nothing to predict from
                memory = seen[first : first + LEAD]
                continue
            p, state = predict(torch, w, memory, state)
            memory = seen[first : first + LEAD].clone()
            memory[1::2] = p.detach()[:, 1::2].permute(1, 2, 0, 3).flatten(2)  # seen and predicted in turn
            parts.append(p)
        loss = minimax_loss(torch, w, e[:, counted:], torch.cat(parts, 1))
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.cortex, 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        with torch.no_grad():
            w["T"].clamp_(min=0)
        return loss.item(), memory, state.detach()


def stacked(torch, frames):
    """(K+3,B,D) noisy frames -> (K*B,4*D): each with the three before."""
    return torch.cat([frames[i : i + CHUNK] for i in range(STACK)], 2).flatten(0, 1)


def bench(torch, options):
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    players = Players(torch, options.columns, options.hidden)
    video = torch.randn(STACK - 1 + WINDOW, BATCH, SIDE * SIDE)
    times, window = [], WINDOW // CHUNK
    for update in range(3 + options.updates):
        start = time.perf_counter()
        first = update % window * CHUNK
        if first == 0:
            memory, state = None, torch.zeros(UNITS, BATCH, STATE)
            before = video[: STACK - 1] + NOISE * torch.randn(STACK - 1, BATCH, SIDE * SIDE)
        now = video[STACK - 1 + first :][:CHUNK]
        frames = torch.cat([before, now + NOISE * torch.randn_like(now)])
        before = frames[CHUNK:]
        _, memory, state = players.chunk(stacked(torch, frames), memory, state, LEAD if first == 0 else 0)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[3:]), min(times[3:])


def reference(torch, weights, x, memory, state):
    """Loss of a chunk and the gradient of each weight (attention climbs it), in double precision, none clipped. Arrays in, a number and arrays out.

    Of the K frames that have a loss, B sequences each: x (K,B,D) what was seen, memory (K,B,U*d) what the predictor was given, state (U,B,32) of the GRUs before them. Weights:
    W1 (C,H,D), b1 (C,H), W2 (U,32,H), b2 (U,32), W3 (U,d,32), b3 (U,d); Wx (U,96,U*d), bx, Wh (U,96,32), bh of the GRUs, rows of the reset gate, of the update gate and of the
    candidate; Wo (U,d,32), bo (U,d). Of attention: A (g,U*d), a (g), Bq (U,q,g), bq (U,q), T (U).
    """
    number = lambda value: torch.tensor(value, dtype=torch.float64)
    doubles = {name: number(value).requires_grad_() for name, value in weights.items()}
    e = encode(torch, doubles, number(x).flatten(0, 1))
    p, _ = predict(torch, doubles, number(memory), number(state))
    loss = minimax_loss(torch, doubles, e.view(p.shape), p)
    loss.backward()
    return loss.item(), {name: value.grad.numpy() for name, value in doubles.items()}


def main(arguments):
    options = parse_arguments(arguments)
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(options.threads)  # before the library starts
    import torch

    median, least = bench(torch, options)
    threads = f"{options.threads} thread{'s' * (options.threads > 1)}"
    model = f"{options.columns} column{'s' * (options.columns > 1)} of {options.hidden}"
    print(f"PyTorch {torch.__version__}, {threads}, {model}: {median:.1f} ms an update (least {least:.1f}), {1e3 * CHUNK * BATCH / median:.0f} samples/s")


if __name__ == "__main__":
    main(sys.argv[1:])
