#include "platform.h"

#include <time.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

void skein_release_free_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

unsigned long long skein_cpu_nanoseconds(void) {
    struct timespec time;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) return 0;
    return (unsigned long long)time.tv_sec * 1000000000ull + (unsigned long long)time.tv_nsec;
}
