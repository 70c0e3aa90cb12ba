"""Compares loss, gradients and running statistics of one step with those of tests/bench/network_gradients.ts.

    python tests/bench/peers/network_gradients_torch.py FOLDER     (torch, safetensors, numpy)
"""
import json
import os
import sys

import numpy
import torch
from safetensors.torch import load_file

os.chdir(sys.argv[1])
sys.path.insert(0, ".")
from network import load

step = json.load(open("step.json"))
network = load().double().train()
for module in network.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        module.reset_running_stats()
images = torch.from_numpy(numpy.load("images.npy")).double().permute(0, 3, 1, 2)
loss = torch.nn.functional.cross_entropy(network(images), torch.tensor(step["labels"]))
loss.backward()
expected = {name: value.double() for name, value in load_file("gradients.safetensors").items()}
found = {name: value.grad for name, value in network.named_parameters()}
found |= {name: value for name, value in network.named_buffers() if "running" in name}


def difference(name):
    # rounding of the float32 file, of the largest value; a kernel before batch norm may have none but rounding errors
    scale = max(expected[name].abs().max().item(), 1e-6)
    return (found[name] - expected[name]).abs().max().item() / scale


worst = max(found, key=difference)
assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
print(f"loss {abs(loss.item() - step['loss']):.1e}, worst of {len(found)} tensors {worst} {difference(worst):.1e}")
sys.exit(0 if difference(worst) <= 1e-4 and abs(loss.item() - step["loss"]) <= 1e-5 else 1)
