"""Golden files from PyTorch and Hugging Face transformers, by which Samebit's models and training are judged.

    python -m venv venv && venv/bin/pip install torch transformers safetensors
    venv/bin/python vectors/torch/generate.py

For each family it writes a directory with

    model.safetensors, config.json   first weights, as `save_pretrained` writes them
    corpus.txt                       text made from a seed by a simple rule: sums of two numbers
    job.yaml                         the job that Samebit runs
    golden.json                      what PyTorch computes from the same weights, batches and constants: the losses and
                                     gradient norms of every step, and the logits of a prompt before the first step

Losses come from `torch.optim.AdamW` and `clip_grad_norm_` in float32 on one thread. The order of the batches is computed here
from the specification (docs/spec/recipe.md), not taken from Samebit. Weights decay in matrices, not in biases and norms.
"""

import json
import math
import pathlib

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

SEED = 7
STEPS = 200
WARMUP = 20
BATCH = 4
TIME = 32
VOCABULARY = 77
CORPUS_BYTES = 8192
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.1
MAX_GRAD_NORM = 1.0
BETAS = (0.9, 0.999)
EPSILON = 1e-8
ORDER_STREAM = 0xC0000000
MASK = 0xFFFFFFFF

FAMILIES = {
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(
            n_layer=2, n_embd=48, n_head=4, n_positions=40, vocab_size=VOCABULARY,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=None,
        )
    ),
    "llama": lambda: LlamaForCausalLM(
        LlamaConfig(
            num_hidden_layers=2, hidden_size=48, num_attention_heads=4, num_key_value_heads=2, intermediate_size=100,
            max_position_embeddings=40, vocab_size=VOCABULARY, tie_word_embeddings=False, rms_norm_eps=1e-5,
            bos_token_id=None, eos_token_id=None,
        )
    ),
}

JOB = f"""# Written by ../generate.py; golden.json holds what PyTorch computes from it.
base_model: .
tokenizer: bytes
datasets: [{{path: corpus.txt}}]
sequence_len: {TIME}
micro_batch_size: {BATCH}
max_steps: {STEPS}
optimizer: adamw
learning_rate: {LEARNING_RATE}
lr_scheduler: cosine
warmup_steps: {WARMUP}
weight_decay: {WEIGHT_DECAY}
max_grad_norm: {MAX_GRAD_NORM}
seed: {SEED}
"""


def corpus():
    """Lines `a+b=c` with a and b from a linear congruential generator."""
    state, text = SEED, ""
    while len(text) < CORPUS_BYTES:
        state = (1103515245 * state + 12345) % 2**31
        a, b = (state >> 16) % 100, (state >> 8) % 100
        text += f"{a}+{b}={a + b}\n"
    return text


def philox(key, counter):
    """Philox 4x32-10: four words."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def permutation(epoch, rows):
    """The shuffled rows of an epoch."""
    permuted = list(range(rows))
    for last in range(rows - 1, 0, -1):
        low, high, _, _ = philox((SEED & MASK, SEED >> 32), (last, 0, ORDER_STREAM, epoch))
        place = ((high << 32 | low) * (last + 1)) >> 64
        permuted[last], permuted[place] = permuted[place], permuted[last]
    return permuted


def order(rows):
    """The rows of every step: the epochs end to end, cut into batches."""
    epochs = math.ceil(STEPS * BATCH / rows)
    table = [row for epoch in range(epochs) for row in permutation(epoch, rows)]
    return [table[step * BATCH : (step + 1) * BATCH] for step in range(STEPS)]


def rate(step):
    """The factor of the learning rate at a step, as in transformers' get_cosine_schedule_with_warmup."""
    if step < WARMUP:
        return step / WARMUP
    return 0.5 * (1.0 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def first_weights(build):
    """The family's own initial weights, with noise on all of them, so that no bias is zero and no gain is one."""
    torch.manual_seed(SEED)
    model = build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model.float()


def train(model, tokens):
    """Losses and gradient norms of all steps."""
    decaying = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": decaying, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)
    losses, norms = [], []
    for step, batch in enumerate(order((len(tokens) - 1) // TIME)):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate(step)
        rows = torch.stack([tokens[row * TIME : row * TIME + TIME + 1] for row in batch])
        logits = model(input_ids=rows[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), rows[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM).item())
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    text = corpus()
    tokens = torch.tensor(list(text.encode()))
    for name, build in FAMILIES.items():
        directory = pathlib.Path(__file__).parent / name
        directory.mkdir(exist_ok=True)
        model = first_weights(build)
        model.save_pretrained(directory)
        (directory / "generation_config.json").unlink(missing_ok=True)
        (directory / "corpus.txt").write_text(text)
        (directory / "job.yaml").write_text(JOB)
        prompt = tokens[:TIME]
        with torch.no_grad():
            logits = model(input_ids=prompt[None]).logits[0]
        losses, norms = train(model, tokens)
        golden = {
            "torch": torch.__version__.split("+")[0],
            "prompt": prompt.tolist(),
            "logits": [[round(value, 7) for value in row] for row in logits.tolist()],
            "losses": losses,
            "grad_norms": norms,
        }
        (directory / "golden.json").write_text(json.dumps(golden) + "\n")
        print(name, sum(p.numel() for p in model.parameters()), losses[0], losses[19], sum(losses[-50:]) / 50)


if __name__ == "__main__":
    main()
