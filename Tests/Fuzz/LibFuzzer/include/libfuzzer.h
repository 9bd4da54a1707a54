#ifndef SKEIN_LIBFUZZER_H
#define SKEIN_LIBFUZZER_H

/// The fuzzer's `main` under the name that the package manager gives it; libFuzzer's own is not linked, as the package
/// manager brings one for every program.
int skein_fuzz_main(int argc, char **argv);

#endif
