#!/usr/bin/env bash
# Install what the build, the tests and the benchmarks need, by name, from Debian 12. Idempotent.
#
#   ci/setup.sh [build|test|bench]     how much: test includes build, bench includes both (default: test)
#
# Without root nothing is installed: what is missing is listed together with the command that installs it, exit 3.
set -euo pipefail
cd "$(dirname "$0")/.."

level=${1:-test}
case "$level" in
build) kinds="build" ;;
test) kinds="build test" ;;
bench) kinds="build test bench" ;;
-h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) echo "ci/setup.sh: unknown level \"$level\": expected build, test or bench" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "ci/setup.sh: this is not a Debian system; install the packages of ci/packages.txt by other means" >&2
    exit 3
fi

missing=()
while read -r name kind _; do
    case "$name" in '' | '#'*) continue ;; esac
    case " $kinds " in *" $kind "*) ;; *) continue ;; esac
    # Some machines have node and npm from elsewhere than Debian; the program is what counts.
    if [ "$name" = npm ] && command -v npm >/dev/null; then continue; fi
    if [ "$name" = nodejs ] && command -v node >/dev/null; then continue; fi
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null || true)
    case "$state" in ii*) ;; *) missing+=("$name") ;; esac
done <ci/packages.txt

if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "ci/setup.sh: ${#missing[@]} packages are missing and only root can install them. Run:" >&2
        echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
        exit 3
    fi
    echo "installing ${#missing[@]} packages: ${missing[*]}"
    log=$(mktemp)
    # The tests start etcd, Redis and PostgreSQL by themselves: Debian's own services must not start beside them.
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"; fi
    trap 'rm -f "$log" ${policy:+"$policy"}' EXIT
    if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "ci/setup.sh: apt-get failed, see above" >&2
        exit 3
    fi
    for service in etcd-server redis-server postgresql; do
        case " ${missing[*]} " in
        *" $service "*) if command -v systemctl >/dev/null; then systemctl -q disable "$service" "${service%-server}" || true; fi ;;
        esac
    done 2>/dev/null
fi

# The JavaScript peer of the interop tests; the lock file pins it. Its tests say "skipped" when this cannot be had.
if [ "$level" != build ] && [ -f tests/interop/package-lock.json ] && [ ! -d tests/interop/node_modules/@grpc ]; then
    (cd tests/interop && npm ci --ignore-scripts --no-audit --no-fund --silent) ||
        echo "ci/setup.sh: npm ci failed; the grpc-js interop test will be skipped" >&2
fi
echo "set-up complete ($level)"
