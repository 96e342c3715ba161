#!/bin/sh
# Makes the image of the scheduler out of a Debian: tini, a Python environment with Cenote in it, and a user without
# rights. The environment is /opt/cenote/environment; DASK_VERSION, if set, is the version of dask and distributed.
set -eu

here=/opt/cenote
export DEBIAN_FRONTEND=noninteractive

apt-get update --quiet
apt-get install --yes --quiet --no-install-recommends ca-certificates tini
if [ -x /opt/conda/bin/python ]; then
    ln -s /opt/conda "$here/environment"
else
    command -v python3 >/dev/null || apt-get install --yes --quiet --no-install-recommends python3
    python3 -m venv "$here/environment" 2>/dev/null || {
        apt-get install --yes --quiet --no-install-recommends python3-venv
        python3 -m venv --clear "$here/environment"
    }
fi
rm -rf /var/lib/apt/lists/*

wheel=$(echo "$here"/wheels/cenote-*.whl)
set -- "$wheel[distributed]"
[ -z "${DASK_VERSION:-}" ] || set -- "$@" "dask==$DASK_VERSION" "distributed==$DASK_VERSION"
"$here/environment/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check "$@"
rm -rf "$here/wheels"

# Group 0 may do what the user may, so that platforms that choose a user of their own (OpenShift) can run it as well.
useradd --uid 1000 --gid 0 --home-dir /opt/cenote/home --create-home --shell /usr/sbin/nologin cenote
mkdir -p /opt/app /etc/dask
chown -R 1000:0 "$here/" "$here/environment/" /opt/cenote/home
chmod -R g=u "$here/" "$here/environment/" /opt/cenote/home
