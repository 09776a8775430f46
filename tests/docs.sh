#!/bin/sh
# docs.sh [PAGE.md...] - run the commands in README.md, CONTRIBUTING.md and docs/, so that no page tells a lie.
#
# The fenced blocks of a page run in order in one shell, in a scratch folder that shows the tree and keeps what is written:
#   ```sh         as it stands
#   ```sh long    with every `./run` of an experiment cut to a few steps, and every study or bench to a few modules, turns, seeds or pictures
#   ```sh skip    not at all: needs a cluster, the network, or a free afternoon
#   ```python     by the same Python as ./run
# data/mnist.h5 is a small made-up file of the same shape.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
export CALLOSUM_BUILT="$root" CALLOSUM_PYTHON="${CALLOSUM_PYTHON:-/usr/bin/python3}"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
[ $# -gt 0 ] || set -- "$root"/README.md "$root"/CONTRIBUTING.md "$root"/docs/*.md

# The page's commands as one script.
commands_of()
{
    film="--set batch=16 --set stimulus.sequences=16 --set stimulus.held_out=16"
    for phase in train seen blind seen-test blind-test; do film="$film --set phases.$phase.steps=96"; done
    awk -v film="$film" -v short='--set phases.train.steps=20 --set phases.probe.steps=2' -v few='--steps 4 --repeat 1' -v simulator="$([ -x "$root/build/callosum-simulate" ] && echo yes)" '
        /^```sh/ && !inside {inside = $2 == "skip" ? "skip" : "sh"; long = $2 == "long"; next}
        /^```python/ && !inside {inside = "python"; print "$CALLOSUM_PYTHON - <<\"END_OF_PYTHON\""; next}
        /^```/ {if (inside == "python") print "END_OF_PYTHON"; inside = inside ? "" : "text"; next}
        inside == "sh" && long && /^\.\/run (compare|fewshot) .*sparse-rule/ {sub(/--seeds [0-9,]+/, "--seeds 1"); sub(/--shots [0-9,]+/, "--shots 2")
            sub(/ *(#.*)?$/, " --set phases.learn.steps=10"); print; next}
        inside == "sh" && long && /^\.\/run .*bhn-video/ {sub(/ *(#.*)?$/, " " film); print; next}
        inside == "sh" && long && /^\.\/run attack/ {sub(/--images [0-9]+/, "--images 50")}
        inside == "sh" && long && /^\.\/run (demo|compare|[^ ]*\.yaml)/ {sub(/ *(#.*)?$/, " " short)}
        inside == "sh" && long && /^\.\/run bench/ {sub(/bench/, "bench --short")}
        inside == "sh" && /--simulate/ && !simulator {print ": built without SimGrid"; next}
        inside == "sh" && long && /^\.\/run scale/ {sub(/--modules [0-9,]+/, "--modules 1,2"); sub(/--per-shard [0-9]+/, "--per-shard 2")
            sub(/--simulate [0-9,]+/, "--simulate 4"); sub(/ *(#.*)?$/, " " few)}
        inside == "sh" || inside == "python" {print}' "$1"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$CALLOSUM_PYTHON" "$root/tests/made_digits.py" "$scratch/digits.h5"
for page; do
    mkdir "$scratch/tree"
    for entry in "$root"/*; do
        case $entry in */runs | */data) ;; *) ln -s "$entry" "$scratch/tree/" ;; esac
    done
    mkdir "$scratch/tree/data"
    cp "$scratch/digits.h5" "$scratch/tree/data/mnist.h5"
    commands_of "$page" >"$scratch/script"
    if ! (cd "$scratch/tree" && sh -eux "$scratch/script") >"$scratch/log" 2>&1 </dev/null; then
        echo "docs: a command in $page failed; the end of what it said:"
        tail -n 40 "$scratch/log"
        exit 1
    fi
    echo "docs: $page: $(grep -c . "$scratch/script" || :) lines run"
    rm -rf "$scratch/tree"
done
