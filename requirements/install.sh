#!/usr/bin/env bash
# Installs pinned and hashed requirements into .venv: `requirements/install.sh requirements/runtime.txt`.
# With uv, itself pinned and hashed, that takes a second where pip takes half a minute; where uv cannot (a mirror that
# only pip is set up for), pip does it.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
pip=("$python" -m pip --disable-pip-version-check --quiet)
uv=(.venv/bin/uv pip install --quiet --python "$python" --no-build-isolation)

[ -x .venv/bin/uv ] || "${pip[@]}" install --require-hashes -r requirements/installer.txt || true
if ! { [ -x .venv/bin/uv ] && UV_PYTHON_DOWNLOADS=never "${uv[@]}" --require-hashes -r "$1"; }; then
  echo "uv cannot install here; pip can, and takes longer …" >&2
  "${pip[@]}" install --require-hashes -r "$1"
fi
# Bellhop itself, from this folder: nothing of it comes from elsewhere.
"${uv[@]}" --no-deps --editable . 2>/dev/null || "${pip[@]}" install --no-deps --no-build-isolation --editable .
