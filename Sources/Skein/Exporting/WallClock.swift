#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The time of day.
package enum WallClock {
    /// Whole seconds since 1970, UTC.
    package static var seconds: Int64 { Int64(time(nil)) }
}
