import NIOCore

/// A length-prefixed message (grpc/doc/PROTOCOL-HTTP2.md).
enum GRPCFrame {
    static func buffer(_ message: [UInt8], isCompressed: Bool = false) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 5 + message.count)
        buffer.writeInteger(UInt8(isCompressed ? 1 : 0))
        buffer.writeInteger(UInt32(truncatingIfNeeded: message.count))
        buffer.writeBytes(message)
        return buffer
    }
}
