#!/bin/sh
# style.sh [BUILD_DIR] - the house rules that a script can see: who may include whom, headers that stand alone, formatting, leftovers.
# Prints every breach, one a line, and fails if there is one.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build}
breaches=$(mktemp)
trap 'rm -f "$breaches"' EXIT

folders='core comm regions analysis experiments tests'
sources=$(find $folders -name '*.[ch]' | sort)

# breach RULE: every line of standard input breaks it.
breach()
{
    sed "s|^|$1: |" >>"$breaches"
}

# may_include FOLDER DEPTH ALLOWED...: sources in FOLDER (and DEPTH levels below) include only from the folders ALLOWED.
may_include()
{
    folder=$1 depth=$2
    shift 2
    allowed=$(echo "$@" | tr ' ' '|')
    find "$folder" -maxdepth "$depth" -name '*.[ch]' -exec grep -nE '^ *# *include *"' /dev/null {} + | grep -vE "\"($allowed)/[^/\"]*\"" | breach 'include'
}

kinds=$(find regions -mindepth 1 -maxdepth 1 -type d | sort | tr '\n' ' ')
may_include core 9 core
may_include comm 9 core comm
may_include regions 9 core regions $kinds
may_include experiments/stimuli 9 core experiments/stimuli
may_include experiments/spec 9 core regions experiments/stimuli experiments/spec
may_include analysis 9 core regions $kinds experiments/stimuli experiments/spec analysis
may_include experiments 1 core comm regions experiments/stimuli experiments/spec analysis experiments

grep -nE '^ *# *include *[<"]mpi\.h' $sources | grep -vE '^(comm|tests)/' | breach 'mpi.h outside comm'
# The gradient with respect to the input is the experimenter's instrument, not the run's.
grep -nE '^ *# *include *".*probe\.h"' $sources | grep -vE '^(analysis|tests|regions/[^/]*/probe)' | breach 'probe in the run path'

# Libraries neither print nor leave; only cal_die() does, on its way out.
library=$(echo "$sources" | grep -E '^(core|comm|regions|experiments/(stimuli|spec))/.*\.c$' | grep -v '^core/err\.c$')
grep -nE '(^|[^[:alnum:]_])(printf|vprintf|puts|putchar|exit|_exit|abort) *\(|[^[:alnum:]_]stdout[^[:alnum:]_]' $library | breach 'prints or exits'

grep -nwE 'TO''DO|FIX''ME|XX''X|HA''CK' $sources run analysis/*.py tests/*.py tests/runs/*.py tests/*.sh experiments/*.yaml README.md CONTRIBUTING.md docs/*.md 2>/dev/null | breach 'left behind'
awk 'FNR == 1 {start = 0} /^[a-zA-Z].*[),]$/ && !start {start = FNR; name = $0} /^\{/ {body = FNR}
     /^\}/ || /;$/ && !body {if (body && FNR - body > 80) print FILENAME ":" body ": " name; start = body = 0}' $sources | breach 'function over 80 lines'

flags='-std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror -I.'
flags="$flags $(pkg-config --cflags yaml-0.1 cmocka 2>/dev/null) $(pkg-config --cflags hdf5-serial 2>/dev/null || pkg-config --cflags hdf5 2>/dev/null)"
for header in $(echo "$sources" | grep '\.h$'); do
    compiler=gcc
    case $header in comm/* | tests/*) compiler=mpicc ;; esac
    echo "#include \"$header\"" | $compiler $flags -fsyntax-only -x c - >/dev/null 2>&1 || echo "$header" | breach 'does not compile alone'
done

# -ffast-math is for files that say so in their name.
grep -nE 'GCC optimize|optimize *\(' $sources | breach 'optimisation flags in a source'
if [ -f "$build/compile_commands.json" ]; then
    tr -d '\n' <"$build/compile_commands.json" | sed 's/}, *{/}\n{/g' | awk '
        match($0, /"file": "[^"]*"/) {file = substr($0, RSTART + 9, RLENGTH - 10)
            if ((file ~ /_fast\.c$/) != /-ffast-math/) print file}' | sort -u | breach 'fast-math and the name *_fast.c do not go together'
fi

if command -v clang-format >/dev/null; then
    for source in $sources; do
        clang-format --dry-run -Werror "$source" 2>/dev/null || echo "$source" | breach 'clang-format'
    done
else
    echo 'style: clang-format is not installed: skipped'
fi

if [ -x "$build/callosum" ]; then
    "$build/callosum" parameters | cmp -s - docs/parameters.md || echo 'build/callosum parameters > docs/parameters.md' | breach 'out of date, mend with'
else
    echo 'style: no callosum in the build directory: docs/parameters.md is not compared'
fi

cat "$breaches"
[ ! -s "$breaches" ]
