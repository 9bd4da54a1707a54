import NIOCore

/// A length-prefixed message, uncompressed (grpc/doc/PROTOCOL-HTTP2.md).
enum GRPCFrame {
    static func buffer(_ message: [UInt8]) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 5 + message.count)
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(truncatingIfNeeded: message.count))
        buffer.writeBytes(message)
        return buffer
    }
}
