#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the stages of the tests, goes on after one that fails, and counts. Called by ./ftfw test.
# Usage: test.sh [all|lab|lint|unit|integration|molecule|long]...
# The lab comes first: what a test needs is installed after it, so on a new machine it is built with what ./ftfw lab declares.
# FTFW_SUITE names the Debian release of the scenarios' guests and containers (bookworm).
set -u
# shellcheck source=tools/prepare.sh
. tools/prepare.sh
stages=${*:-all}
[ "$stages" != all ] || stages='lab molecule beside integration'
suite=${FTFW_SUITE:=bookworm}
export FTFW_SUITE
# long: the scenarios with all of their tests and faults, and nothing else
[ "$stages" != long ] ||
    export FTFW_TEST_LONG=1 FTFW_DRILL_SET=all FTFW_GUEST_FAULTS=power_loss,reboot,freeze,freeze_process,carrier_outside,full_table,clock_skew
passed=0 failed=0 failures='' sanity='' behind=''
# not in the clone: the path of a Unix socket can't be longer than 107 bytes
scratch=$(mktemp -d /tmp/ftfw-test.XXXXXX)
# shellcheck disable=SC2317 # called by the trap
finish() {
    for group in $sanity $behind; do
        kill -- "-$group" 2>/dev/null
    done
    rm -rf "$scratch"
}
trap finish EXIT
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
    rm -f "$scratch/passed"
    # Python holds back what it prints into a pipe
    { PYTHONUNBUFFERED=1 "$@" 2>&1 && : >"$scratch/passed"; } | tee "$scratch/said"
    if [ -e "$scratch/passed" ]; then
        count 1 0 "$name"
    else
        count 0 1 "$name"
        # again at the end: what is before it may be long
        python tools/excerpt.py "$scratch/said" >>"$scratch/failed-tests"
    fi
}

# The scenario molecule/default goes on with this lab.
lab() {
    site="-i inventories/lab -e lab_name=molecule -e lab_suite=$suite"
    # shellcheck disable=SC2086 # several words
    ansible-playbook playbooks/clean.yml $site >/dev/null
    # shellcheck disable=SC2086
    check lab ansible-playbook site.yml $site
    case $failures in *" lab"*) ;; *) export FTFW_LAB=built ;; esac
}

remove_lab() {
    [ -z "${FTFW_LAB-}" ] || ansible-playbook playbooks/clean.yml -i inventories/lab -e lab_name=molecule >/dev/null
    unset FTFW_LAB
}

shell_scripts() {
    git ls-files -co --exclude-standard -- ':!*.j2' | while IFS= read -r file; do
        [ ! -f "$file" ] || ! head -n 1 "$file" | grep -q '^#!/bin/sh\|^# shellcheck shell=sh' || echo "$file"
    done
    echo tools/prepare.sh
}

ended() { # CODE LOG: how something has ended that ran in the background
    cat "$2"
    return "$1"
}

# In a session of its own, so that its processes can be ended together. The kernel shares processors among sessions first, then among
# the processes of each (sched(7), autogroup): beside the scenarios it is the session that has to be content with less.
apart() { # COMMAND...
    # shellcheck disable=SC2016 # for that shell to expand
    exec setsid sh -c '[ -z "${FTFW_TEST_BESIDE-}" ] || echo 19 2>/dev/null >/proc/self/autogroup; exec "$@"' sh "$@"
}

lint() {
    # on the second processor, for it takes as long as all others
    apart tools/sanity.sh >"$scratch/sanity.log" 2>&1 &
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
    wait "$sanity"
    code=$?
    sanity=''
    check sanity ended "$code" "$scratch/sanity.log"
}

# Beside the scenarios, with what they leave of the processors: these wait for most of the time, and neither linters nor tests of
# pure code have limits of time.
begin_beside() {
    mkdir "$scratch/beside"
    # without the word that there is a lab: it would remove that in the end
    FTFW_TEST_BESIDE="$scratch/beside" apart env -u FTFW_LAB chrt --idle 0 "$0" lint unit >"$scratch/beside.log" 2>&1 &
    behind=$!
}

end_beside() {
    [ "$behind" ] || begin_beside
    wait "$behind"
    behind=''
    cat "$scratch/beside.log"
    read -r counts <"$scratch/beside/counts" || counts='0 1'
    names=$(cat "$scratch/beside/failures" 2>/dev/null)
    count "${counts% *}" "${counts#* }" "${names:-beside}"
    cat "$scratch/beside/failed-tests" >>"$scratch/failed-tests" 2>/dev/null
}

tests() { # FOLDER
    report=$PWD/build/test/$1.xml
    rm -f "$report"
    echo "+ pytest tests/$1"
    # several at once: integration tests mostly wait for a daemon's timers. The path of a Unix socket is longer by the worker's name then
    workers=2
    [ "$1" != integration ] || workers=4
    ANSIBLE_REMOTE_TMP="$scratch/remote" pytest "tests/$1" -rs --numprocesses="$workers" --dist=loadfile \
        --no-loadscope-reorder --basetemp="$scratch/t" --junit-xml="$report"
    code=$?
    python tools/count_tests.py "$report" >"$scratch/counts"
    counts=$(head -n 1 "$scratch/counts")
    # again at the end: what is before it may be long
    tail -n +2 "$scratch/counts" | head -n 40 >>"$scratch/failed-tests"
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
        # wide, for it breaks the lines of what it runs
        check "molecule/$scenario" env COLUMNS=240 molecule test --scenario-name "$scenario"
        [ "$scenario" != default ] || remove_lab
    done
}

# Debian 13 has its turn in a root file system of its own, with guests of its own.
next_suite() {
    check trixie env -u FTFW_TEST_LONG -u FTFW_DRILL_SET -u FTFW_GUEST_FAULTS FTFW_SUITE=trixie \
        tools/bare-root.sh trixie ./ftfw test
}

# What its children have used of the processors until now, in seconds; containers are not its children.
processors() {
    times >"$scratch/times"
    awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, "m"); sum += t[1] * 60 + t[2] } printf "%d\n", sum }' "$scratch/times"
}

prepared=''
for stage in $stages; do
    begun=$(date +%s)
    processors >"$scratch/before"
    if [ "$stage" != lab ] && [ -z "$prepared" ]; then
        # in a shell of its own: it ends where it can't go on
        (prepare test) || { count 0 1 prepare; break; }
        prepare test
        prepared=yes
        echo "what tests need took $(($(date +%s) - begun)) s"
        begun=$(date +%s)
    fi
    case $stage in
    lab) lab ;;
    lint) lint ;;
    beside) end_beside ;;
    unit | integration) tests "$stage" ;;
    molecule)
        case "$stages " in *"molecule beside "*) begin_beside ;; esac
        scenarios molecule/*/molecule.yml
        ;;
    long)
        scenarios molecule/native/molecule.yml molecule/default/molecule.yml
        next_suite
        ;;
    *) die "no stage '$stage'" ;;
    esac
    processors >"$scratch/after"
    echo "$stage took $(($(date +%s) - begun)) s, $(($(cat "$scratch/after") - $(cat "$scratch/before"))) s of a processor"
done
remove_lab
# whoever began this run beside its own tells what came of it
if [ "${FTFW_TEST_BESIDE-}" ]; then
    echo "$passed $failed" >"$FTFW_TEST_BESIDE/counts"
    echo "$failures" >"$FTFW_TEST_BESIDE/failures"
    [ ! -e "$scratch/failed-tests" ] || cp "$scratch/failed-tests" "$FTFW_TEST_BESIDE/"
    exit 0
fi
[ ! -s "$scratch/failed-tests" ] || cat "$scratch/failed-tests"
[ -z "$failures" ] || echo "failed:$failures"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
