import CPlatform

/// Has the processor fetch what is needed soon, while it goes on with something else.
enum Prefetch {
    /// Bytes that the processor fetches at once.
    private static let lineBytes = 64

    /// An element of an array.
    @inline(__always)
    static func element<Element>(_ index: Int, of array: [Element]) {
        array.withUnsafeBufferPointer { skein_prefetch($0.baseAddress.map { $0 + index }) }
    }

    /// - Parameter bytesMax: What is behind so many bytes of it is not fetched.
    @inline(__always)
    static func memory(_ memory: UnsafeRawBufferPointer, from start: Int = 0, count: Int, bytesMax: Int) {
        guard let base = memory.baseAddress else { return }
        for offset in stride(from: start, to: start + min(count, bytesMax), by: lineBytes) {
            skein_prefetch(base + offset)
        }
    }
}
