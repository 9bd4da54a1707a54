#!/usr/bin/env bash
# Builds the documentation of the SDK's modules with the toolchain's docc:
#
#     .build/docs/Skein.doccarchive    all modules; a web server shows it
#
# Any warning of docc fails it, such as a link that leads nowhere, but for parameters without a comment of their own:
# they have one where there is something to say.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly modules=(Skein SkeinAgents SkeinTesting)
readonly out=.build/docs
readonly built=.build/release/Modules

# docc stands beside the compiler, which may be called through a shim.
info=$(swiftc -print-target-info)
field() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" <<<"$info" | head -n 1; }
tools=$(field runtimeResourcePath)/../../bin
target=$(field unversionedTriple)
readonly info tools target

rm -rf "$out"
mkdir -p "$out/archives"
failed=0
for module in "${modules[@]}"; do
    mkdir -p "$out/symbols/$module"
    "$tools/swift-symbolgraph-extract" -module-name "$module" -target "$target" -I "$built" \
        -Xcc "-fmodule-map-file=$PWD/Sources/CCurl/module.modulemap" \
        -Xcc "-fmodule-map-file=$PWD/Sources/CZlib/module.modulemap" \
        -minimum-access-level public -skip-synthesized-members \
        -experimental-allowed-reexported-modules=ContextBaggage,SemanticConventions -output-dir "$out/symbols/$module"
    "$tools/docc" convert "Sources/$module/$module.docc" \
        --additional-symbol-graph-dir "$out/symbols/$module" \
        --fallback-display-name "$module" --fallback-bundle-identifier "skein.$module" \
        --output-dir "$out/archives/$module.doccarchive" > "$out/$module.log" 2>&1 || failed=1
    if grep -E '^(warning|error):' "$out/$module.log" | grep -qvE "^warning: Parameter '.*' is missing documentation"; then
        failed=1
        awk '/^(warning|error):/ { wanted = !/^warning: Parameter .* is missing documentation/ } wanted' \
            "$out/$module.log" >&2
    fi
done
[ "$failed" -eq 0 ] || exit 1
"$tools/docc" merge "$out"/archives/*.doccarchive --synthesized-landing-page-name Skein \
    --output-path "$out/Skein.doccarchive"
rm -rf "$out/archives"
echo "$out/Skein.doccarchive: for example 'python3 -m http.server -d $out/Skein.doccarchive'"
