#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The calls that led to where it is asked for, as text for `exception.stacktrace`.
///
/// The functions of the system and of Swift's runtime that it takes are not all in their headers; they are looked up.
enum CallStack {
    /// Frames that are kept, innermost first; deeper ones say little about an error.
    private static let framesMax = 64

    /// What `dladdr` fills in.
    private struct AddressInfo {
        var file: UnsafePointer<CChar>?
        var base: UnsafeRawPointer?
        var symbol: UnsafePointer<CChar>?
        var address: UnsafeRawPointer?
    }

    private typealias Backtrace = @convention(c) (UnsafeMutablePointer<UnsafeRawPointer?>, Int32) -> Int32
    private typealias AddressLookup = @convention(c) (UnsafeRawPointer, UnsafeMutableRawPointer) -> Int32
    private typealias Demangle =
        @convention(c) (UnsafePointer<CChar>, Int, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, UInt32) ->
        UnsafeMutablePointer<CChar>?

    private static let backtrace: Backtrace? = function("backtrace")
    private static let dladdr: AddressLookup? = function("dladdr")
    private static let demangle: Demangle? = function("swift_demangle")

    /// One line a call: its name, or its place in the program or library where the name is not known. Takes some
    /// 100 µs. Nil where the system cannot tell.
    @inline(never)
    static func text() -> String? {
        guard let backtrace else { return nil }
        var addresses = [UnsafeRawPointer?](repeating: nil, count: framesMax)
        let count = Int(backtrace(&addresses, Int32(framesMax)))
        // The first is this function.
        let lines = addresses[..<count].dropFirst().compactMap { $0.map(line) }
        return lines.isEmpty ? nil : lines.joined(separator: "\n")
    }

    private static func line(_ address: UnsafeRawPointer) -> String {
        var info = AddressInfo()
        guard let dladdr, dladdr(address, &info) != 0, let base = info.base else { return "\(address)" }
        if let symbol = info.symbol { return demangled(symbol) }
        let file = info.file.flatMap { String(cString: $0).split(separator: "/").last.map(String.init) } ?? "?"
        return "\(file) + 0x\(String(address - base, radix: 16))"
    }

    private static func demangled(_ symbol: UnsafePointer<CChar>) -> String {
        guard let text = demangle?(symbol, strlen(symbol), nil, nil, 0) else { return String(cString: symbol) }
        defer { free(text) }
        return String(cString: text)
    }

    /// `RTLD_DEFAULT`, a cast that Swift does not import.
    private static var allLibraries: UnsafeMutableRawPointer? {
        #if canImport(Darwin)
            UnsafeMutableRawPointer(bitPattern: -2)
        #else
            nil
        #endif
    }

    private static func function<Function>(_ name: String) -> Function? {
        dlsym(allLibraries, name).map { unsafeBitCast($0, to: Function.self) }
    }
}
