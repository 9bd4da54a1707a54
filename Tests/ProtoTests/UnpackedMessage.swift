import CSkeinProto

/// A short name for what `..._type()` gives.
typealias MessageType = UnsafePointer<ProtobufCMessageDescriptor>

typealias ExportRequest = Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest

/// The descriptors that the tests decode with.
enum MessageTypes {
    static var exportRequest: MessageType {
        opentelemetry__proto__collector__trace__v1__export_trace_service_request__type()!
    }
    static var anyValue: MessageType { opentelemetry__proto__common__v1__any_value__type()! }
    static var rpcStatus: MessageType { google__rpc__status__type()! }
    static var retryInfo: MessageType { google__rpc__retry_info__type()! }
    static var badRequest: MessageType { google__rpc__bad_request__type()! }
}

/// Bytes decoded through the guard, with the arena that holds the message.
final class UnpackedMessage {
    let result: skein_guard_result
    let message: UnsafeMutablePointer<ProtobufCMessage>?
    private let arena: OpaquePointer

    init(
        _ type: MessageType, _ bytes: [UInt8], limits: skein_guard_limits = skein_guard_default_limits(),
        arenaLimitBytes: Int = Int(SKEIN_ARENA_DEFAULT_LIMIT_BYTES)
    ) {
        let arena = skein_arena_create(arenaLimitBytes)!
        var unpacked: UnsafeMutablePointer<ProtobufCMessage>?
        result = bytes.withUnsafeBufferPointer {
            skein_guard_unpack(type, $0.baseAddress, $0.count, limits, arena, &unpacked)
        }
        message = unpacked
        self.arena = arena
    }

    deinit {
        skein_arena_destroy(arena)
    }

    /// Bytes that the arena took from malloc.
    var reservedBytes: Int { skein_arena_reserved_bytes(arena) }

    /// The message as the struct that protoc-c made for its type.
    func cast<Message>(to: Message.Type) -> Message? {
        message.map { UnsafeRawPointer($0).load(as: Message.self) }
    }

    /// The message serialized by protobuf-c.
    var packed: [UInt8]? {
        message.map { pack($0) }
    }
}

func pack(_ message: UnsafePointer<ProtobufCMessage>) -> [UInt8] {
    let count = protobuf_c_message_get_packed_size(message)
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
        written = count == 0 ? 0 : protobuf_c_message_pack(message, buffer.baseAddress)
    }
}
