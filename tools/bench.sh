#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds a pair of containers, measures it under several settings, draws the results, and removes the pair. Called by ./ftfw bench.
# Usage: bench.sh [ARGUMENT OF `python tools/bench run`]...
set -eu
site="-i inventories/native -e lab_name=bench -e native_realtime=true"

# shellcheck disable=SC2317 # called by the trap
remove() {
    # shellcheck disable=SC2086 # several words
    ansible-playbook $site playbooks/clean.yml >build/bench/clean.log 2>&1 || cat build/bench/clean.log >&2
}

build() { # PROFILE
    echo "+ ansible-playbook tools/bench/lab.yml $site -e native_profile=$1"
    # shellcheck disable=SC2086
    ansible-playbook tools/bench/lab.yml $site -e "native_profile=$1" >"build/bench/lab-$1.log" 2>&1 || {
        tail -n 40 "build/bench/lab-$1.log" >&2
        exit 1
    }
    python tools/bench keep "$1"
}

# what is wrong with them is said before anything is built, and --help is answered
case " $* " in *" --help "* | *" -h "* | *" --dry-run "*) exec python tools/bench run --dry-run "$@" ;; esac
results=$(python tools/bench run --dry-run "$@")

mkdir -p build/bench
trap remove EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
build fast
build default
echo "+ python tools/bench run $*"
code=0
python tools/bench run "$@" || code=$?
echo "+ ansible-playbook tools/bench/page.yml"
ansible-playbook tools/bench/page.yml -e "bench_json=$results" >build/bench/page.log 2>&1 || { cat build/bench/page.log >&2; exit 1; }
echo "$results, ${results%.*}.html"
exit "$code"
