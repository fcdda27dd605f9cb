#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a command in a new root file system. That has Debian's smallest set of packages, git and ca-certificates, and nothing else: what
# the command needs and nobody has declared is missed there. Nothing of it is left afterwards.
# Usage: bare-root.sh SUITE COMMAND...
#   e.g. tools/bare-root.sh trixie ./ftfw test unit
# COMMAND runs as root in a clone of this repository's last commit, below /root, which only root may enter. It sees processes, mounts
# and shared memory of its own; the network and the devices are this machine's. Reports of tests are copied back into this clone.
# TMPDIR names the folder for the root file system (/var/tmp, some 8 GB for all tests).
set -eu
HOME=${HOME:-/root}
# a machine may start it without any input
{ : <&0; } 2>/dev/null || exec </dev/null

# All that is carried in from this machine: how names are resolved, pip's configuration and the certificates that it names, and of
# the environment what pip, proxies and this project's own tests are told. apt's sources are what mmdebstrap writes.
carry_in() { # ROOT
    cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
    carry /etc/pip.conf "$1/etc/pip.conf"
    carry /etc/xdg/pip "$1/etc/xdg/pip"
    carry "$HOME/.config/pip" "$1/root/.config/pip"
    carry "$HOME/.pip" "$1/root/.pip"
    {
        echo "${PIP_CERT-}"
        cat /etc/pip.conf /etc/xdg/pip/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf" 2>/dev/null |
            sed -n 's/^[[:blank:]]*cert[[:blank:]]*=[[:blank:]]*//p'
    } | sort -u | while IFS= read -r certificate; do
        [ -z "$certificate" ] || carry "$certificate" "$1/$certificate"
    done
}
carried_variables='^(PIP_[A-Z_]*|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|FTFW_[A-Z_]*|TERM)='
carried_reports='reports build/test/*.xml build/test/*.json'

carry() { # FROM TO
    [ -e "$1" ] || return 0
    mkdir -p "$(dirname "$2")"
    cp -RLT "$1" "$2"
}

# In namespaces of its own, and the first process in them: when it ends, the kernel ends all others.
enter() { # FOLDER COMMAND...
    folder=$1 root=$1/root
    shift
    # the process number that this machine knows it by
    read -r number _ </proc/self/stat
    echo "$number" >"$folder/init"
    mount --bind "$root" "$root"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    # podman keeps its locks there: others' are none of ours
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mkdir "$root/run/lock"
    mount -t proc proc "$root/proc"
    cd "$root"
    pivot_root . mnt
    set -- PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
    while IFS= read -r variable; do
        set -- "$variable" "$@"
    done <<VARIABLES
$(env | grep -E "$carried_variables")
VARIABLES
    # a shell stays in between: somebody has to take note of the end of processes that nobody waits for
    # shellcheck disable=SC2016 # for that shell to expand
    exec chroot . /usr/bin/env -i "$@"
}

if [ "${1-}" = --enter ]; then
    shift
    enter "$@"
fi

[ $# -ge 2 ] || { sed -n 's/^# Usage: /usage: /p' "$0" >&2; exit 2; }
program=$(readlink -f "$0")
clone=$(dirname "$(dirname "$program")")
cd "$clone"
# shellcheck source=tools/prepare.sh
. tools/prepare.sh
suite=$1
shift
folder='' starter=''

# What it has made outside of its namespaces: its folder, and the control groups of containers that were killed with it.
# shellcheck disable=SC2317 # called by the trap
remove() {
    code=$?
    trap '' INT TERM HUP
    trap - EXIT
    if [ "$starter" ]; then
        # the first process of the root; before there is one, that of mmdebstrap, whose end ends mmdebstrap
        kill -KILL "$(cat "$folder/init" 2>/dev/null || echo "$starter")" 2>/dev/null || true
        wait "$starter" || true
    fi
    (
        cd "$folder/root/root/ftfw" 2>/dev/null || exit 0
        for report in $carried_reports; do
            [ ! -e "$report" ] || cp -R --parents "$report" "$clone/"
        done
    )
    for container in "$folder"/root/var/lib/containers/storage/*-containers/*/; do
        [ ! -d "$container" ] ||
            find /sys/fs/cgroup -depth -type d -path "*$(basename "$container")*" -exec rmdir {} \; 2>/dev/null || true
    done
    # what was killed may take a moment
    rm -rf --one-file-system "$folder" 2>/dev/null || { sleep 2; rm -rf --one-file-system "$folder"; }
    exit "$code"
}

# In the background, for a shell that waits heeds signals at once; but what runs there shall be told of Ctrl-C.
attended() { # COMMAND...
    env --default-signal=INT,QUIT "$@" <&0 &
    starter=$!
    code=0
    wait "$starter" || code=$?
    starter=''
    return "$code"
}

[ "$(id -u)" = 0 ] || die "a root file system is made by root"
git rev-parse --quiet --verify HEAD >/dev/null || die "$clone is no clone with a commit"
[ -z "$(git status --porcelain)" ] || say "what is not committed stays outside of the bare root"
mkdir -p build
# shellcheck disable=SC2310 # what it could not install it says, and ends
command -v mmdebstrap >/dev/null || install_packages mmdebstrap
trap remove EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
folder=$(mktemp -d "${TMPDIR:-/var/tmp}/ftfw-bare.XXXXXX")
# apt reads it as a user without rights
chmod 0755 "$folder"
say "makes a root file system of $suite in $folder"
attended unshare --mount --pid --fork --kill-child --mount-proc \
    mmdebstrap --quiet --mode=root --variant=minbase --include=git,ca-certificates "$suite" "$folder/root"
carry_in "$folder/root"
git clone --quiet --depth 1 "file://$clone" "$folder/root/root/ftfw"
say "runs in it: $*"
# shellcheck disable=SC2016 # for the shell inside to expand
attended unshare --mount --pid --fork --kill-child --propagation private \
    "$program" --enter "$folder" /bin/sh -c 'umount -l /mnt; cd /root/ftfw; "$@"; exit $?' sh "$@"
