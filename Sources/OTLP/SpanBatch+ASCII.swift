extension SpanBatch {
    /// The rows of spans whose name, status message, attribute keys or texts are not all ASCII.
    ///
    /// - Complexity: O(bytes of text), eight at a time.
    package func spansBeyondASCII() -> [Int] {
        spans.withUnsafeBufferPointer { spans in
            attributes.withUnsafeBufferPointer { attributes in
                bytes.withUnsafeBytes { bytes in
                    spans.indices.filter { index in
                        let span = spans[index]
                        var bits = highBits(span.name, bytes) | highBits(span.statusMessage, bytes)
                        for row in UnsafeBufferPointer(rebasing: attributes[span.attributes.indices]) {
                            bits |= highBits(row.key, bytes)
                            if row.kind == .string { bits |= highBits(row.slice, bytes) }
                        }
                        return bits & 0x8080_8080_8080_8080 != 0
                    }
                }
            }
        }
    }
}

/// The bytes of a text laid over one another, of which the high bits count: eight at a time, the last eight overlapping
/// those before.
@inline(__always)
private func highBits(_ text: ByteRange, _ bytes: UnsafeRawBufferPointer) -> UInt64 {
    let count = Int(text.count)
    // Ranges of a batch lie in its bytes: the reader saw to that.
    guard count > 0, let start = bytes.baseAddress?.advanced(by: Int(text.offset)) else { return 0 }
    if count >= 8 {
        var bits = start.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        var offset = 0
        while offset < count - 8 {
            bits |= start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        return bits
    }
    if count >= 4 {
        return UInt64(
            start.loadUnaligned(as: UInt32.self) | start.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
    }
    var bits: UInt8 = 0
    for offset in 0..<count { bits |= start.load(fromByteOffset: offset, as: UInt8.self) }
    return UInt64(bits)
}
