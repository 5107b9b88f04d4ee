#!/usr/bin/env bash
# Makes the Docker image mangabey/base:SUITE without any registry: debootstrap, then docker import.
# Needs root, debootstrap and a Docker engine; does nothing when the image is there.
#
#   scripts/base-image.sh [SUITE]      bookworm (default), bullseye, trixie
set -euo pipefail

suite=${1:-bookworm}
image=mangabey/base:$suite
packages=python3,python3-pip,python3-venv,git,ca-certificates,patch,procps

if docker image inspect "$image" >/dev/null 2>&1; then
  echo "$image is there"
  exit 0
fi
[ "$(id -u)" = 0 ] || { echo "debootstrap needs root: sudo $0 $suite" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 2; }
docker info >/dev/null 2>&1 || { echo "no Docker engine answers; start one, for example: dockerd &" >&2; exit 2; }

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
log=$tree.log
debootstrap --variant=minbase --include="$packages" "$suite" "$tree" >"$log" 2>&1 || { tail -n 5 "$log" >&2; exit 1; }
rm -rf "$log" "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* "$tree"/usr/share/doc/* "$tree"/usr/share/locale/*
chmod 755 "$tree"
tar -C "$tree" -c . | docker import - "$image" >/dev/null
echo "$image is made"
