"""What a run is trained with: every hyperparameter, its meaning under it, impossible combinations refused.

Opens no file and needs no torch: it checks words, and whoever builds the games opens what they name.
"""

from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Literal, get_args, get_origin

import tyro

from territory.envs.opponents import is_mixture, kinds_of_games
from territory.errors import BadInput, one_of, real, shown, whole
from territory.world.params import HELD_OUT_SEED, OPPONENTS, WorldParams

Norm = Literal["group", "batch"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16"]
FIXED_SIZE_MODEL, FIXED_SIZE = "baseline", (128, 128)  # the only network tied to one map size
LONGEST_NAME = 1000  # characters
MOST_SAMPLES = 1 << 20  # of one update: 86 GB of maps of 128x128, more than a rollout has any use for
MAX_SEED = 900_000  # leaves room for the seeds of every environment below the held-out range


@dataclass(frozen=True)
class TrainConfig:
    """Hyperparameters of one training run. The defaults win against five weak bots in about 100,000 steps."""

    model: str = "attention"
    """Which network: a name from ``territory.models.names()``."""
    norm: Norm = "group"
    """Normalisation inside `attention` and `tokens`. Batch norm makes PPO's first ratio differ from 1."""
    init: str | None = None
    """An agent whose weights the network starts with; none: fresh ones."""
    device: Device = "auto"
    """Where the network runs; auto takes a GPU if there is one: give it hundreds of games."""
    precision: Precision = "fp32"
    """Arithmetic inside the network: bf16 (autocast) is faster where the processor has it, and rounds more."""
    compile: bool = False
    """Let torch.compile fuse the network's steps: half a minute at first, for which a C++ compiler is needed."""
    fast: bool = False
    """Choose precision and compile by a measurement of about a second; the run says what it chose and keeps it."""
    keep_memory: bool = True
    """Let the process keep freed memory for the next step (glibc on Linux): faster, for 10 to 35 % more memory."""
    seed: int = 0
    """Seeds the weights, the maps and the sampling of actions: same seed, same machine, same curve."""
    total_timesteps: int = 100_000
    """Environment steps to train for, over all games together; rounded up to whole updates."""

    num_envs: Annotated[int, tyro.conf.arg(name="n-envs", aliases=["--num-envs"])] = 16
    """Games played at once, over all processes where torchrun started several."""
    num_bots: int = 5
    """Opponents in each game, 1 to 50."""
    opponents: str = "bot"
    """Who they are: bot (weak), nation (strong), mixed, or an agent: a pretrained one, a run, a checkpoint file. Or
    several kinds of games in one run, such as 5xnation+50xmixed, with the number of opponents before each x."""
    height: int = 128
    """Rows of the map, a multiple of 32."""
    width: int = 128
    """Columns of the map, a multiple of 32."""
    max_steps: int = 500
    """Steps until a game is cut off (truncated)."""

    num_steps: int = 64
    """Steps each game is played between two updates; longer sees further, shorter learns sooner."""
    update_epochs: int = 3
    """How often each update goes over what was collected."""
    augment: bool = False
    """From the second pass of an update on, each minibatch's maps are rotated or reflected, with their orders: what is
    learned in one direction then holds in eight."""
    minibatch_size: int = 256
    """Samples per gradient step; must divide n-envs * num-steps."""
    learning_rate: float = 3e-4
    """Step size of Adam."""
    anneal_lr: bool = False
    """Let the learning rate fall linearly to zero over the run."""
    warmup_updates: int = 0
    """Updates over which the learning rate rises to its full size: Adam's first steps are as long as any other, and
    tear at a network that already knows something (init)."""
    gamma: float = 0.995
    """Discount: a reward 138 steps away counts half."""
    gae_lambda: float = 0.95
    """Bias against variance of the advantages: 0 trusts the critic, 1 trusts the returns."""
    clip_coef: float = 0.2
    """The ratio of new to old probability earns nothing beyond 1 +- this."""
    normalize_advantages: bool = True
    """Scale the advantages of each minibatch to mean 0 and deviation 1."""
    ent_coef: float = 0.01
    """Weight of the entropy bonus, which keeps the policy trying things."""
    vf_coef: float = 0.5
    """Weight of the critic's loss."""
    max_grad_norm: float = 0.5
    """Longer gradients are scaled down to this length."""
    target_kl: float | None = None
    """End an update early once the policy has moved this far (approximate KL); none: never."""

    name: str | None = None
    """Folder of the run inside runs-dir; by default made from the model, the opponents and the time."""
    runs_dir: str = "runs"
    """Where run folders are kept."""
    checkpoint_every: int = 20
    """Updates between two saved checkpoints; the end and Ctrl-C always save."""

    def __post_init__(self):
        for each in fields(self):
            object.__setattr__(self, each.name, _judged(each.name, each.type, getattr(self, each.name)))
        if self.batch_size > MOST_SAMPLES:
            raise BadInput(
                f"n_envs * num_steps must be at most {MOST_SAMPLES:,} samples in memory at once, "
                f"got {shown(self.batch_size)}"
            )
        if self.seed >= MAX_SEED:
            raise BadInput(
                f"seed must be a whole number from 0 to {MAX_SEED - 1}, got {shown(self.seed)}: "
                f"maps from seed {HELD_OUT_SEED:,} on are held out for evaluation"
            )
        fits = self.name is None or (self.name.isprintable() and not set(self.name) & set("/\\"))
        if not fits or self.name in ("", ".", ".."):
            raise BadInput(f"name is the name of one folder inside runs-dir, without slashes; got {shown(self.name)}")
        if self.model == FIXED_SIZE_MODEL and (self.height, self.width) != FIXED_SIZE:
            raise BadInput(
                f"the {self.model} network flattens its map, so it takes maps of {FIXED_SIZE[0]}x{FIXED_SIZE[1]} only, "
                f"not {self.height}x{self.width}: take another model, or omit height and width"
            )
        if is_mixture(self.opponents) and self.num_bots != type(self).num_bots:
            raise BadInput(
                f"num_bots={shown(self.num_bots)} would change nothing: each part of {self.opponents!r} says how many "
                "opponents there are; leave num_bots out. A run that goes on keeps its opponents: leave them out there"
            )
        for kind in _kinds_of_games(self):
            WorldParams(**self.world() | kind)  # refuses maps that can't be played
        if self.augment and self.update_epochs == 1:
            raise BadInput(
                "augment turns boards from the second pass of an update on: it needs update_epochs of 2 or more"
            )
        if self.minibatch_size == 1 and self.normalize_advantages:
            raise BadInput(
                "minibatch_size is 1, and an advantage normalised by itself is 0: no policy would be learned. "
                "Take 2 or more, or leave normalize_advantages out"
            )
        if self.batch_size % self.minibatch_size:
            divisors = (number for number in range(2, self.batch_size + 1) if self.batch_size % number == 0)
            divisor = min(divisors, key=lambda number: abs(number - self.minibatch_size), default=1)
            raise BadInput(
                f"minibatch_size {self.minibatch_size} must divide n_envs * num_steps = {self.num_envs} * "
                f"{self.num_steps} = {self.batch_size}: a minibatch_size of {divisor} does"
            )

    @property
    def batch_size(self) -> int:
        """Environment steps collected for one update."""
        return self.num_envs * self.num_steps

    @property
    def num_updates(self) -> int:
        """Updates of the whole run: enough for ``total_timesteps``."""
        return -(-self.total_timesteps // self.batch_size)

    def world(self) -> dict[str, Any]:
        """The part of the configuration that describes the game, as ``WorldParams`` and ``gymnasium.make`` take it."""
        own = () if is_mixture(self.opponents) else ("num_bots",)
        return {name: getattr(self, name) for name in ("height", "width", *own, "opponents", "max_steps")}

    def as_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainConfig":
        """The configuration that `as_dict` wrote; refuses fields it does not know."""
        if not isinstance(values, dict):
            raise BadInput(f"a training configuration is a dictionary, got {type(values).__name__}")
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise BadInput(
                f"a training configuration has no field {', '.join(unknown)}: "
                "it was probably written by another version of territory"
            )
        if is_mixture(values.get("opponents")):  # of earlier versions, which wrote down a number that had no effect
            values = values | {"num_bots": cls.num_bots}
        return cls(**values)


def _kinds_of_games(config: TrainConfig) -> list[dict[str, Any]]:
    """Number and name of the opponents in each kind of game; a script stands for agents, as far as the map goes."""
    mixed = is_mixture(config.opponents)
    kinds = kinds_of_games(config.opponents) if mixed else [{"opponents": config.opponents}]
    if any(kind["opponents"] == "random" for kind in kinds):
        raise BadInput("opponents 'random' need random numbers that no checkpoint keeps: no run could go on exactly")
    return [kind if kind["opponents"] in OPPONENTS else kind | {"opponents": OPPONENTS[0]} for kind in kinds]


def _judged(name: str, kind: Any, value: Any) -> Any:
    """A field's value if it is one; NumPy's numbers become Python's, since those are no JSON."""
    if value is None and type(None) in get_args(kind):
        return None
    if name in _WHOLE:
        return whole(name, value, *_WHOLE[name])
    if name in _REAL:
        return real(name, value, *_REAL[name])
    if get_origin(kind) is Literal:
        return one_of(name, value, get_args(kind))
    if kind is bool and not isinstance(value, bool):
        raise BadInput(f"{name} must be true or false, got {shown(value)}")
    is_name = isinstance(value, str) and "\0" not in value and len(value) <= LONGEST_NAME
    if kind in (str, str | None) and not is_name:
        raise BadInput(f"{name} must be a name of at most {LONGEST_NAME} characters, got {shown(value)}")
    return value  # numbers that say what a game is: `WorldParams` judges them


# From and to.
_COUNTS = ("total_timesteps", "num_envs", "num_steps", "minibatch_size", "checkpoint_every")
_WHOLE: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(_COUNTS, (1, None)),
    "warmup_updates": (0, None),
    "seed": (0, None),
    "update_epochs": (1, 100),  # more learn nothing new from the same games, and a million of them never end
}
_REAL: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("gamma", "gae_lambda"), (0, 1)),
    **dict.fromkeys(("ent_coef", "vf_coef"), (0, 1e9)),
    **dict.fromkeys(("learning_rate", "clip_coef", "max_grad_norm", "target_kl"), (1e-12, 1e9)),
}
