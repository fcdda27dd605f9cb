#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the stages of the tests, goes on after one that fails, and counts. Called by ./ftfw test.
# Usage: test.sh [lint|unit|integration|molecule|long]
set -u
stages=${1:-lint unit integration molecule}
# long: the scenarios with all of their tests and faults, and nothing else
[ "$stages" != long ] ||
    export FTFW_TEST_LONG=1 FTFW_DRILL_SET=all FTFW_GUEST_FAULTS=power_loss,reboot,freeze,freeze_process,carrier_outside,full_table,clock_skew
passed=0 failed=0 failures='' sanity=''
# not in the clone: the path of a Unix socket can't be longer than 107 bytes
scratch=$(mktemp -d /tmp/ftfw-test.XXXXXX)
trap '[ -z "$sanity" ] || kill -- "-$sanity" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p build/test

count() { # PASSED FAILED NAME
    passed=$((passed + $1))
    failed=$((failed + $2))
    [ "$2" = 0 ] || failures="$failures $3"
}

check() { # NAME COMMAND...: counts as one
    name=$1
    shift
    echo "+ $*"
    if "$@"; then count 1 0 "$name"; else count 0 1 "$name"; fi
}

shell_scripts() {
    git ls-files -co --exclude-standard -- ':!*.j2' | while IFS= read -r file; do
        [ ! -f "$file" ] || ! head -n 1 "$file" | grep -q '^#!/bin/sh\|^# shellcheck shell=sh' || echo "$file"
    done
    echo tools/prepare.sh
}

ended() { # PID LOG: waits for what runs in the background, and shows what it has said
    wait "$1"
    code=$?
    sanity=
    cat "$2"
    return "$code"
}

lint() {
    # on the second processor, for it takes as long as all others
    setsid tools/sanity.sh >"$scratch/sanity.log" 2>&1 &
    sanity=$!
    check yamllint yamllint --strict .
    check ansible-lint ansible-lint --offline --strict
    check ruff-check ruff check
    check ruff-format ruff format --check
    check mypy mypy
    # shellcheck disable=SC2046 # no script has a blank in its name
    check shellcheck shellcheck --external-sources $(shell_scripts | sort -u)
    check antsibull-docs env HOME="$PWD/build/test" antsibull-docs lint-collection-docs --plugin-docs .
    check antsibull-changelog antsibull-changelog lint
    check sanity ended "$sanity" "$scratch/sanity.log"
}

tests() { # FOLDER
    report=$PWD/build/test/$1.xml
    rm -f "$report"
    echo "+ pytest tests/$1"
    # two at once: most of them wait for a daemon's timers. The path of a Unix socket is longer by the worker's name then
    ANSIBLE_REMOTE_TMP="$scratch/remote" pytest "tests/$1" -rs --numprocesses=2 --dist=loadfile \
        --basetemp="$scratch/t" --junit-xml="$report"
    code=$?
    python tools/count_tests.py "$report" >"$scratch/counts"
    counts=$(head -n 1 "$scratch/counts")
    # again at the end: what is before it may be long
    tail -n +2 "$scratch/counts" >>"$scratch/failed-tests"
    # an error outside of all tests, such as one while they are collected
    case $code:${counts#* } in
    0:0) ;;
    *:0) counts="${counts% *} 1" ;;
    esac
    count "${counts% *}" "${counts#* }" "tests/$1"
}

scenarios() { # FILE...
    for scenario; do
        scenario=$(basename "$(dirname "$scenario")")
        export MOLECULE_EPHEMERAL_DIRECTORY="$scratch/molecule-$scenario"
        check "molecule/$scenario" molecule test --scenario-name "$scenario"
    done
}

for stage in $stages; do
    begun=$(date +%s)
    case $stage in
    lint) lint ;;
    unit | integration) tests "$stage" ;;
    molecule) scenarios molecule/*/molecule.yml ;;
    long) scenarios molecule/native/molecule.yml molecule/default/molecule.yml ;;
    esac
    echo "$stage took $(($(date +%s) - begun)) s"
done
[ ! -s "$scratch/failed-tests" ] || head -n 60 "$scratch/failed-tests"
[ -z "$failures" ] || echo "failed:$failures"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
