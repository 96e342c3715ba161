#!/usr/bin/env bash
# Prints a Python of the given version (3.12, say) that runs here; fails when there is none.
set -eu
shopt -s nullglob
version=$1
for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
    if "$python" -c "import sys; assert '%d.%d' % sys.version_info[:2] == '$version'" 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
done
exit 1
