"""Wrong answers that a learner is likely to give, and right ones that look otherwise than ours: by check, as code.

The code runs over a notebook's own names; an expression is the first thing that the check is given.
"""

FORWARD = """class Redesign(Redesign):
    def forward(self, planes, stats):
        m, s = self.map_branch(planes / 255), self.global_branch(stats)
        c = self.cross_attention(m[:, None], s[:, None])[:, 0]
        f = {fused}
        return {result}"""
CROSS = """class MyCross(MyCross):
    def forward(self, queries, context):
        q, k, v = self.q(queries), self.k(context), self.v(context)
        return {result}"""
GAE = """def my_gae(rewards, values, next_values, terminated, truncated, gamma, lam):
    advantages, later = torch.zeros_like(rewards), 0.0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * next_values[t] * {next} - values[t]
        later = delta + gamma * lam * {flows} * later
        advantages[t] = later
    return {result}"""
ENDS = "terminated[t] | truncated[t]"
LOSS = """def my_loss(log_prob, old_log_prob, advantages, values, returns, entropy):
    clip, vf_coef, ent_coef = 0.2, 0.5, 0.003
    ratio = (log_prob - old_log_prob).exp()
    normal = {normal}
    policy_loss = torch.max(-ratio * normal, -ratio.clamp(1 - clip, 1 + clip) * normal).mean()
    return policy_loss + vf_coef * {value} {sign} ent_coef * entropy.mean()"""
UPDATE = """def my_update(model, optimizer, rollout, shuffled, loss, epochs=4):
    model.train()
    for _ in range({epochs}):
        for index in shuffled():
            batch = rollout.rows(index)
            log_prob, values, entropy = evaluated(model, batch)
            {zero}
            loss(log_prob, batch.log_probs, batch.advantages, values, batch.returns, entropy).backward()
            {clip}
            optimizer.step()"""
REPAIR = """class AsksRivals(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True, bias={bias})
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 8)

    def forward(self, own, rivals):
        return {result}

answer = AsksRivals"""
TORCHS = "self.attend(own[:, None], rivals{some}, rivals{some})[0]"
OWN = "(torch.softmax(self.q(own)[:, None] @ self.k(rivals).transpose(1, 2), -1) @ self.v(rivals))[:, 0]"
NORMAL = "(advantages - advantages.mean()) / (advantages.std(unbiased=False) + 1e-8)"
HALF = "0.5 * (values - returns).square().mean()"
ZERO, CLIP = "optimizer.zero_grad(set_to_none=False)", "torch.nn.utils.clip_grad_norm_([*model.parameters()], 0.5)"
OUTPUT = """class Mine(SmallViT):
    def forward(self, obs_map, obs_global):
        logits, value = super().forward(obs_map, obs_global)
        return {result}

MyNetwork = Mine"""
FUSED = "torch.relu(self.fusion(torch.cat(({parts}), dim=1)))"
BOTH = "(self.actor(f), self.critic(f)[:, 0])"
FRONT = """def has_front(planes, direction):
    own, foreign = planes[Plane.OWN] > 0, {foreign}
    return {result}"""
LAND = "(planes[Plane.ENEMY] > 0) | (planes[Plane.UNCLAIMED] > 0)"

# Wrong answers, each with words of the hint that it must get.
NEAR_MISSES = {
    "check_codec": {
        "56": "is SW 60%",
        "48": "Directions count",
        "index, order = 57, ('SE', 45, True)": "34 is not",
        "index, order = 57, ('south-east', 45, False)": 'expected "n" or "ne"',
    },
    "check_front": {
        FRONT.format(foreign="planes[Plane.ENEMY] > 0", result="bool((shifted(own, direction) & foreign).any())"): "N",
        FRONT.format(foreign=LAND, result="bool((shifted(foreign, direction) & own).any())"): "you say",
        FRONT.format(foreign=LAND, result="int((shifted(own, direction) & foreign).sum())"): "True or False",
    },
    "check_push": {
        "{}": "a number for plains and one for mountain",
        "{'plains': 234}": "a number for plains and one for mountain",
        "{'plains': float('nan'), 'mountain': float('nan')}": "finite",
        "{'plains': 3_750 / 80, 'mountain': 3_750 / 120}": "times what the game gives",
    },
    "check_bot": {
        "lambda obs, mask: None": "does every branch return an action?",
        "lambda obs, mask: 80.0": "must be integers",
    },
    "check_stride": {"linear(64 * 49, 512) - 512": "bias", "linear(flat, 512)": "many", "linear(64 * 7, 512)": "few"},
    "check_floor": {
        "conv_1 / macs_in_all['baseline']": "the share which is left",
        "macs_in_all['baseline'] / macs_in_all['attention']": "conv 1 alone",
    },
    "check_break_even": {"float('nan')": "finite", "460": "less", "650": "more", "-598": "one example"},
    "check_branch": {
        "lambda: nn.Sequential(nn.Conv2d(5, 16, 8, 8), nn.Flatten(), nn.Linear(16 * 256, 250))": "256 features",
        "nn.Linear(2, 3)": "made already",
    },
    "check_gate": {"(-2.0, -3.0, 8.0)": "border", "(1.0, -1.0, 0.0)": "enemy land", "(-1.0, 1.0, 0.0)": "own land"},
    "check_pool": {"'abc'": "(b)", "{'a'}": "(c)", "'a, b'": "(b)", "'a, d'": "out of a, b, c"},
    "check_louder": {"0.76": "low", "97": "between 0 and 1", "3 * 0.76": "between 0 and 1"},
    "check_cross": {
        CROSS.format(result="self.out(torch.softmax(q @ k.transpose(1, 2), 2) @ v)"): "divide the scores",
        CROSS.format(result="self.out(torch.softmax(q @ k.transpose(1, 2) / q.shape[2], 2) @ v)"): "not by the size",
        CROSS.format(result="self.out(torch.softmax(q @ k.transpose(1, 2) / q.shape[2] ** 0.5, 1) @ v)"): "axis",
        CROSS.format(result="torch.softmax(q @ k.transpose(1, 2) / q.shape[2] ** 0.5, 2) @ v"): "last linear layer",
        CROSS.format(result="self.out(v.mean(1, keepdim=True).expand_as(q))"): "off by",
        "MyCross(6, 5, 8)": "made already",
    },
    "check_forward": {
        FORWARD.format(fused=FUSED.format(parts="s, m, c"), result=BOTH): "order",
        FORWARD.format(fused="self.fusion(torch.cat((m, s, c), dim=1))", result=BOTH): "ReLU",
        FORWARD.format(fused=FUSED.format(parts="m, s, c"), result="(self.actor(f), self.critic(f))"): "(1, 1)",
        FORWARD.format(fused=FUSED.format(parts="m, s, c"), result="(self.actor(f), -self.critic(f)[:, 0])"): "value",
        FORWARD.format(fused=FUSED.format(parts="m, s, c"), result="self.actor(f)"): "logits and a value",
    },
    "check_rest": {"343_003 - 256": "256 too few", "517_982": "too many"},
    "check_dead": {"256 * 128 + 128 * 128": "bias", "82_432": "many", "256 * 128 + 128": "few"},
    "check_fold": {
        "fold, answer = None, lambda fusion, linear: torch.nn.Sequential(fusion)": "nothing around it",
        "answer = lambda fusion, linear: fusion": "nn.Linear(384, 256)",
    },
    "check_repair": {
        REPAIR.format(bias=True, result=TORCHS.format(some="") + "[:, 0]"): "attend",
        REPAIR.format(bias=False, result=TORCHS.format(some="")): "(16, 8)",
        REPAIR.format(bias=False, result=TORCHS.format(some="[:, :2]") + "[:, 0]"): "make no difference",
        REPAIR.format(bias=False, result="self.v(rivals).mean(1)"): "attention is gone",
        "answer = AsksRivals()": "made already",
    },
    "check_mixing": {
        "lambda cells: np.tile(targets['where the enemy is'], 64)": "no more of the place",
        "lambda cells: cells[:, :128] * 0": "no more of the place",
        "lambda cells: cells.reshape(-1, 128, 16).mean(1)": "shape",
    },
    "check_test": {
        "lambda play: True": "deaf",
        "lambda play: (play(encode(Direction.N, 2))['map'] != play(WAIT)['map']).any()": "only_north",
        "lambda play: play.__name__ == 'sound'": "wrong about sound",
        "lambda play: not (play(encode(Direction.N, 2))['map'] != play(WAIT)['map']).any()": "sound",
    },
    "check_gamma": {"-0.9931": "between 0 and 1", "99.3": "between 0 and 1", "0.99": "little", "0.995": "much"},
    "check_advantage": {"0": "first delta alone", "1": "high", "-0.5": "low"},
    "check_gae": {
        GAE.format(next="~terminated[t]", flows="~terminated[t]", result="advantages"): "cut off",
        GAE.format(next="1", flows=f"~({ENDS})", result="advantages"): "terminate",
        GAE.format(next=f"~({ENDS})", flows=f"~({ENDS})", result="advantages"): "cut off",
        GAE.format(next="1", flows="1", result="advantages + values"): "go on",
        GAE.format(next="1", flows="1", result="advantages.T"): "shape",
    },
    "check_clip": {"'abcd'": "(b)", "['b', 'c']": "(a)", "{'a'}": "(d)"},
    "check_loss": {
        LOSS.format(normal=NORMAL, value="(values - returns).square().mean()", sign="-"): "half the mean",
        LOSS.format(normal=NORMAL, value=HALF, sign="+"): "bonus",
        LOSS.format(normal="advantages", value=HALF, sign="-"): "not normalised",
        LOSS.format(normal=NORMAL, value=HALF, sign="-").replace("torch.max(", "torch.min("): "the smaller one",
        LOSS.format(normal=NORMAL, value=HALF, sign="-").replace("= torch.max(", "= -torch.max("): "minus the mean",
        LOSS.format(normal=NORMAL.replace("unbiased=False", ""), value=HALF, sign="-"): "of a sample",
        LOSS.format(normal=NORMAL, value="0.5 * (values - returns).square().sum()", sign="-"): "three terms",
        LOSS.format(normal=NORMAL, value=HALF, sign="-")
            .replace("    ratio = ", "    log_prob = log_prob.detach()\n    ratio = "): "no gradient",
    },
    "check_update": {
        UPDATE.format(epochs="epochs", zero=ZERO, clip="pass"): "0.5",
        UPDATE.format(epochs="epochs", zero="pass", clip=CLIP): "zero",
        UPDATE.format(epochs="1", zero=ZERO, clip=CLIP): "off by",
    },
    "check_votes": {"np.log(8)": "100%", "0.01 * np.log(80)": "91%", "0": "11%"},
    "check_lift": {"1 / 1.5": "Turn the fraction", "0.6 / 0.45": "Which gates", "0.9 / 0.3": "Which gates"},
    "check_interior": {
        "lambda planes: (planes[:, Plane.OWN] > 0) * np.uint8(255)": "True and False only",
        "lambda planes: planes[:, Plane.OWN] > 0": "border and interior",
        "lambda planes: ~interpret.border_mask(planes)": "not own land",
        "lambda planes: interpret.border_mask(planes) & False": "neither border nor interior",
        "lambda planes: ((planes[:, Plane.OWN] > 0) & ~interpret.border_mask(planes))[0]": "shape",
    },
    "check_misplace": {
        "lambda gates: gates[:, :, :, [1, 0, 2, 3]]": "are where they were",
        "lambda gates: 1 - gates": "exactly its own gates",
        "lambda gates: gates.flip(0)": "exactly its own gates",
    },
    "check_map": {"lambda planes: planes": "shape", "lambda planes: np.ones(planes[:, 0].shape)": "random order"},
    "check_policy": {
        "lambda model, maps, stats, masks: masked_log_softmax(torch.stack([model(view.of_maps(maps), stats)"
        "[0][:, view.of_actions()] for view in VIEWS]).mean(0), masks).exp()": "attacks",
        "lambda model, maps, stats, masks: masks / masks.sum(1, keepdim=True)": "another network",
    },
    "check_over": {"250": "of the target", "1.5": "the share", "750_000": "over", "-60": "over"},
    "check_share": {
        "lambda network: float('nan')": "finite",
        "lambda network: 0.95": "94.968%, you say 95.000%",
        "lambda network: 95.0": "between 0 and 1",
        "lambda network: 1 / len([*network.parameters()])": "you say",
    },
    "check_fits": {
        OUTPUT.format(result="logits"): "logits and a value",
        OUTPUT.format(result="logits, value[:, None]"): "values (3,) from the network, got (3, 90) and (3, 1)",
        OUTPUT.format(result="nn.functional.dropout(logits), value"): "answers differently",
        OUTPUT.format(result="logits - logits.mean(0), value"): "others are in the batch",
        OUTPUT.format(result="logits / 0, value"): "NaN",
        OUTPUT.format(result="logits.softmax(1), value"): "probabilities already",
        OUTPUT.format(result="logits, value").replace("obs_map, obs_global):", "obs):"): "cannot take maps",
        "lambda: nn.LazyLinear(90)": "lazy layers",
        "class Mine(SmallViT):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layers = [nn.Linear(2, 2)]\n"
        "MyNetwork = Mine": "nn.ModuleList",
    },
    "check_alive": {
        "class Mine(SmallViT):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.stats_to_map = CrossAttention(64, 64, 64, heads=2)\n"
        "MyNetwork = Mine": "A bias that all keys' scores share cancels out: bias=False",
        OUTPUT.format(result="{'logits': logits, 'value': value}"): "logits and a value",
    },
    "check_conclusion": {
        "'It has 1234567 parameters, 7.25 of tokens and 99 steps, and ' + 'so on ' * 20": "stands nowhere",
        "'It is 277,147 and small'": "words",
    },
}  # fmt: skip

# Right answers that look otherwise than the solution.
RIGHT_TOO = {
    "check_codec": [
        "index, order = np.int64(57), ['se', np.float32(45), np.bool_(False)]",
        "index, order = 57, np.array([Direction.SE, 45, False], object)",
        "index, order = 57, ('SE', 0.45, False)",
    ],
    "check_front": [FRONT.format(foreign=LAND, result="(shifted(own, direction) & foreign).any()")],
    "check_push": ["{'plains': np.float32(234.4), 'mountain': Fraction(625, 4)}"],
    "check_break_even": ["torch.tensor(598)"],
    "check_branch": [
        "(lambda branch: lambda: branch)(nn.Sequential(nn.Conv2d(5, 32, 16, 16), nn.ReLU(), nn.Conv2d(32, 64, 4, 4), "
        "nn.Flatten(), nn.Linear(256, 256)))",
        "lambda: nn.Sequential(nn.Conv2d(5, 16, 16, 16), nn.Flatten(), nn.Linear(1024, 128), nn.BatchNorm1d(128), "
        "nn.Linear(128, 256))",
    ],
    "check_gate": ["np.array([-8.0, -12.0, 30.0], np.float32)", "torch.tensor([-8, -12, 30])", "[-8, -12, 30]"],
    "check_cross": [CROSS.format(result="self.out(torch.nn.functional.scaled_dot_product_attention(q, k, v))")],
    "check_forward": [
        FORWARD.format(fused=FUSED.format(parts="m, s, c"), result="[self.actor(f), self.critic(f).flatten()]")
        .replace("planes / 255", "planes.float() * (1 / 255)")
    ],
    "check_fold": [
        "def answer(fusion, linear):\n"
        "    with torch.no_grad():\n"
        "        fusion.weight[:, 256:384] += fusion.weight[:, 384:] @ linear.weight\n"
        "        fusion.bias += fusion.weight[:, 384:] @ linear.bias\n"
        "    folded = nn.Linear(384, 256).double()\n"
        "    folded.weight.data, folded.bias.data = fusion.weight[:, :384].double(), fusion.bias.double()\n"
        "    return folded"
    ],
    "check_repair": [
        "class AsksRivals(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.attend = nn.MultiheadAttention(8, 2, batch_first=True, bias=False)\n"
        "    def forward(self, own, rivals):\n"
        "        return self.attend(own[:, None], rivals, rivals)[0][:, 0]\n"
        "answer = AsksRivals",
        "class AsksRivals(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 8)\n"
        "    def forward(self, own, rivals):\n"
        f"        return {OWN}\n"
        "answer = AsksRivals",
    ],
    "check_test": [
        "lambda play: np.all([(play(10 * way)['map'] != play(WAIT)['map']).any() for way in range(8)])",
    ],
    "check_gae": [
        GAE.format(next="(1 - terminated[t].float())", flows=f"(1 - ({ENDS}).float())", result=each)
        for each in ("advantages.numpy()", "[*advantages]", "advantages.tolist()", "advantages.double()")
    ],
    "check_loss": [LOSS.format(normal=NORMAL, value="torch.nn.functional.mse_loss(values, returns) / 2", sign="-")],
    "check_update": [UPDATE.format(epochs="epochs", zero=ZERO, clip=CLIP)],
    "check_interior": [
        "lambda planes: torch.from_numpy((planes[:, Plane.OWN] > 0) & ~interpret.border_mask(planes))",
        "lambda planes: ((planes[:, Plane.OWN] > 0) * 1.0 - interpret.border_mask(planes)).tolist()",
    ],
    "check_misplace": ["lambda gates: np.roll(gates.numpy(), 1, axis=3)", "lambda gates: gates.rot90(2, (2, 3))"],
    "check_map": ["lambda planes: torch.from_numpy(planes[:, Plane.OWN] > 0)"],
    "check_fits": [OUTPUT.format(result=each) for each in ("[logits, value]", "logits.log_softmax(1), value")],
    "check_share": ["lambda network: np.float64(max(sum(p.numel() for p in m.parameters(recurse=False)) "
                    "for m in network.modules()) / sum(p.numel() for p in network.parameters()))"],
}  # fmt: skip
