#!/usr/bin/env bash
# Everything CI checks: install what is missing, build with gcc (warnings are errors), build with clang, ASan and UBSan,
# run the whole test suite and every fuzz target for a bounded time.
#
#   ci/test.sh [ctest arguments]      for example: ci/test.sh -R world
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
ci/setup.sh test
[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release
[ -f build/asan/build.ninja ] || cmake --preset asan >/dev/null
cmake --build --preset asan
# Tests wait for a third of their time, for processes and servers: one more than there are cores keeps these busy.
exec ctest --preset asan -j "$(($(nproc) + 1))" "$@"
