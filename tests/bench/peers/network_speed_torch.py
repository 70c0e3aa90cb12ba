"""Training-step throughput and peak memory of a network in PyTorch on the CPU, beside `deno task bench train --network`.

    python tests/bench/peers/network_speed_torch.py FOLDER [--batch 128] [--side 32] [--steps 5] [--threads 2] [--compile]

FOLDER has the network.py that tests/bench/network_gradients.ts writes (torch, safetensors). Float32, batch norm in
training, cross-entropy, SGD with momentum 0.9. Prints a line of JSON: images per second of the median step after two
that warm up, and the largest resident memory of the process in MiB.
"""
import argparse
import json
import os
import resource
import statistics
import sys
import time

import torch

arguments = argparse.ArgumentParser()
arguments.add_argument("folder")
arguments.add_argument("--batch", type=int, default=128)
arguments.add_argument("--side", type=int, default=32)
arguments.add_argument("--steps", type=int, default=5)
arguments.add_argument("--threads", type=int, default=2)
arguments.add_argument("--compile", action="store_true")
options = arguments.parse_args()
os.chdir(options.folder)
sys.path.insert(0, ".")
from network import load

torch.set_num_threads(options.threads)
torch.manual_seed(0)
network = load().train().to(memory_format=torch.channels_last)
images = torch.randn(options.batch, 3, options.side, options.side).to(memory_format=torch.channels_last)
labels = torch.randint(0, 10, (options.batch,))
optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
forward = torch.compile(network) if options.compile else network


def step():
    started = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    torch.nn.functional.cross_entropy(forward(images), labels).backward()
    optimizer.step()
    return time.perf_counter() - started


seconds = statistics.median([step() for _ in range(2 + options.steps)][2:])
print(json.dumps({
    "by": "torch.compile" if options.compile else "torch",
    "network": os.path.basename(os.getcwd()),
    "batch": options.batch,
    "threads": options.threads,
    "images_per_s": round(options.batch / seconds, 1),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
