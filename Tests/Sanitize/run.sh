#!/usr/bin/env bash
# Runs the SDK's tests under ThreadSanitizer and AddressSanitizer, in debug builds of their own.
#
#     run.sh                    both
#     run.sh thread|address     one of them
set -euo pipefail
cd "$(dirname "$0")/../.."
# The consumer package would be built as always: nothing in it is instrumented.
export SKEIN_SDK_ONLY=1 SKEIN_CONSUMER_TEST=0

run() {
    local sanitizer=$1 folder=.build-$1
    shift
    swift build --build-tests --sanitize="$sanitizer" --scratch-path "$folder"
    # A report makes a process end with a status of its own, which fails the tests that start programs; those of the
    # tests' own process are looked for here.
    env "$@" swift test --skip-build --no-parallel --sanitize="$sanitizer" --scratch-path "$folder" 2>&1 |
        tee "$folder/tests.log"
    if grep -q "Sanitizer:" "$folder/tests.log"; then
        echo "sanitizer $sanitizer: see the reports above" >&2
        exit 1
    fi
}

if [[ ${1:-thread} == thread ]]; then
    mkdir -p .build-thread
    clang -shared -fPIC -O1 -o .build-thread/mutex.so Tests/Sanitize/mutex.c
    # The tests fork on purpose, and the child goes on with threads.
    run thread LD_PRELOAD="$PWD/.build-thread/mutex.so" TSAN_OPTIONS=die_after_fork=0
fi
if [[ ${1:-address} == address ]]; then
    # No look for leaks: it does not follow pointers with tag bits, which is how Swift stores many enumerations, and
    # reports what is reachable through them.
    run address ASAN_OPTIONS=detect_leaks=0
fi
