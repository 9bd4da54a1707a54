import NIOCore

/// Gathers the one message of a request from DATA frames of any size (grpc/doc/PROTOCOL-HTTP2.md,
/// "Length-Prefixed-Message"): a flag byte, four bytes of length, the message. No I/O.
struct GRPCMessageAssembler {
    /// Bytes set aside on the word of a length prefix alone: 256 KiB, a batch of 512 spans.
    static let maxTrustedLengthBytes = 256 << 10

    private let limitBytes: Int
    /// The prefix so far, the first byte highest.
    private var prefix: UInt64 = 0
    private var prefixBytes = 0
    private var message: [UInt8] = []

    init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    private var isPrefixComplete: Bool { prefixBytes == 5 }
    private var expectedBytes: Int { Int(prefix & 0xffff_ffff) }

    /// Takes the bytes of a DATA frame; copies each once.
    mutating func append(_ buffer: ByteBuffer) throws(GRPCStatus) {
        var buffer = buffer
        while !isPrefixComplete, let byte = buffer.readInteger(as: UInt8.self) {
            prefix = prefix << 8 | UInt64(byte)
            prefixBytes += 1
            if isPrefixComplete { try checkPrefix() }
        }
        guard buffer.readableBytes > 0 else { return }
        guard buffer.readableBytes <= expectedBytes - message.count else {
            throw GRPCStatus(.invalidArgument, "more than one message in the request")
        }
        HTTPServing.append(buffer, to: &message, limitBytes: expectedBytes)
    }

    /// The message, once the client has said that it was all.
    mutating func finish() throws(GRPCStatus) -> (isCompressed: Bool, message: [UInt8]) {
        guard isPrefixComplete, message.count == expectedBytes else {
            throw GRPCStatus(.internal, "the request ended before its message was complete")
        }
        defer { message = [] }
        return (prefix >> 32 == 1, message)
    }

    private mutating func checkPrefix() throws(GRPCStatus) {
        guard prefix >> 32 <= 1 else {
            throw GRPCStatus(.internal, "message flag \(prefix >> 32), expected 0 or 1")
        }
        guard expectedBytes <= limitBytes else {
            throw GRPCStatus(
                .resourceExhausted, "message of \(expectedBytes) bytes is over the limit of \(limitBytes) bytes")
        }
        message.reserveCapacity(min(expectedBytes, Self.maxTrustedLengthBytes))
    }
}
