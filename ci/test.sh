#!/usr/bin/env bash
# Everything CI checks: install what is missing, build with gcc (warnings are errors) and run the unit tests, build with
# clang, ASan and UBSan and run the whole test suite and every fuzz target for a bounded time.
#
#   ci/test.sh [ctest arguments]      for example: ci/test.sh -R world
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
ci/setup.sh test
# Tests wait for a third of their time, for processes and servers: one more than there are cores keeps these busy.
jobs=$(($(nproc) + 1))
[ -f build/optimised/build.ninja ] || cmake --preset optimised >/dev/null
cmake --build --preset optimised
# What a compiler may do one way or the other gcc does the other way. Tests of whole programs run below.
ctest --preset optimised -LE 'command|interop|soak|stock' -j "$jobs" "$@"
[ -f build/asan/build.ninja ] || cmake --preset asan >/dev/null
cmake --build --preset asan
exec ctest --preset asan -j "$jobs" "$@"
