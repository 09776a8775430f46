"""Record the game CarRacing of Gymnasium, with a simple driver at the wheel, as folders of frames for `./run import video`.

usage: record_car_racing.py OUT [--episodes N] [--frames N] [--seed N]

    python3 experiments/record_car_racing.py frames --episodes 20
    ./run import video frames data/car-racing.h5 --side 96
    and in an experiment   stimulus: {kind: video, path: data/car-racing.h5, stack: 4}

Needs Gymnasium (pip install "gymnasium[box2d]"), which is not installed with Callosum. Frames are 96 x 96, 50 a second, of which every second one
is kept; the zoom at the start is left out.
"""

import argparse
import os
import sys

import numpy as np
from PIL import Image

ZOOM = 60  # steps at the start while the camera comes nearer
FAST = 0.45  # part of the greatest speed at which the driver takes its foot off the pedal
ROAD = slice(96 // 3, 66)  # rows of a frame that lie ahead of the car


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Record CarRacing as folders of frames.")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--frames", type=int, default=512, help="of an episode (512)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        import gymnasium
    except ImportError:
        print('record_car_racing: needs Gymnasium, which is not installed: pip install "gymnasium[box2d]"', file=sys.stderr)
        return 3
    game = gymnasium.make("CarRacing-v3", render_mode="rgb_array")
    for episode in range(options.episodes):
        folder = os.path.join(options.out, f"episode-{episode:03d}")
        os.makedirs(folder, exist_ok=True)
        print(f"{folder}: {record(game, options.seed + episode, options.frames, folder)} frames")
    game.close()
    return 0


def record(game, seed, frames, folder):
    """Drive until so many frames are kept, or the track ends; how many there are."""
    view, _ = game.reset(seed=seed)
    kept = 0
    for step in range(ZOOM + 2 * frames):
        view, _, over, late, _ = game.step(drive(view, game))
        if step >= ZOOM and step % 2 == 0:
            Image.fromarray(view[:84]).convert("L").save(os.path.join(folder, f"{kept:05d}.png"))  # without the instruments below
            kept += 1
        if over or late:
            break
    return kept


def drive(view, game):
    """Steering, gas and brake: towards the middle of the grey road ahead, slower where it bends."""
    colours = view[ROAD].astype(int)
    road = (np.ptp(colours, axis=-1) < 12) & (colours.mean(-1) > 80) & (colours.mean(-1) < 130)
    columns = np.nonzero(road)[1]
    aside = (columns.mean() - 47.5) / 48 if len(columns) else 0.0
    speed = np.hypot(*game.unwrapped.car.hull.linearVelocity) / 100
    wanted = FAST * (1 - min(abs(aside), 0.6))
    return np.array([np.clip(1.5 * aside, -1, 1), 0.3 if speed < wanted else 0.0, 0.2 if speed > 1.3 * wanted else 0.0])


if __name__ == "__main__":
    sys.exit(main())
