#!/usr/bin/env bash
# Starts a collector and the example service, asks the service a question, and shows what came of it.
#
#   ONCE=1               ends everything afterwards; ports and data directory are temporary
#   SKEIN_FORWARD=URL    forwards there (OTLP/HTTP, such as a Jaeger) instead of to a second collector
#   SKEIN_PORT_OFFSET=N  added to the collector's ports (default 0; with ONCE=1 one that is free)
#   SKEIN_BIN_DIR=DIR    where skein and research-desk are (default .build/release)
set -euo pipefail
cd "$(dirname "$0")/.."

readonly bin=${SKEIN_BIN_DIR:-.build/release}
readonly default_ports=(4317 4318 8888 8889 13133 16686)
readonly second_distance=100      # from the collector's ports to those of the second one
readonly start_seconds=60         # a process that has not announced itself by then has failed
readonly trace_seconds=60         # for all spans of the trace to arrive
readonly stop_seconds=20          # for a process to drain before it is killed
readonly question="Can heat pumps replace gas boilers in old houses?"
readonly question_seed=29         # its trace has a model call that is retried, a tool that fails, and facts that are cached
readonly background_questions=12

work=$(mktemp -d "${TMPDIR:-/tmp}/skein-run.XXXXXX")
pids=() names=()

say() { printf '%s\n' "$*"; }
heading() { printf '\n── %s ──\n' "$*"; }

# fail MESSAGE [NAME]: ends with the last lines of what NAME logged.
fail() {
    say "run.sh: $1" >&2
    if [ -n "${2:-}" ] && [ -s "$work/$2.log" ]; then
        say "the last lines of $2:" >&2
        tail -n 20 "$work/$2.log" | sed 's/^/  /' >&2
    fi
    exit 1
}

# Ends what was started, the last first, so that each process finds the one it sends its spans to still there.
stop_all() {
    local index pid
    for ((index = ${#pids[@]} - 1; index >= 0; index--)); do
        pid=${pids[index]}
        kill -TERM "$pid" 2>/dev/null || continue
        for ((waited = 0; waited < stop_seconds * 10; waited++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null && say "run.sh: ${names[index]} did not end by itself" >&2
        wait "$pid" 2>/dev/null || true
    done
    pids=()
    rm -rf "$work"
}
trap stop_all EXIT
trap 'exit 0' INT TERM

# start NAME COMMAND...: in a session of its own, so that Ctrl-C reaches this script alone and all end in order.
start() {
    local name=$1
    shift
    : >"$work/$name.log"
    setsid "$@" >>"$work/$name.log" 2>&1 </dev/null &
    pids+=($!) names+=("$name")
}

# await NAME PATTERN: until the process started last has logged a line that matches.
await() {
    local pid=${pids[-1]}
    for ((waited = 0; waited < start_seconds * 10; waited++)); do
        grep -q "$2" "$work/$1.log" && return
        kill -0 "$pid" 2>/dev/null || fail "$1 ended while it started" "$1"
        sleep 0.1
    done
    fail "$1 did not start within $start_seconds s" "$1"
}

# start_service NAME OPTION...: a process of the example on a free port; its address is in $address.
start_service() {
    local name=$1
    start "$name" "$bin/research-desk" "$@" --port 0
    await "$name" "^listening $name "
    address="http://$(sed -n "s/^listening $name //p" "$work/$name.log" | head -n 1)"
}

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

is_free() {
    local port
    for port in "${default_ports[@]}"; do
        is_taken $((port + $1)) && return 1
        is_taken $((port + $1 + second_distance)) && return 1
    done
    return 0
}

# Below the ports that the system gives to outgoing connections.
free_offset() {
    local offset
    for _ in {1..50}; do
        offset=$((200 + RANDOM % 11000))
        is_free $offset && { say $offset; return; }
    done
    return 1
}

# metric PORT NAME: the sum of all its series; 0 when there is none.
metric() {
    curl -sf --noproxy '*' --max-time 5 "http://127.0.0.1:$1/metrics" \
        | awk -v name="$2" '$1 == name || index($1, name "{") == 1 { sum += $NF } END { printf "%d", sum }'
}

start_collectors() {
    local offset=$1 data=$2
    forward=${SKEIN_FORWARD:-}
    if [ -z "$forward" ]; then
        start second "$bin/skein" collector --set "ports.offset=$((offset + second_distance))" \
            --data-dir "$work/second-data"
        await second '^ready'
        forward="http://127.0.0.1:$((4318 + offset + second_distance))"
    fi
    start collector "$bin/skein" collector --set "ports.offset=$offset" --data-dir "$data" \
        --set "exporters.otlp_http/jaeger.endpoint=$forward"
    await collector '^ready'
}

start_example() {
    export OTEL_EXPORTER_OTLP_ENDPOINT=$1 OTEL_BSP_SCHEDULE_DELAY=500
    start_service models
    local models=$address
    start_service worker --models "$models"
    local worker=$address
    start_service gateway --worker "$worker" --models "$models"
    gateway=$address
}

# await_trace ID: until its root is there and no further span has come for two intervals of export.
await_trace() {
    local count=0 before deadline=$((SECONDS + trace_seconds))
    while [ $SECONDS -lt $deadline ]; do
        before=$count
        "$bin/skein" trace "$1" --json --api "$api" >"$work/trace.json" 2>"$work/trace.log" || true
        count=$(grep -o '"spanCount":[0-9]*' "$work/trace.json" | head -n 1 | cut -d: -f2) || count=0
        if [ "${count:-0}" -gt 0 ] && [ "$count" = "$before" ] \
            && grep -q '"rootTraceName":"POST /ask"' "$work/trace.json"; then
            return
        fi
        sleep 1.2
    done
    fail "the trace $1 is not complete after $trace_seconds s" trace
}

# All spans that were taken are forwarded, sooner or later; a while is waited for that.
print_forwarded() {
    local offset=$1 taken sent deadline=$((SECONDS + 20))
    while true; do
        taken=$(metric $((8888 + offset)) otelcol_receiver_accepted_spans_total)
        if [ -n "${SKEIN_FORWARD:-}" ]; then
            sent=$(metric $((8888 + offset)) otelcol_exporter_sent_spans_total)
        else
            sent=$(metric $((8888 + offset + second_distance)) otelcol_receiver_accepted_spans_total)
        fi
        [ "$sent" -ge "$taken" ] && [ "$taken" -gt 0 ] && break
        [ $SECONDS -lt $deadline ] || break
        sleep 0.5
    done
    if [ -n "${SKEIN_FORWARD:-}" ]; then
        say "forwarded to $SKEIN_FORWARD: $sent of $taken spans"
        if [ "$sent" -lt "$taken" ]; then
            [ -z "${ONCE:-}" ] || fail "$SKEIN_FORWARD did not take all spans" collector
            say "the others wait in the journal until it takes them"
        fi
    else
        say "$taken spans taken, $sent arrived at the second skein collector that stands in for Jaeger"
        [ "$sent" -ge "$taken" ] || fail "not all spans were forwarded" collector
    fi
}

for binary in skein research-desk; do
    [ -x "$bin/$binary" ] || fail "there is no $bin/$binary; 'make run' builds it"
done

offset=${SKEIN_PORT_OFFSET:-0}
data=skein-data
if [ -n "${ONCE:-}" ]; then
    data=$work/data
    [ -n "${SKEIN_PORT_OFFSET:-}" ] || offset=$(free_offset) || fail "no free ports for the collectors"
fi
readonly api="http://127.0.0.1:$((16686 + offset))"

start_collectors "$offset" "$data"
start_example "http://127.0.0.1:$((4318 + offset))"
heading "Skein: one question to a desk of agents, traced"
say "gateway and worker (Swift, traced with the SDK) ─▶ skein collector ─▶ $forward"
[ -n "${SKEIN_FORWARD:-}" ] || say "a second skein collector stands in for Jaeger there; SKEIN_FORWARD=URL sends to a real one"
say "question: $question"

trace=$("$bin/research-desk" ask --gateway "$gateway" --question "$question" --seed $question_seed \
    2>"$work/ask.log") || fail "the question was not answered" gateway
"$bin/research-desk" ask --gateway "$gateway" --count $background_questions --seed 100 \
    >"$work/background.log" 2>&1 || fail "not all background questions were answered" background
await_trace "$trace"

heading "skein trace $trace --critical-path"
"$bin/skein" trace "$trace" --critical-path --api "$api"
heading "skein red (this question and $background_questions others)"
"$bin/skein" red --since 10m --api "$api"
heading "skein usage --by agent,model (this question and $background_questions others)"
"$bin/skein" usage --by agent,model --since 10m --api "$api"
heading "forwarded"
print_forwarded "$offset"
heading "open"
say "query API        $api/api/traces/$trace"
say "metrics of spans http://127.0.0.1:$((8889 + offset))/metrics"
say "collector itself http://127.0.0.1:$((8888 + offset))/metrics"

[ -n "${ONCE:-}" ] && exit 0
say
say "ask again: $bin/research-desk ask --gateway $gateway --count 3 --seed \$RANDOM"
say "Ctrl-C ends it."
status=0
wait -n "${pids[@]}" || status=$?
for index in "${!pids[@]}"; do
    kill -0 "${pids[index]}" 2>/dev/null || fail "${names[index]} ended (status $status)" "${names[index]}"
done
