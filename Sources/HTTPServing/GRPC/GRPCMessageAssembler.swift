import NIOCore

/// Gathers the one message of a request from DATA frames of any size (grpc/doc/PROTOCOL-HTTP2.md,
/// "Length-Prefixed-Message"): a flag byte, four bytes of length, the message. No I/O.
struct GRPCMessageAssembler {
    /// How many times the bytes that have come a message's memory may be: a prefix alone sets nothing aside, since a
    /// client may begin hundreds of thousands of messages; and a usual one is moved once at most while it grows.
    static let maxTrust = 4

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

    /// Takes the bytes of a DATA frame, or of the part of one that was read.
    ///
    /// Copies of a byte from here to the journal's file: the kernel's into the receive buffer; here into the message; for
    /// a compressed one the decoder's output into a second array. NIOHTTP2 passes on slices of the receive buffer, but
    /// moves what is left of a frame header that came in two reads. From the message on it is as over HTTP/1.1.
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
        let needed = message.count + buffer.readableBytes
        if needed > message.capacity { message.reserveCapacity(min(expectedBytes, needed * Self.maxTrust)) }
        buffer.withUnsafeReadableBytes { message.append(contentsOf: $0) }
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
    }
}
