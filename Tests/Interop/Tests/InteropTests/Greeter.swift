import GRPCCore
import Tracing

/// A gRPC service whose messages are texts.
struct Greeter: RegistrableRPCService {
    static let greet = MethodDescriptor(fullyQualifiedService: "interop.Greeter", method: "Greet")
    static let count = MethodDescriptor(fullyQualifiedService: "interop.Greeter", method: "Count")
    static let refuse = MethodDescriptor(fullyQualifiedService: "interop.Greeter", method: "Refuse")
    static let breakOff = MethodDescriptor(fullyQualifiedService: "interop.Greeter", method: "BreakOff")

    /// What `greet` does before it answers.
    var beforeGreeting: @Sendable () async throws -> Void = {}

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        let text = TextCoding()
        router.registerHandler(forMethod: Self.greet, deserializer: text, serializer: text) { request, _ in
            let name = try await ServerRequest(stream: request).message
            try await beforeGreeting()
            return withSpan("compose") { _ in
                StreamingServerResponse(single: ServerResponse(message: "hello, \(name)"))
            }
        }
        router.registerHandler(forMethod: Self.count, deserializer: text, serializer: text) { request, _ in
            let last = Int(try await ServerRequest(stream: request).message) ?? 0
            return StreamingServerResponse { writer in
                for number in 1...last {
                    try await withSpan("count") { _ in try await writer.write("\(number)") }
                }
                return [:]
            }
        }
        router.registerHandler(forMethod: Self.refuse, deserializer: text, serializer: text) { _, _ in
            throw RPCError(code: .notFound, message: "no such greeting")
        }
        router.registerHandler(forMethod: Self.breakOff, deserializer: text, serializer: text) { _, _ in
            StreamingServerResponse { writer in
                try await writer.write("hel")
                throw RPCError(code: .dataLoss, message: "lost the rest")
            }
        }
    }
}

/// Messages that are texts in UTF-8.
struct TextCoding: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: String) throws -> Bytes {
        Bytes(message.utf8)
    }

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> String {
        bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
