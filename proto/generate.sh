#!/bin/sh
# Writes the C code of every .proto file in this folder into Sources/CSkeinProto.
#
#   proto/generate.sh           regenerate the tree
#   proto/generate.sh --check   change nothing; exit 1 and name the files that differ from what would be written
#
# SKEIN_PROTO_TARGET names another target folder (relative to the current folder or absolute).
set -eu
export LC_ALL=C

proto_dir=$(cd "$(dirname "$0")" && pwd)
target=${SKEIN_PROTO_TARGET:-$proto_dir/../Sources/CSkeinProto}
# The committed code is what this version writes; others differ in comments and initializers.
protoc_c_version=1.4.1

fail() {
    printf 'proto/generate.sh: %s\n' "$1" >&2
    exit "${2:-2}"
}

case "${1:-}" in
    "") check=no ;;
    --check) check=yes ;;
    *) fail "unknown argument '$1', expected nothing or --check" ;;
esac
[ $# -le 1 ] || fail "unexpected argument '$2', expected nothing or --check"

command -v protoc-c >/dev/null || fail "protoc-c is not installed (Debian package protobuf-c-compiler)"
found_version=$(protoc-c --version | sed -n 's/^protobuf-c //p')
[ "$found_version" = "$protoc_c_version" ] ||
    fail "protoc-c is version '$found_version', but the tree is generated with $protoc_c_version"
[ -d "$target" ] || fail "no folder $target"

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Relative paths of the generated files below $1, one a line.
generated_files() {
    (cd "$1" && find . -type f \( -name '*.pb-c.c' -o -name '*.pb-c.h' -o -path ./include/skein_proto.h \) | sort)
}

generate() {
    mkdir -p "$fresh/out" "$fresh/tree/include" "$fresh/tree/generated"
    (cd "$proto_dir" && find . -name '*.proto' | sed 's|^\./||' | sort) >"$fresh/protos"
    [ -s "$fresh/protos" ] || fail "no .proto file in $proto_dir"
    # shellcheck disable=SC2046 # proto paths have no spaces
    protoc-c --proto_path="$proto_dir" --c_out="$fresh/out" $(cat "$fresh/protos")
    sed 's/\.proto$//' "$fresh/protos" | while read -r stem; do
        mkdir -p "$fresh/tree/include/$(dirname "$stem")" "$fresh/tree/generated/$(dirname "$stem")"
        mv "$fresh/out/$stem.pb-c.h" "$fresh/tree/include/$stem.pb-c.h"
        mv "$fresh/out/$stem.pb-c.c" "$fresh/tree/generated/$stem.pb-c.c"
    done
    umbrella >"$fresh/tree/include/skein_proto.h"
}

# The header that the Swift module CSkeinProto is made of.
umbrella() {
    echo '// Written by proto/generate.sh; do not edit.'
    echo '#ifndef SKEIN_PROTO_H'
    echo '#define SKEIN_PROTO_H'
    echo
    sed 's|\(.*\)\.proto$|#include "\1.pb-c.h"|' "$fresh/protos"
    echo '#include "skein_arena.h"'
    echo '#include "skein_guard.h"'
    echo
    echo '// The address of each descriptor, which Swift cannot take of a C constant.'
    # shellcheck disable=SC2046
    (cd "$fresh/tree/include" && cat $(sed 's/\.proto$/.pb-c.h/' "$fresh/protos")) |
        sed -n 's/^extern const ProtobufCMessageDescriptor \(.*\)__descriptor;$/\1/p' | sort | while read -r name; do
        echo "static inline const ProtobufCMessageDescriptor *${name}__type(void) {"
        echo "    return &${name}__descriptor;"
        echo '}'
    done
    echo
    echo '#endif'
}

# One line for each file that differs, with what is wrong.
differences() {
    { generated_files "$fresh/tree"; generated_files "$target"; } | sort -u | while read -r file; do
        if [ ! -f "$target/$file" ]; then
            echo "  missing: $file"
        elif [ ! -f "$fresh/tree/$file" ]; then
            echo "  has no .proto: $file"
        elif ! cmp -s "$fresh/tree/$file" "$target/$file"; then
            echo "  differs: $file"
        fi
    done
}

install_tree() {
    generated_files "$target" | while read -r file; do rm "$target/$file"; done
    (cd "$fresh/tree" && find . -type f) | while read -r file; do
        mkdir -p "$target/$(dirname "$file")"
        cp "$fresh/tree/$file" "$target/$file"
    done
}

generate
found=$(differences)
if [ "$check" = yes ]; then
    [ -z "$found" ] || fail "$target is not what the .proto files give; run 'make proto' and commit:
$found" 1
elif [ -n "$found" ]; then
    install_tree
fi
