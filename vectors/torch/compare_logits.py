"""Checks that `transformers` computes Samebit's logits from a directory that Samebit wrote.

    venv/bin/python vectors/torch/compare_logits.py DIR

DIR holds config.json and model.safetensors, and logits.json {"tokens": [T], "logits": [T][V]} with Samebit's logits. Exits 1 if a
logit differs by more than 1e-4.
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM

LIMIT = 1e-4


def main():
    directory = pathlib.Path(sys.argv[1])
    ours = json.loads((directory / "logits.json").read_text())
    model, report = AutoModelForCausalLM.from_pretrained(directory, output_loading_info=True)
    strays = {key: sorted(found) for key, found in report.items() if found}
    if strays:
        sys.exit(f"transformers complains: {strays}")
    with torch.no_grad():
        theirs = model.float().eval()(input_ids=torch.tensor([ours["tokens"]])).logits[0]
    difference = (theirs - torch.tensor(ours["logits"])).abs().max().item()
    print(f"{type(model).__name__}: greatest difference of a logit {difference:.2e}, limit {LIMIT:.0e}")
    sys.exit(difference > LIMIT)


if __name__ == "__main__":
    main()
