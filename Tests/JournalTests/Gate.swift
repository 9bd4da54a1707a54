import Glibc

/// Holds threads back until it is opened.
// The semaphore is made for use by many threads; the pointer never changes.
final class Gate: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    /// Waits for the gate to be open and leaves it open.
    func pass() {
        while sem_wait(semaphore) != 0 {}
        sem_post(semaphore)
    }

    func open() { sem_post(semaphore) }
}
