#ifndef SKEIN_PLATFORM_H
#define SKEIN_PLATFORM_H

/// Gives memory that the allocator holds without need back to the system; does nothing where the C library cannot.
void skein_release_free_memory(void);

/// CPU nanoseconds that the whole process has used, user and system together.
unsigned long long skein_cpu_nanoseconds(void);

#endif
