#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Spreads threads over a few places, so that threads that run at the same time seldom meet in one.
enum ThreadStripe {
    /// How many places there are: more than the cores of most machines a service runs on.
    static let count = 16

    /// The place of the thread that asks, below ``count``. Always the same for a thread.
    @inline(__always)
    static var current: Int {
        // Threads differ in the middle bits of their addresses; the product brings those to the top.
        Int((UInt64(identity) &* 0x9E37_79B9_7F4A_7C15) >> 60)
    }

    /// What tells running threads apart.
    @inline(__always)
    static var identity: UInt {
        #if canImport(Darwin) || canImport(Musl)
            UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }
}
