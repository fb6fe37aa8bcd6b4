"""``territory branch`` and ``territory aim``: play on in every direction, and teach an agent where to attack."""

from functools import reduce
from operator import add
from typing import Annotated

import tyro
from tqdm import tqdm

from territory.cli.migrate import refuse_folder
from territory.errors import BadInput

FINISHING = "finishing these attacks and saving … (again: stop now, and lose them)"
SAVE_EVERY = 32  # batches: what a crash may lose is some minutes
Out = Annotated[str, tyro.conf.arg(metavar="FILE")]


def branch(
    agent: tyro.conf.Positional[str],
    out: Out,
    opponents: str | None = None,
    num_bots: int | None = None,
    moments: int = 4096,
    horizon: int = 32,
    seed: int = 0,
) -> int:
    """Play an agent's attacks on in every direction, and keep what came of it, for territory aim.

    Ctrl-C keeps what there is.

    Args:
        agent: Who plays: a shipped agent, a run, a checkpoint file.
        out: Where it is kept (.npz).
        opponents: Against whom: bot, nation, mixed, an agent, or several kinds of games, such as 5xnation+50xmixed; by
            default those the agent was trained against.
        num_bots: How many, 1 to 50; by default as it was trained.
        moments: Attacks that are played on.
        horizon: Steps that each direction is played on for; the agent's critic says what the rest is worth.
        seed: Of the games, and of which attacks are played on.
    """
    from territory.cli.train import stop_on_signals
    from territory.training.agent import load_agent
    from territory.training.aiming import directions, worth
    from territory.training.branches import AT_ONCE, Branches, branch_games

    refuse_folder(out)
    player = load_agent(agent)
    asked = {"opponents": opponents, "num_bots": num_bots}
    config = player.train_config(**{name: value for name, value in asked.items() if value is not None})
    parts = []
    with stop_on_signals(FINISHING) as stop, tqdm(total=moments, unit=" attacks", dynamic_ncols=True) as bar:
        for part in branch_games(player, moments, horizon, config.gamma, seed, **config.world()):
            parts.append(part)
            bar.update(AT_ONCE)
            if len(parts) % SAVE_EVERY == 0:
                Branches.of(parts).save(out)
            if stop():
                break
    kept = Branches.of(parts)
    kept.save(out)
    own, margin = worth(kept, directions(player.model, kept, player.views))
    print(f"its directions: {own:+.3f} (give or take {margin:.3f}) more than the mean of the open ones")
    print(f"{out}: {len(kept):,} moments. Learn from them: territory aim {agent} {out} --out aimed.safetensors")
    return 0 if stop.signal is None else 128 + stop.signal


def aim(
    agent: tyro.conf.Positional[str],
    branches: tyro.conf.Positional[tuple[str, ...]],
    out: Out,
    epochs: int = 16,
    learning_rate: float = 1e-3,
    hold: float = 0.003,
    seed: int = 0,
) -> int:
    """Teach an agent where to attack from what territory branch kept, and nothing else.

    Args:
        agent: Who learns: a shipped agent, a run, a checkpoint file.
        branches: Files that territory branch wrote.
        out: Where the taught agent goes (.safetensors).
        epochs: How often it goes over them.
        learning_rate: Step size of Adam, falling to zero.
        hold: Weight of staying with the directions it had, against the advantage of others.
        seed: Of the order, and of which games are held out.
    """
    from territory.training.agent import Agent, load_agent, save_agent
    from territory.training.aiming import learn_aim
    from territory.training.branches import Branches

    refuse_folder(out)
    if not branches:
        raise BadInput("expected one or more files that territory branch wrote, behind the agent")
    old = load_agent(agent)
    if old.views != 1:
        raise BadInput(
            f"{agent} takes the mean over {old.views} views, and learning corrects one: teach it first to answer alike "
            "in one, territory migrate"
        )
    kept = reduce(add, map(Branches.load, branches))
    print(f"{len(kept):,} moments; what the likeliest direction is worth above the mean of the open ones:")
    lessons = learn_aim(old.model, kept, epochs, learning_rate, hold, seed)
    del kept  # gigabytes, of which the lessons make two parts
    for told in lessons:
        print(
            f"  epoch {told.epoch}: {told.held_out:+.3f} (give or take {told.margin:.3f}) in games that it doesn't "
            f"learn from, {told.learned:+.3f} in the others; another than at first in {told.moved:.0%}",
            flush=True,
        )
    save_agent(Agent(old.model.eval(), old.config, attack_threshold=old.attack_threshold), out)
    print(f"{out}: see how strong it is: territory evaluate {out}")
    return 0
