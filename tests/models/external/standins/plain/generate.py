"""One request by arguments, or many by --list, a file with a line of JSON for each."""

import argparse
import json

from faults import make

parser = argparse.ArgumentParser()
for name in ("--list", "--image", "--prompt", "--prompt-file", "--out"):
    parser.add_argument(name)
parser.add_argument("--seed", type=int)
parser.add_argument("--num-frames", type=int)
args = parser.parse_args()
if args.list:
    with open(args.list, encoding="utf-8") as file:
        for line in file:
            one = json.loads(line)
            make(one["image"], one["prompt"], one["seed"], args.num_frames, one["out"])
else:
    if args.prompt_file:
        with open(args.prompt_file, encoding="utf-8", newline="") as file:
            args.prompt = file.read()
    make(args.image, args.prompt, args.seed, args.num_frames, args.out)
