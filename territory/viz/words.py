"""What each plane, each statistic and each number of a training says, in one sentence."""

from territory.world.layout import Plane, Stat

PLANE_SENTENCES: dict[Plane, str] = {
    Plane.OWN: "255 where the land is ours.",
    Plane.ENEMY: "255 where it is another player's; whose it is, is not told.",
    Plane.UNCLAIMED: "Land that nobody owns, the brighter the cheaper: 255 plains, 170 highland, 85 mountain.",
    Plane.TROOPS: "Troops per tile of whoever owns it, on a log scale: a bright neighbour is dangerous.",
    Plane.CITIES: "255 where a city of ours stands, 128 where another player's does.",
}

STAT_SENTENCES: dict[Stat, str] = {
    Stat.TROOPS_OVER_CAP: "The troop ratio (our troops over their cap): near 0.42 troops grow fastest, at 1 no more.",
    Stat.LOG_CAP: "How many troops land and cities can feed, on a log scale: 0 is 100,000, 0.67 a million.",
    Stat.GROWTH: "How fast troops grow now; 1 is the fastest that our cap allows.",
    Stat.LAND_SHARE: "Our share of all land: 0.8 wins.",
    Stat.LAND_SHARE_CHANGE: "What the last step changed of our share of the land, times 20.",
    Stat.RANK: "Our place by land: 0 is the largest player, 1 the smallest.",
    Stat.PLAYERS_ALIVE: "The share of all players that still live.",
    Stat.TIME: "The share of the game's steps that are over.",
    Stat.GOLD_OVER_CITY_COST: "Our gold over the price of our next city: at 1 it can be paid.",
    Stat.CITIES: "How many cities are ours, over 8.",
    Stat.COMMITTED: "The share of our troops that is out attacking, and so neither grows nor defends.",
    Stat.LOG_DENSITY: "Our troops at home per tile, on a log scale: what an attacker has to pay for.",
    Stat.BORDER_ENEMY_SHARE: "Of the land that touches ours, the share that other players own.",
    Stat.STRONGEST_NEIGHBOUR: "The strongest neighbour's troops: 0 as many as ours, 0.25 twice as many; -1 nobody.",
    Stat.WEAKEST_NEIGHBOUR: "The weakest neighbour's troops: 0 as many as ours, -0.25 half as many; 1 nobody.",
    Stat.ACTIVE_FRONTS: "How many attacks of ours are under way, over 8.",
}

# Title -> fields of the training records that share an axis.
TRAINING_PANELS = {
    "the last 100 games": ("win_rate", "land_share", "idle_share"),
    "entropy: how random the policy is": ("entropy",),
    "explained variance: how well the critic predicts": ("explained_variance",),
}
UPDATE_SENTENCES = {
    "win_rate": "The share of the last 100 finished games that were won.",
    "land_share": "The share of all land owned at the end of those games.",
    "idle_share": "The share of the steps of those games that waited.",
    "mean_return": "Undiscounted reward of those games.",
    "mean_length": "Steps of those games.",
    "entropy": "How random the policy is, in nats: 0 where only one action is left.",
    "explained_variance": "1: the critic predicts the returns exactly; 0: no better than their mean.",
    "policy_loss": "The clipped surrogate; it hovers around 0 by design and says little.",
    "value_loss": "Half the mean squared error of the critic.",
    "approx_kl": "KL divergence between the policy after the last epoch and the one that played, in nats.",
    "clip_fraction": "The share of samples outside the clip range.",
    "ratio_deviation": "Largest |ratio - 1| of the first minibatch: rounding alone, unless there is batch norm.",
    "grad_norm": "Length of the gradient before clipping.",
    "learning_rate": "Step size of Adam.",
    "steps_per_second": "Environment steps a second.",
}
