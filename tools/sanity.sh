#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs `ansible-test sanity` on what the collection ships: builds its archive, unpacks it where ansible-test wants it, and lets it
# download nothing but what comes from the Python package index.
# Usage: sanity.sh [ARGUMENT OF ansible-test sanity]...
#   e.g. tools/sanity.sh --test pylint
set -eu
root=$PWD/build/sanity
collection=$root/ansible_collections/ftfw/pair
rm -rf "$collection" "$root/archive"
mkdir -p "$collection" "$root/home/.ansible/test/cache"
ansible-galaxy collection build --output-path "$root/archive" . >/dev/null
tar --extract --file "$root"/archive/ftfw-pair-*.tar.gz --directory "$collection"
# what the collection builds on
ln -sfn "$PWD/.ansible/collections/ansible_collections/containers" "$root/ansible_collections/containers"
# else ansible-test would take this clone for the repository, in which all of build/ is ignored
git init --quiet "$collection"

# ansible-test would download this script from a host of its own
cp tests/sanity/get_pip.py "$root/home/.ansible/test/cache/get_pip_24_2.py"
# of the Pythons on this machine only Debian's own and the environment's: others may be no more than wrappers
PATH=$(dirname "$(command -v ansible-test)"):/usr/sbin:/usr/bin:/sbin:/bin
export PATH
cd "$collection"
# its caches and environments go into the home folder
HOME=$root/home LC_ALL=C.UTF-8 exec ansible-test sanity --color no --skip-test pslint "$@"
