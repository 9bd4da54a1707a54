#!/usr/bin/env bash
# Fuzzes the readers of bytes from outside: run.sh [SECONDS each [TARGET ...]].
# What is found is kept in .build-fuzz/corpus; run.sh minimize puts the best of it into Tests/Fuzz/Corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=.build-fuzz
committed=Tests/Fuzz/Corpus
all=(otlp otlp-json block journal)

SKEIN_STORE_ONLY=1 SKEIN_FUZZ=1 swift build -c release --product skein-fuzz --scratch-path "$build" \
    -Xswiftc -sanitize=fuzzer,address -Xcc -fsanitize=fuzzer-no-link,address

# The limits make a hang, or memory out of proportion to 20,000 bytes, a failure like any other.
limits=(-max_len=20000 -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=512)
export ASAN_OPTIONS=detect_leaks=0

fuzz() { # target arguments...
    local target=$1
    shift
    SKEIN_FUZZ_TARGET=$target "$build/release/skein-fuzz" "${limits[@]}" "$@"
}

if [[ ${1:-} == minimize ]]; then
    for target in "${all[@]}"; do
        small="$build/minimized/$target"
        rm -rf "$small" && mkdir -p "$small" "$committed/$target" "$build/corpus/$target"
        # Few and small inputs: that an edge of the code is reached counts, how often does not.
        fuzz "$target" -set_cover_merge=1 -use_counters=0 -use_value_profile=0 -max_len=2500 \
            "$small" "$committed/$target" "$build/corpus/$target" >"$build/$target.log" 2>&1
        rm -rf "${committed:?}/$target" && cp -r "$small" "$committed/$target"
        echo "$target: $(find "$small" -type f | wc -l) inputs, $(du -sb "$small" | cut -f 1) bytes"
    done
    exit 0
fi

seconds=${1:-60}
shift || true
targets=("$@")
[[ $# -gt 0 ]] || targets=("${all[@]}")
for target in "${targets[@]}"; do
    corpus="$build/corpus/$target"
    mkdir -p "$corpus" "$committed/$target" "$build/found"
    SKEIN_FUZZ_TARGET=$target SKEIN_FUZZ_SEEDS=$corpus "$build/release/skein-fuzz"
    log="$build/$target.log"
    if ! fuzz "$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$build/found/$target-" \
        "$corpus" "$committed/$target" >"$log" 2>&1; then
        tail -n 60 "$log"
        echo "$target: FAILED; the input is in $build/found" >&2
        exit 1
    fi
    executions=$(awk '/stat::number_of_executed_units/ {print $2}' "$log")
    coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
    inputs=$(find "$corpus" -type f | wc -l)
    echo "$target: $executions executions, edges of code reached ${coverage#cov: }, $inputs inputs kept, nothing found"
done
