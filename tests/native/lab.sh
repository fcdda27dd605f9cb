#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A pair, a client and a server as systemd containers on bridges in a network namespace of their own.
# Usage: lab.sh image | up | down
set -eu

prefix=${FTFW_NATIVE_PREFIX:-ftfw-native}
hosts="fw-1 fw-2 client server"
packages=systemd,systemd-sysv,dbus,iproute2,python3,keepalived,conntrackd,conntrack,nftables,netbase
packages=$packages,procps,kmod,iputils-ping,netcat-openbsd

# A privileged container shares the kernel's global settings and devices with the machine: nothing in it may set or trigger those.
# shellcheck disable=SC2016  # the hooks are for the shell of mmdebstrap
image() {
    mmdebstrap --quiet --variant=minbase --include="$packages" \
        --customize-hook='for file in "$1"/usr/lib/sysctl.d/*.conf; do ln -s /dev/null "$1/etc/sysctl.d/${file##*/}"; done' \
        --customize-hook='for unit in systemd-udevd systemd-udev-trigger systemd-modules-load; do
            ln -sf /dev/null "$1/etc/systemd/system/$unit.service"; done' \
        --customize-hook='ln -sf /dev/null "$1/etc/systemd/system/systemd-networkd-wait-online.service"' \
        --customize-hook='rm -f "$1"/etc/systemd/system/multi-user.target.wants/conntrackd.service' \
        bookworm - | podman import --quiet - "$prefix-image"
}

# wire HOST INTERFACE BRIDGE MAC
wire() {
    pid=$(podman inspect --format '{{.State.Pid}}' "$prefix-$1")
    end="v$(echo "$1$2" | tr -d -)"
    ip -n "$prefix" link add "$end" type veth peer name "$2" address "$4" netns "$pid"
    ip -n "$prefix" link set "$end" master "$3" up
}

up() {
    ip netns add "$prefix"
    for bridge in outside inside sync; do
        ip -n "$prefix" link add "$bridge" type bridge mcast_snooping 0
        ip -n "$prefix" link set "$bridge" up
    done
    for host in $hosts; do
        # The hybrid cgroup layout and a root without CAP_SYS_RESOURCE need these options; they do no harm elsewhere.
        podman run --detach --runtime runc --systemd=always --privileged --network none --hostname "$host" \
            --ulimit nofile=20000:20000 --ulimit nproc=32768:32768 --name "$prefix-$host" "$prefix-image" /sbin/init >/dev/null
    done
    for number in 1 2; do
        wire "fw-$number" eth0 outside "12:34:56:78:9a:0$number"
        wire "fw-$number" eth1 inside "12:34:56:78:9a:1$number"
        wire "fw-$number" eth2 sync "12:34:56:78:9a:2$number"
    done
    wire client eth0 inside 12:34:56:78:9a:13
    wire server eth0 outside 12:34:56:78:9a:03
    for host in $hosts; do
        # networkd takes a writable /sys for a sign of udev, and would wait for it.
        podman exec "$prefix-$host" mount -o remount,bind,ro /sys
    done
}

down() {
    for host in $hosts; do
        podman rm --force --ignore --time 2 "$prefix-$host" >/dev/null
    done
    if ip netns list | grep -q "^$prefix\b"; then ip netns delete "$prefix"; fi
}

case ${1:-} in
image | up | down) "$1" ;;
*)
    echo "Usage: $0 image | up | down" >&2
    exit 2
    ;;
esac
