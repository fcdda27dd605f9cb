# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# Prepares the environment that playbooks and tests run in. Sourced by ./ftfw in the root of the clone.
#   prepare lab|test

packages_log=build/debian-packages-installed

die() {
    echo "ftfw: $*" >&2
    exit 1
}

say() {
    echo "ftfw: $*"
}

# The packages of a stage: test needs those of lab, too.
packages_of() {
    case $1 in
    lab) awk '$2 == "lab" { print $1 }' tools/debian-packages.txt ;;
    test) awk '$2 == "lab" || $2 == "test" { print $1 }' tools/debian-packages.txt ;;
    esac
}

missing_packages() {
    for package in $(packages_of "$1"); do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
        installed) ;;
        *) echo "$package" ;;
        esac
    done
}

# Debian starts a daemon as soon as it is installed. Nothing that we install may touch this machine's network, so for as long as
# apt runs, the policy that maintainer scripts ask says no, and afterwards no new daemon is left to start at boot.
install_packages() {
    command -v apt-get >/dev/null || die "this is no Debian: install by other means what tools/debian-packages.txt names"
    say "installs these Debian packages: $*"
    [ "$(id -u)" = 0 ] || die "needs root to install Debian packages: run it as root, or install them yourself"
    policy=/usr/sbin/policy-rc.d
    made_policy=
    if [ ! -e "$policy" ]; then
        made_policy=$policy
        trap 'rm -f "$made_policy"' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        printf '#!/bin/sh\n# made by ftfw while it installs packages\nexit 101\n' >"$policy"
        chmod 0755 "$policy"
    fi
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sort >build/packages-before
    set -- -y -q --no-install-recommends -o APT::Keep-Downloaded-Packages=false "$@"
    (
        export DEBIAN_FRONTEND=noninteractive
        apt-get install "$@" || { apt-get update -q && apt-get install "$@"; }
    ) || die "apt-get could not install them"
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sort >build/packages-after
    comm -13 build/packages-before build/packages-after | sed -n 's/^installed //p' >build/packages-new
    cat build/packages-new >>"$packages_log"
    if [ -d /run/systemd/system ]; then
        for daemon in keepalived conntrackd; do
            ! grep -qx "$daemon" build/packages-new || systemctl --quiet disable "$daemon.service"
        done
    fi
    rm -f build/packages-before build/packages-after build/packages-new
    if [ "$made_policy" ]; then
        rm -f "$made_policy"
        trap - EXIT INT TERM
    fi
}

# What the environment is made from, as one word. The folder is part of it, because a virtual environment can't be moved.
fingerprint() {
    {
        pwd
        /usr/bin/python3 --version
        cat "$@" galaxy.yml tools/prepare.sh tools/unpack_collections.py
    } | sha256sum | cut -d ' ' -f 1
}

is_prepared() { # FINGERPRINT
    [ -x .venv/bin/ansible-playbook ] && [ "$(cat build/prepared 2>/dev/null)" = "$1" ]
}

pip() {
    TMPDIR=$PWD/build/tmp PIP_CACHE_DIR=$PWD/build/cache/pip PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip "$@"
}

# One environment for all verbs: molecule and what it needs work in it by themselves, too.
prepare_environment() {
    print=$(fingerprint requirements.txt requirements-test.txt requirements-collections.txt)
    ! is_prepared "$print" || return 0
    say "makes .venv from requirements.txt and requirements-test.txt (a minute)"
    rm -f build/prepared
    /usr/bin/python3 -m venv --clear .venv
    pip install --quiet --requirement requirements.txt --requirement requirements-test.txt
    say "takes the collections out of $(grep -v '^#' requirements-collections.txt) (52 MB)"
    rm -rf build/download
    pip download --quiet --no-deps --dest build/download --requirement requirements-collections.txt
    .venv/bin/python tools/unpack_collections.py build/download/*.whl .ansible/collections
    rm -rf build/download
    mkdir -p .ansible/collections/ansible_collections/ftfw
    ln -sfn ../../../.. .ansible/collections/ansible_collections/ftfw/pair
    echo "$print" >build/prepared
}

prepare() {
    mkdir -p build/tmp build/cache
    # two at once would write over each other
    exec 9>build/.lock
    flock 9
    # shellcheck disable=SC2046 # names of packages have no blanks
    set -- $(missing_packages "$1")
    [ $# = 0 ] || install_packages "$@"
    prepare_environment
    exec 9>&-
    PATH=$PWD/.venv/bin:$PATH
    # what programs would leave in the home folder belongs to the clone
    XDG_CACHE_HOME=$PWD/build/cache
    export PATH XDG_CACHE_HOME
}
