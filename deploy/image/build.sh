#!/bin/sh
# Builds the wheel for the Python of this image: build.sh SOURCES WHEELS PROFILE
set -eu

sources=$1 wheels=$2 profile=$3
export PATH="/opt/conda/bin:${CARGO_HOME:-/usr/local/cargo}/bin:$PATH" DEBIAN_FRONTEND=noninteractive

apt-get update --quiet
apt-get install --yes --quiet --no-install-recommends ca-certificates gcc libc6-dev
command -v python3 >/dev/null || apt-get install --yes --quiet --no-install-recommends python3
python3 -m venv /tmp/maturin 2>/dev/null || {
    apt-get install --yes --quiet --no-install-recommends python3-venv
    python3 -m venv --clear /tmp/maturin
}
/tmp/maturin/bin/python -m pip install --quiet --no-cache-dir 'maturin>=1.16,<2'
cd "$sources"
/tmp/maturin/bin/maturin build --locked --profile "$profile" --interpreter "$(command -v python3)" --out "$wheels"
