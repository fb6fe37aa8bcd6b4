"""A small vision transformer that plays the game: a network of a learner's own, for every instrument of the course.

The board is cut into patches of 16 x 16 tiles, each a token; one more token gathers what the two heads read. Nothing
here is made for the instruments: attention is `torch.nn.functional.scaled_dot_product_attention`.

    python examples/small_vit.py     # its attention, captured and ablated
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH, WIDTH, HEADS, DEPTH = 16, 64, 4, 2


class SelfAttention(nn.Module):
    """Tokens ``(B, T, width)`` attend to each other."""

    def __init__(self, width: int = WIDTH, heads: int = HEADS):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        q, k, v = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (B, heads, T, width)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and a feed-forward layer, each on normed tokens and added to them."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), SelfAttention(width)
        self.norm2 = nn.LayerNorm(width)
        self.ffn = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.norm1(tokens))
        return tokens + self.ffn(self.norm2(tokens))


class SmallViT(nn.Module):
    """Map ``(B, 5, side, side)`` uint8 and statistics ``(B, 16)`` to logits ``(B, 90)`` and value ``(B,)``."""

    def __init__(self, side: int = 128):
        super().__init__()
        self.patches = nn.Conv2d(5, WIDTH, PATCH, PATCH)
        self.stats = nn.Linear(16, WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn((side // PATCH) ** 2 + 1, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.actor, self.critic = nn.Linear(WIDTH, 90), nn.Linear(WIDTH, 1)

    def forward(self, obs_map: Tensor, obs_global: Tensor) -> tuple[Tensor, Tensor]:
        cells = self.patches(obs_map / 255).flatten(2).transpose(1, 2)  # (B, 64 cells, 64)
        tokens = torch.cat([self.stats(obs_global)[:, None], cells], dim=1) + self.positions  # the first gathers
        for block in self.blocks:
            tokens = block(tokens)
        gathered = self.norm(tokens[:, 0])
        return self.actor(gathered), self.critic(gathered).squeeze(1)


def main() -> None:
    from territory import interpret, profiling

    torch.manual_seed(0)
    model, board = SmallViT(), (torch.randint(0, 256, (1, 5, 128, 128), dtype=torch.uint8), torch.rand(1, 16))
    with torch.no_grad(), interpret.capture(model) as record:
        logits, _ = model(*board)
    for name, weights in record.items():
        with torch.no_grad(), interpret.intervene(model, {name: interpret.zero_head(0)}):
            moved = (model(*board)[0] - logits).abs().max().item()
        print(f"{name} {tuple(weights.shape)}: without its first head a logit moves by {moved:.3f}")
    print(profiling.format_table(profiling.macs_table(model, board), total=True))


if __name__ == "__main__":
    main()
