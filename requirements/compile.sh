#!/usr/bin/env bash
# Pins every dependency with its hashes, for all platforms, naming no registry. Needs uv; run by hand after a change in pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
options=(--quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate)
uv pip compile "${options[@]}" --group build pyproject.toml -o requirements/runtime.txt "$@"
echo uv | uv pip compile "${options[@]}" - -o requirements/installer.txt "$@"
uv pip compile "${options[@]}" --extra pictures --group build pyproject.toml -c requirements/runtime.txt -o requirements/pictures.txt "$@"
uv pip compile "${options[@]}" --group dev --group build pyproject.toml -c requirements/pictures.txt -o requirements/dev.txt "$@"
