"""The page draws a board as Python does, pixel for pixel."""

import json
import subprocess

import gymnasium
import numpy as np
import pytest

from territory import viz
from territory.world.picture import player_colours, render_world
from tools import bundle

DRAW = """
import { boardOn } from "./territory/widgets/js/paint.js";
import { readFileSync } from "node:fs";
const { size, colours } = JSON.parse(process.argv[1]);
globalThis.ImageData = class { constructor(data) { this.data = data; } };
const canvas = { getContext: () => ({ putImageData: ({ data }) => process.stdout.write(data) }) };
const bytes = readFileSync(0);
boardOn(canvas, colours)(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), size);
"""


@pytest.mark.parametrize("size", [(64, 64), (32, 192), (512, 256)])
def test_a_board_of_the_page_is_the_board_of_python(size, root):
    env = gymnasium.make("Territory-v0", height=size[0], width=size[1], num_bots=4, opponents="nation").unwrapped
    env.reset(seed=11)
    for step in range(25):
        env.step(step % 8 * 10)
    world = env.world
    world.map_of("city")[0, 3:9:3, 2::9] = 1  # at the rim too
    about = json.dumps({"size": size, "colours": player_colours()[:52].tolist()})
    command = [bundle.node(), "--input-type=module", "--eval", DRAW, about]
    seen = subprocess.run(command, cwd=root, input=viz.pack_board(world), capture_output=True, check=True).stdout
    wanted = render_world(world, scale=512 // max(size))
    assert (np.frombuffer(seen, np.uint8).reshape(*wanted.shape[:2], 4)[..., :3] == wanted).all()
    assert viz.pack_board(world)[2 * size[0] * size[1] :].strip(b"\0")  # somebody attacks
