#!/usr/bin/env bash
# Installs the system packages that building and testing need, if any is missing (Debian and Ubuntu).
set -euo pipefail

wanted=(
    libcurl4-openssl-dev zlib1g-dev                       # the SDK
    libzstd-dev libisal-dev libxxhash-dev libprotobuf-c-dev libsnappy-dev libssl-dev # the collector
    libsqlite3-dev                                        # benchmarks: what the store is compared with
    pkg-config make python3-venv openssl curl
    protobuf-c-compiler protobuf-compiler                 # tests: generated code is current
    prometheus prometheus-alertmanager                    # tests: metrics are scraped, rules and alerts work
)

missing=()
for package in "${wanted[@]}"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed \
        || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing ${missing[*]}" >&2
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
