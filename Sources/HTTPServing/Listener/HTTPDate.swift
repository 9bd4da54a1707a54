#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The `Date` header (RFC 9110 section 5.6.7), without Foundation.
package enum HTTPDate {
    static func now() -> String { format(unixSeconds: time(nil)) }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`; `seconds` is not negative.
    package static func format(unixSeconds seconds: Int) -> String {
        var seconds = time_t(seconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 40)
        let count = strftime(&buffer, buffer.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
