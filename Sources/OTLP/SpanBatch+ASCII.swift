extension SpanBatch {
    /// The rows of spans whose name, status message, attribute keys or texts are not all ASCII, and of few others.
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
                            guard row.kind == .string else {
                                bits |= highBits(row.key, bytes)
                                continue
                            }
                            let text = row.slice
                            // Nearly always the two stand together, with two tags and two lengths of a byte between
                            // them, which are ASCII too: one look instead of two.
                            if text.offset &- row.key.offset == row.key.count &+ 4 {
                                bits |= highBits(
                                    ByteRange(offset: row.key.offset, count: row.key.count + 4 + text.count), bytes)
                            } else {
                                bits |= highBits(row.key, bytes) | highBits(text, bytes)
                            }
                        }
                        return bits & 0x8080_8080_8080_8080 != 0
                    }
                }
            }
        }
    }
}

/// The bytes of a text laid over one another, of which the high bits count: many at a time, the last of them overlapping
/// those before.
@inline(__always)
private func highBits(_ text: ByteRange, _ bytes: UnsafeRawBufferPointer) -> UInt64 {
    let count = Int(text.count)
    // Ranges of a batch lie in its bytes: the reader saw to that.
    guard count > 0, let start = bytes.baseAddress?.advanced(by: Int(text.offset)) else { return 0 }
    if count >= 32 {
        var bits = start.loadUnaligned(fromByteOffset: count - 32, as: SIMD4<UInt64>.self)
        var offset = 0
        while offset < count - 32 {
            bits |= start.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
            offset += 32
        }
        return bits[0] | bits[1] | bits[2] | bits[3]
    }
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
