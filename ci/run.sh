#!/usr/bin/env bash
# From clone to report: install what is missing, build, put the micro system through the mill, say where the report is.
# Arguments go to `harrow run` (try --help).
set -euo pipefail
cd "$(dirname "$0")/.."
ci/setup.sh build
[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release
exec build/release/bin/harrow run systems/micro.yaml "$@"
