import CIsal

/// gzip and deflate through ISA-L.
///
/// Owns the C state (87 KB) and a stable copy of the pointer to its input.
final class InflateDecoder: StreamDecoder {
    let encoding: ContentEncoding
    private(set) var isFinished = false
    private let input: [UInt8]
    private let state: UnsafeMutablePointer<inflate_state>
    private let wrapper: Int32
    /// Index of the first byte of `input` that the C state has not taken yet.
    private var consumed = 0

    init(encoding: ContentEncoding, input: [UInt8]) {
        self.encoding = encoding
        self.input = input
        state = .allocate(capacity: 1)
        if encoding == .gzip {
            wrapper = ISAL_GZIP
        } else {
            wrapper = Self.hasZlibHeader(input) ? ISAL_ZLIB : ISAL_DEFLATE
        }
        isal_inflate_init(state)
        state.pointee.crc_flag = UInt32(wrapper)
    }

    deinit { state.deallocate() }

    /// A gzip trailer ends in the size of its member, modulo 4 GiB; deflate says nothing, so guess 6:1.
    var expectedBytes: Int {
        guard encoding == .gzip, input.count >= 18 else { return input.count &* 6 }
        let size = input.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        // One byte more than said: a decoder whose output is exactly full has not read the trailer yet.
        return min(size &+ 1, input.count &* maxExpansion)
    }

    func decode(into output: UnsafeMutableRawBufferPointer) throws(BodyError) -> Int {
        guard !input.isEmpty else { throw .corrupt(encoding: encoding, reason: "no data") }
        var written = 0
        while !isFinished, written < output.count {
            let before = consumed
            let (result, produced) = step(UnsafeMutableRawBufferPointer(rebasing: output[written...]))
            written += produced
            guard result == ISAL_DECOMP_OK || result == ISAL_END_INPUT || result == ISAL_OUT_OVERFLOW else {
                throw .corrupt(encoding: encoding, reason: Self.reason(result))
            }
            if state.pointee.block_state == ISAL_BLOCK_FINISH {
                try finishMember()
            } else if produced == 0, consumed == before || consumed == input.count, written < output.count {
                throw .corrupt(encoding: encoding, reason: "data ends early")
            }
        }
        return written
    }

    private func step(_ output: UnsafeMutableRawBufferPointer) -> (result: Int32, produced: Int) {
        input.withUnsafeBytes { bytes in
            let left = min(bytes.count - consumed, Int(UInt32.max))
            let room = min(output.count, Int(UInt32.max))
            let start = bytes.baseAddress.map { $0 + consumed }
            // ISA-L never writes through next_in; the C signature merely lacks const.
            state.pointee.next_in = UnsafeMutablePointer(mutating: start?.assumingMemoryBound(to: UInt8.self))
            state.pointee.avail_in = UInt32(left)
            state.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            state.pointee.avail_out = UInt32(room)
            let result = isal_inflate(state)
            consumed += left - Int(state.pointee.avail_in)
            return (result, room - Int(state.pointee.avail_out))
        }
    }

    /// gzip may hold several members, one after the other (RFC 1952 section 2.2); anything else ends here.
    private func finishMember() throws(BodyError) {
        // Without a trailer to read, the C state may hold whole bytes that belong to nobody.
        let left = input.count - consumed + Int(state.pointee.read_in_length / 8)
        if left == 0 {
            isFinished = true
            return
        }
        guard wrapper == ISAL_GZIP else {
            throw .corrupt(encoding: encoding, reason: "\(left) bytes follow the end of the data")
        }
        isal_inflate_reset(state)
        state.pointee.crc_flag = UInt32(wrapper)
    }

    /// RFC 1950 section 2.2: method 8, window up to 32 KiB, header divisible by 31.
    private static func hasZlibHeader(_ input: [UInt8]) -> Bool {
        guard input.count >= 2 else { return false }
        let header = UInt16(input[0]) << 8 | UInt16(input[1])
        return input[0] & 0x0f == 8 && input[0] >> 4 <= 7 && header % 31 == 0
    }

    private static func reason(_ result: Int32) -> String {
        switch result {
        case ISAL_INVALID_BLOCK: "invalid block"
        case ISAL_INVALID_SYMBOL: "invalid symbol"
        case ISAL_INVALID_LOOKBACK: "invalid distance"
        case ISAL_INVALID_WRAPPER: "invalid header"
        case ISAL_UNSUPPORTED_METHOD: "unknown compression method"
        case ISAL_INCORRECT_CHECKSUM: "checksum mismatch"
        case ISAL_NEED_DICT: "a preset dictionary is needed"
        default: "error \(result)"
        }
    }
}
