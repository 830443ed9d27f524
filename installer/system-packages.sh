#!/usr/bin/env bash
# Installs the Debian packages of system-packages.txt that are missing; where it may not, prints the one command.
set -euo pipefail
list="$(dirname "$0")/system-packages.txt"
missing=()
while read -r package; do
    case "$package" in ''|'#'*) continue ;; esac
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' || missing+=("$package")
done <"$list"
[ ${#missing[@]} -eq 0 ] && exit 0
command=(apt-get install --yes --no-install-recommends "${missing[@]}")
if [ "$(id -u)" -eq 0 ]; then
    apt-get update --quiet=2
    # A server must not start by itself: the tests start their own on free ports.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "${command[@]}" >/dev/null
elif sudo --non-interactive true 2>/dev/null; then
    sudo apt-get update --quiet=2
    sudo RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "${command[@]}" >/dev/null
else
    echo "error: these Debian packages are missing: ${missing[*]}" >&2
    echo "hint: sudo apt-get update && sudo ${command[*]}" >&2
    exit 4
fi
