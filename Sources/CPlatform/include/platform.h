#ifndef SKEIN_PLATFORM_H
#define SKEIN_PLATFORM_H

/// Gives memory that the allocator holds without need back to the system; does nothing where the C library cannot.
void skein_release_free_memory(void);

/// Has the allocator give large blocks back as soon as they are free. By default glibc raises its limits for that with
/// the largest block ever freed, up to 64 MiB kept for each arena after one large request body. To be called before
/// there are threads, which otherwise have arenas already.
void skein_return_large_blocks(void);

/// CPU nanoseconds that the whole process has used, user and system together.
unsigned long long skein_cpu_nanoseconds(void);

/// Catches SIGTERM and SIGINT from now on and ignores SIGPIPE. The first signal makes one byte readable on the returned
/// descriptor, whichever thread the system gives it to; the second ends the process at once with status 1.
/// Returns -1 when the system refuses. To be called once.
int skein_catch_stop_signals(void);

/// Catches SIGHUP from now on. Each makes a byte readable on the returned descriptor, unless very many wait already.
/// Returns -1 when the system refuses. To be called once.
int skein_catch_reload_signals(void);

/// Has the processor fetch what is at an address, while it goes on with something else.
static inline void skein_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
