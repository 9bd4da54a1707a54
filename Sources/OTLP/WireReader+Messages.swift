/// For the small messages of answers, which are copied out rather than indexed.
extension WireReader {
    /// Calls `body` behind each tag of a message; it reads or skips the field.
    static func forEachField(
        of bytes: [UInt8], _ body: (_ reader: inout WireReader, _ tag: UInt32) throws(WireError) -> Void
    ) throws(WireError) {
        guard bytes.count <= SpanLimits.requestBytesMax else { throw .tooLarge(bytes: bytes.count) }
        let failure: WireError? = bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return nil }
            var reader = WireReader(base: base, range: ByteRange(offset: 0, count: UInt32(buffer.count)))
            do throws(WireError) {
                while !reader.isAtEnd { try body(&reader, reader.tag()) }
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// A copy of a range that ``lengthDelimited()`` returned.
    func bytes(_ range: ByteRange) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: base + Int(range.offset), count: Int(range.count)))
    }

    /// The same as text; what is no UTF-8 becomes U+FFFD.
    func text(_ range: ByteRange) -> String {
        String(
            decoding: UnsafeRawBufferPointer(start: base + Int(range.offset), count: Int(range.count)), as: UTF8.self)
    }
}
