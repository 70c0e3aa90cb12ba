"""What ResNet-20 learns on CIFAR-10 in PyTorch with this project's settings: the judge of the trainer as a whole.

As `deno task cifar10 --network resnet20 --steps N --batch 128`: 45,000 training images and 5,000 to validate, pad-crop-flip,
per-channel normalisation, He-normal kernels (fan in), Glorot dense kernel, SGD of 0.1 with momentum 0.9 and cosine decay
to 0, weight decay 1e-4 on kernels only, batch norm of momentum 0.1 and epsilon 1e-5. Prints one JSON line.

    python learn_torch.py CIFAR_DIR "swish" SEED STEPS        its own starting values, order and augmentation
    deno run ... learn.ts feed ... | python learn_torch.py CIFAR_DIR "swish" SEED STEPS --fed      those that it is fed

CIFAR_DIR holds cifar-10-batches-bin/*.bin. --threads N (1).
"""
import argparse, json, math, os, sys, time
import numpy as np, torch, torch.nn.functional as F
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import resnet20_torch as peer

BATCH, KEPT = 128, 45000
ACTIVATIONS = {"relu": torch.relu, "swish-1": F.silu, "gelu": F.gelu, "elu": F.elu}


def load(folder, names):
    rows = np.concatenate([np.fromfile(f"{folder}/cifar-10-batches-bin/{n}", np.uint8).reshape(-1, 3073) for n in names])
    return rows[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255, rows[:, 0].astype(np.int64)


def own_start(net):
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.xavier_uniform_(module.weight)
            torch.nn.init.zeros_(module.bias)


def own_batches(x, y, seed, steps):
    rng = np.random.default_rng(seed)
    padded = np.pad(x, ((0, 0), (0, 0), (4, 4), (4, 4)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (32, 32), axis=(2, 3))
    order, at = rng.permutation(len(x)), 0
    for _ in range(steps):
        if at + BATCH > len(x):
            order, at = rng.permutation(len(x)), 0
        n = order[at:at + BATCH]
        at += BATCH
        images = windows[n, :, rng.integers(0, 9, BATCH), rng.integers(0, 9, BATCH)].copy()
        flip = rng.random(BATCH) < 0.5
        images[flip] = images[flip][..., ::-1]
        yield images, y[n]


def floats(stream, shape):
    return np.frombuffer(stream.read(4 * int(np.prod(shape))), "<f4").reshape(shape)


def fed_start(net, stream):
    """The project's parameters: `stem.kernel` HWIO, `stage1.block1.bn1.scale`, `dense.kernel` [inputs, outputs]."""
    state = {}
    for name, shape in json.loads(stream.readline())["parameters"]:
        value = floats(stream, shape)
        *layer, kind = name.split(".")
        layer = ".".join(layer).replace("stem.bn", "bn").replace("stem", "conv").replace("dense", "fc")
        if layer.startswith("stage"):
            stage, block, rest = layer.split(".")
            layer = f"blocks.{3 * (int(stage[5:]) - 1) + int(block[5:]) - 1}.{rest}"
        if kind == "kernel":
            value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
        state[f"{layer}.{'bias' if kind in ('shift', 'bias') else 'weight'}"] = torch.from_numpy(value.copy())
    own = dict(net.named_parameters())
    assert own.keys() == state.keys(), own.keys() ^ state.keys()
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)


def fed_batches(stream, steps):
    for _ in range(steps):
        images = floats(stream, (BATCH, 32, 32, 3)).transpose(0, 3, 1, 2)
        yield np.ascontiguousarray(images), np.frombuffer(stream.read(BATCH), np.uint8).astype(np.int64)


def accuracy(net, images, labels):
    with torch.no_grad():
        guesses = [net(torch.from_numpy(images[i:i + 500])).argmax(1).numpy() for i in range(0, len(images), 500)]
    return float((np.concatenate(guesses) == labels).mean())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder"), parser.add_argument("act", choices=ACTIVATIONS)
    parser.add_argument("seed", type=int), parser.add_argument("steps", type=int)
    parser.add_argument("--fed", action="store_true"), parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    x, y = load(a.folder, [f"data_batch_{i}.bin" for i in range(1, 6)])
    xt, yt = load(a.folder, ["test_batch.bin"])
    mean, sd = x[:KEPT].mean((0, 2, 3), keepdims=True), x[:KEPT].std((0, 2, 3), keepdims=True)
    x, xt = (x - mean) / sd, (xt - mean) / sd

    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    net = peer.ResNet20(ACTIVATIONS[a.act])
    if a.fed:
        fed_start(net, sys.stdin.buffer)
        batches = fed_batches(sys.stdin.buffer, a.steps)
    else:
        own_start(net)
        batches = own_batches(x[:KEPT], y[:KEPT], a.seed, a.steps)
    optimizer = torch.optim.SGD([
        {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": 1e-4},
        {"params": [p for p in net.parameters() if p.ndim <= 1], "weight_decay": 0},
    ], 0.1, momentum=0.9)
    forward, started, losses = torch.compile(net), time.time(), []
    for step, (images, labels) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * (1 + math.cos(math.pi * step / a.steps))
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(torch.from_numpy(images)), torch.from_numpy(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 99:
            print(a.act, a.seed, step + 1, round(loss.item(), 3), f"{time.time() - started:.0f} s", file=sys.stderr, flush=True)
    net.eval()
    print(json.dumps({"by": f"torch {torch.__version__}", "act": a.act, "seed": a.seed, "steps": a.steps,
                      "validation": accuracy(net, x[KEPT:], y[KEPT:]), "test": accuracy(net, xt, yt),
                      "seconds": round(time.time() - started), "losses": losses}))


main()
