#!/bin/sh
# The runs that made models/demo, in order. Usage: sh models/make_demo.sh [python]
set -eu
cd "$(dirname "$0")/.."
py=${1:-python3}
b=models/build

"$py" models/make_text.py --out $b/text
"$py" models/train.py --text $b/text/train.txt --out $b/stage1 --steps 8500 --stop 2000
"$py" models/train.py --text $b/text/train.txt --out $b/stage2 --init $b/stage1 \
    --steps 2500 --lr 2e-3 --seed 2 --save-every 500
"$py" models/make_text.py --final
"$py" models/train.py --out models/demo --init $b/stage2 \
    --steps 1200 --lr 8e-4 --seed 3 --save-every 400
