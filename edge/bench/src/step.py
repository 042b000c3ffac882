"""The peer of step.rs: a GPT-2 of plain PyTorch layers, float32, eager or compiled; a training step for each line of input."""
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional

config, threads, batch, length = json.loads(sys.argv[1]), *map(int, sys.argv[2:5])
is_compiled = sys.argv[5] == "compiled"
torch.set_num_threads(threads)
torch.manual_seed(7)
width, heads, vocabulary = config["n_embd"], config["n_head"], config["vocab_size"]


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        rows, time_, _ = x.shape
        q, k, v = (
            part.view(rows, time_, heads, width // heads).transpose(1, 2)
            for part in self.qkv(self.first(x)).split(width, dim=2)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, time_, width))
        return x + self.narrow(functional.gelu(self.wide(self.second(x)), approximate="tanh"))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(config["n_positions"], width)
        self.blocks = nn.ModuleList(Block() for _ in range(config["n_layer"]))
        self.last = nn.LayerNorm(width)

    def forward(self, ids):
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return functional.linear(self.last(x), self.tokens.weight)


model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
if is_compiled:
    model = torch.compile(model)
data = torch.randint(0, vocabulary, (64, batch, length + 1))
for step, _ in enumerate(sys.stdin):
    ids = data[step % len(data)]
    start = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    loss = functional.cross_entropy(model(ids[:, :-1]).reshape(-1, vocabulary), ids[:, 1:].reshape(-1))
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    print(time.perf_counter() - start, flush=True)
