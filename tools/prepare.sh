# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# Prepares the environment that playbooks and tests run in, and no more of it than a verb needs. Sourced in the root of the clone.
#   prepare lab|bench|test

packages_log=build/debian-packages-installed

die() {
    echo "ftfw: $*" >&2
    exit 1
}

say() {
    echo "ftfw: $*"
}

# The packages of a stage, and of those before it: lab, bench, test.
packages_of() { # STAGE
    awk -v stages="lab bench test" -v stage="$1" '/^[^#]/ && index(stages, $2) <= index(stages, stage) { print $1 }' \
        tools/debian-packages.txt
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
        # a new machine has no lists of packages; old lists name what a mirror no longer has
        ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt-get update -q
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

# Twice quiet: it would warn of each folder that its configuration names and this machine does not have.
pip() {
    TMPDIR=$PWD/build/tmp PIP_CACHE_DIR=$PWD/build/cache/pip PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip --quiet --quiet "$@"
}

# What runs playbooks, from requirements.txt.
prepare_playbooks() { # FINGERPRINT
    ! is_prepared "$1" || return 0
    say "makes .venv from requirements.txt"
    rm -f build/prepared build/prepared-test
    /usr/bin/python3 -m venv --clear .venv
    pip install --requirement requirements.txt
    say "takes the collections out of $(grep -v '^#' requirements-collections.txt) (52 MB)"
    rm -rf build/download
    pip download --no-deps --dest build/download --requirement requirements-collections.txt
    .venv/bin/python tools/unpack_collections.py build/download/*.whl .ansible/collections
    rm -rf build/download
    mkdir -p .ansible/collections/ansible_collections/ftfw
    ln -sfn ../../../.. .ansible/collections/ansible_collections/ftfw/pair
    echo "$1" >build/prepared
}

# What tests need is added to the same environment; playbooks run in it as before.
prepare_tests() { # FINGERPRINT
    [ "$(cat build/prepared-test 2>/dev/null)" != "$1" ] || return 0
    say "adds requirements-test.txt to .venv (a minute)"
    pip install --requirement requirements-test.txt
    echo "$1" >build/prepared-test
}

prepare_environment() { # STAGE
    print=$(fingerprint requirements.txt requirements-collections.txt)
    test_print=$(fingerprint requirements.txt requirements-collections.txt requirements-test.txt)
    # nothing of an older list may stay
    [ ! -e build/prepared-test ] || [ "$(cat build/prepared-test)" = "$test_print" ] || [ "$1" != test ] || rm -f build/prepared
    prepare_playbooks "$print"
    [ "$1" != test ] || prepare_tests "$test_print"
}

# What the caller's shell says about Python and Ansible is meant for other programs: our own settings count.
own_settings() {
    # Ansible refuses to run where texts are no UTF-8
    [ "$(locale charmap 2>/dev/null)" = UTF-8 ] || export LC_ALL=C.UTF-8
    unset PYTHONPATH PYTHONHOME ANSIBLE_COLLECTIONS_PATH ANSIBLE_COLLECTIONS_PATHS
    # named, since Ansible passes over the one of a folder that everybody may write to
    ANSIBLE_CONFIG=$PWD/ansible.cfg
    export ANSIBLE_CONFIG
}

prepare() { # STAGE
    prepared_for=$1
    own_settings
    mkdir -p build/tmp build/cache
    # two at once would write over each other
    exec 9>build/.lock
    flock 9
    # shellcheck disable=SC2046 # names of packages have no blanks
    set -- $(missing_packages "$prepared_for")
    [ $# = 0 ] || install_packages "$@"
    prepare_environment "$prepared_for"
    exec 9>&-
    PATH=$PWD/.venv/bin:$PATH
    # what programs would leave in the home folder belongs to the clone
    XDG_CACHE_HOME=$PWD/build/cache
    export PATH XDG_CACHE_HOME
}
