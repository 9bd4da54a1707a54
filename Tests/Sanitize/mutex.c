// Tells ThreadSanitizer what it cannot see of Synchronization.Mutex: a thread that has to wait for the lock takes it
// inside the Swift runtime, which is not instrumented. Preloaded by run.sh.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// Absent in programs that are not instrumented themselves, such as `swift test`.
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void skein_lock_slow(uint32_t thread, SELF void *handle) __asm__(LOCK_SLOW);
SWIFT void skein_unlock_slow(SELF void *handle) __asm__(UNLOCK_SLOW);

SWIFT void skein_lock_slow(uint32_t thread, SELF void *handle) {
  SWIFT void (*original)(uint32_t, SELF void *) = dlsym(RTLD_NEXT, LOCK_SLOW);
  original(thread, handle);
  if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT void skein_unlock_slow(SELF void *handle) {
  SWIFT void (*original)(SELF void *) = dlsym(RTLD_NEXT, UNLOCK_SLOW);
  if (__tsan_release) __tsan_release(handle);
  original(handle);
}
