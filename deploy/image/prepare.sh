#!/bin/sh
# Installs what the environment asks for, then becomes the command. The variables are those of Dask's own image:
#
#   EXTRA_APT_PACKAGES     packages of Debian
#   EXTRA_CONDA_PACKAGES   packages of conda, or flags such as "-c CHANNEL"; USE_MAMBA=true takes mamba
#   EXTRA_PIP_PACKAGES     packages of Python
#
# and /opt/app/environment.yml, if it is there, is what conda updates its environment with. They count when the image is
# built (as build arguments) and when a container starts. Only root may install packages of Debian; what root starts
# runs as the user cenote.
set -eu

say() { echo "prepare: $*" >&2; }

as_root() { [ "$(id -u)" = 0 ]; }

with_conda() {
    program=conda
    [ "${USE_MAMBA:-}" != true ] || program=mamba
    if ! command -v "$program" >/dev/null; then
        say "there is no $program in this image: build it on one that has it, --build-arg BASE=ghcr.io/dask/dask"
        exit 1
    fi
    "$program" "$@" >&2
}

if [ -n "${EXTRA_APT_PACKAGES:-}" ]; then
    if ! as_root; then
        say "EXTRA_APT_PACKAGES needs root: give it as a build argument, or start the container with --user 0"
        exit 1
    fi
    say "packages of Debian: $EXTRA_APT_PACKAGES"
    apt-get update --quiet >&2
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet $EXTRA_APT_PACKAGES >&2
    rm -rf /var/lib/apt/lists/*
fi
if [ -e /opt/app/environment.yml ]; then
    say "environment of conda: /opt/app/environment.yml"
    with_conda env update --file /opt/app/environment.yml
fi
if [ -n "${EXTRA_CONDA_PACKAGES:-}" ]; then
    say "packages of conda: $EXTRA_CONDA_PACKAGES"
    # shellcheck disable=SC2086
    with_conda install --yes $EXTRA_CONDA_PACKAGES
fi
if [ -n "${EXTRA_PIP_PACKAGES:-}" ]; then
    say "packages of Python: $EXTRA_PIP_PACKAGES"
    # shellcheck disable=SC2086
    python -m pip install --no-cache-dir --disable-pip-version-check $EXTRA_PIP_PACKAGES >&2
fi

[ $# -gt 0 ] || { say "no command to run"; exit 2; }
if as_root && id cenote >/dev/null 2>&1; then
    exec setpriv --reuid cenote --regid 0 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
fi
exec "$@"
