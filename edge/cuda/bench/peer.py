"""PyTorch's times for samebit-cuda-bench: reads one JSON list of cases, writes one JSON object {case: seconds}."""
import json
import sys

import torch
from torch.nn import functional

ROUNDS = 20


def best(work):
    """The best of ROUNDS runs, in seconds, by the card's clock."""
    for _ in range(3):
        work()
    times = []
    for _ in range(ROUNDS):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / 1e3)
    return min(times)


def normal(*shape, dtype=torch.float32):
    return torch.randn(*shape, device="cuda", dtype=torch.float32).to(dtype)


def product(m, n, k, kind):
    torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
    if kind == "int8":
        a, b = (torch.randint(-127, 128, shape, device="cuda", dtype=torch.int8) for shape in ((m, k), (n, k)))
        return best(lambda: torch._int_mm(a, b.t()))
    dtype = torch.bfloat16 if kind == "bf16" else torch.float32
    a, b = normal(m, k, dtype=dtype), normal(n, k, dtype=dtype)
    return best(lambda: a @ b.t())


def attention(batch, time, heads, size, kind, way):
    torch.backends.cuda.matmul.allow_tf32 = False
    dtype = torch.bfloat16 if kind == "bf16" else torch.float32
    q, k, v = (normal(batch, heads, time, size, dtype=dtype).requires_grad_() for _ in range(3))
    forward = lambda: functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    if way == "forward":
        return best(forward)
    out = forward()
    grad = torch.randn_like(out)
    return best(lambda: torch.autograd.grad(out, (q, k, v), grad, retain_graph=True))


def layer_norm(rows, columns):
    x, layer = normal(rows, columns), torch.nn.LayerNorm(columns, device="cuda")
    return best(lambda: layer(x))


def softmax(rows, columns):
    x = normal(rows, columns)
    return best(lambda: functional.softmax(x, dim=1))


def adamw(rows, columns):
    p = torch.nn.Parameter(normal(rows, columns))
    p.grad = normal(rows, columns)
    return best(torch.optim.AdamW([p], fused=True).step)


def run(case):
    name, *rest = case.split()
    rest = [int(word) if word.isdigit() else word for word in rest]
    return globals()[name](*rest)


times = {}
for case in json.loads(sys.argv[1]):
    try:
        times[case] = run(case)
    except RuntimeError as error:
        print(f"{case}: {error}", file=sys.stderr)
json.dump({"torch": torch.__version__, "card": torch.cuda.get_device_name(), "seconds": times}, sys.stdout)
