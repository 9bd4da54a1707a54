#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

void skein_release_free_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

void skein_return_large_blocks(void) {
#if defined(__GLIBC__)
    // Bodies of 512 spans, the largest blocks that come and go all the time, are mapped and given back at once: on the
    // heap they left holes, and the process grew to twice what it used. Rows of spans stay on the heap, as mapping those
    // too costs a fifth of all CPU. Setting either value switches the moving limits off.
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    // Requests are taken on one thread and given back on another; with an arena for each the memory of both is kept.
    // There is an allocation for ten spans, so threads seldom meet at one arena.
    mallopt(M_ARENA_MAX, 1);
#endif
}

unsigned long long skein_cpu_nanoseconds(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) return 0;
    return (unsigned long long)time.tv_sec * 1000000000ull + (unsigned long long)time.tv_nsec;
}

static volatile sig_atomic_t stop_signals;
static int stop_pipe[2] = {-1, -1};

static void on_stop_signal(int number) {
    (void)number;
    if (++stop_signals > 1) _exit(1);
    int saved = errno;
    // One byte fits an empty pipe, so this neither blocks nor fails.
    if (write(stop_pipe[1], "", 1) < 0) _exit(1);
    errno = saved;
}

int skein_catch_stop_signals(void) {
    if (pipe(stop_pipe) != 0) return -1;
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {0};
    action.sa_handler = on_stop_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0) return -1;
    return stop_pipe[0];
}

static int reload_pipe[2] = {-1, -1};

static void on_reload_signal(int number) {
    (void)number;
    int saved = errno;
    // Where there is no room, enough signals wait already.
    ssize_t written = write(reload_pipe[1], "", 1);
    (void)written;
    errno = saved;
}

int skein_catch_reload_signals(void) {
    if (pipe(reload_pipe) != 0) return -1;
    if (fcntl(reload_pipe[1], F_SETFL, O_NONBLOCK) != 0) return -1;
    struct sigaction action = {0};
    action.sa_handler = on_reload_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGHUP, &action, NULL) != 0) return -1;
    return reload_pipe[0];
}
