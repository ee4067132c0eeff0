#!/bin/sh
# Makes .venv with everything that uv.lock names, on a machine that has Python 3.13 and nothing else. Run by make.
set -eu
UV=0.13.9
started=${LOCAL_STARTED:-$(date +%s)}
say() { printf '[%4d.0s] %s\n' "$(($(date +%s) - started))" "$*" >&2; }

python=
for candidate in python3.13 python3 python; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "Python 3.13 is needed, as python3.13 or python3 on the PATH." >&2
  exit 1
fi

if ! .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
  say "making .venv"
  "$python" -m venv --clear .venv || {
    echo "$python cannot make virtual environments. On Debian: apt-get install python3.13-venv" >&2
    exit 1
  }
fi
if [ "$(.venv/bin/uv --version 2>/dev/null | cut -d ' ' -f 2)" != "$UV" ]; then
  say "installing uv $UV"
  .venv/bin/pip install --quiet --disable-pip-version-check "uv==$UV"
fi
say "installing the locked packages"
# Inexact, because pip and uv themselves are not in the lock file.
UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never .venv/bin/uv sync --frozen --inexact --quiet
say ".venv is ready"
touch .venv/.ready
