import CSkeinProto
import CZstd

/// What our own code is compared with, over the same bytes in the same run.
package enum Baselines {
    package static let decode = "protobuf-c decode, arena"
    package static let encode = "protobuf-c encode"
    package static let decodeAndZstd = "protobuf-c decode + zstd 1, by body"
    package static let zstd = "zstd 1, whole bodies"

    package static func measure(_ traffic: Traffic, _ meter: Meter) throws -> [Measurement] {
        [try decode(traffic, meter), try encode(traffic, meter), try compress(traffic, meter)]
    }

    private static func decode(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        try meter.measure(Self.decode, units: traffic.spans) {
            for body in traffic.bodies {
                let message = try ArenaMessage(body)
                keep(message.pointer)
            }
        }
    }

    private static func encode(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        let messages = try traffic.bodies.map { try ArenaMessage($0) }
        var result = try meter.measure(Self.encode, units: traffic.spans) {
            for message in messages { keep(message.packed()) }
        }
        result.bytes = Double(messages.reduce(0) { $0 + $1.packed().count }) / Double(traffic.spans)
        return result
    }

    /// What a receiver would cost that decodes with protobuf-c and keeps each body compressed, sockets left out.
    package static func decodeAndCompress(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        var output = [UInt8](repeating: 0, count: ZSTD_compressBound(traffic.bodies.map(\.count).max() ?? 0))
        return try meter.measure(decodeAndZstd, units: traffic.spans) {
            for body in traffic.bodies {
                keep(try ArenaMessage(body).pointer)
                let written = output.withUnsafeMutableBytes { output in
                    body.withUnsafeBytes {
                        ZSTD_compress(output.baseAddress, output.count, $0.baseAddress, $0.count, 1)
                    }
                }
                guard ZSTD_isError(written) == 0 else { throw BenchmarkError("zstd cannot compress") }
            }
        }
    }

    /// As a store without columns would do it: the bodies one after the other in one frame.
    private static func compress(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        let input = Array(traffic.bodies.joined())
        var output = [UInt8](repeating: 0, count: ZSTD_compressBound(input.count))
        var written = 0
        var result = try meter.measure(zstd, units: traffic.spans) {
            written = output.withUnsafeMutableBytes { output in
                input.withUnsafeBytes {
                    ZSTD_compress(output.baseAddress, output.count, $0.baseAddress, $0.count, 1)
                }
            }
            guard ZSTD_isError(written) == 0 else { throw BenchmarkError("zstd cannot compress") }
        }
        result.bytes = Double(written) / Double(traffic.spans)
        return result
    }
}

/// A request that protobuf-c decoded into a capped arena.
private final class ArenaMessage {
    let pointer: UnsafeMutablePointer<ProtobufCMessage>
    private let arena: OpaquePointer

    init(_ body: [UInt8]) throws {
        guard let arena = skein_arena_create(Int(SKEIN_ARENA_DEFAULT_LIMIT_BYTES)),
            let type = opentelemetry__proto__collector__trace__v1__export_trace_service_request__type()
        else { throw BenchmarkError("no memory for an arena") }
        var message: UnsafeMutablePointer<ProtobufCMessage>?
        message = body.withUnsafeBufferPointer {
            protobuf_c_message_unpack(type, skein_arena_allocator(arena), $0.count, $0.baseAddress)
        }
        guard let message else {
            skein_arena_destroy(arena)
            throw BenchmarkError("protobuf-c cannot decode the traffic")
        }
        pointer = message
        self.arena = arena
    }

    deinit { skein_arena_destroy(arena) }

    func packed() -> [UInt8] {
        let count = protobuf_c_message_get_packed_size(pointer)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            written = protobuf_c_message_pack(pointer, buffer.baseAddress)
        }
    }
}

/// Why the benchmarks cannot go on.
package struct BenchmarkError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
