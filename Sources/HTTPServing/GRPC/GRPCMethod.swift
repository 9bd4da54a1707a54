import NIOCore
import NIOHPACK

/// A call's request, complete and decompressed.
package struct GRPCRequest: Sendable {
    /// The message without its five-byte prefix.
    package let message: [UInt8]
    package let metadata: GRPCMetadata
    /// When the client stops waiting; nil if it did not say. The server answers DEADLINE_EXCEEDED by itself
    /// and cancels the method's task.
    package let deadline: ContinuousClock.Instant?
    /// `127.0.0.1:51234`; nil if the system does not tell.
    package let remoteAddress: String?
}

/// The header fields of a request.
package struct GRPCMetadata: Sendable {
    let headers: HPACKHeaders

    /// The first value of `name`; names are compared without regard to case.
    package subscript(name: String) -> String? { headers.first(name: name) }

    /// All values of `name`, in order.
    package func values(_ name: String) -> [String] { headers[name] }
}

/// What a unary method answers.
package enum GRPCResponse: Sendable {
    case ok(message: [UInt8])
    case failure(GRPCStatus)
}

/// A method of a service. Methods run in tasks of their own, never on an event loop; the task is cancelled
/// when the client cancels, the deadline passes or the connection is lost.
package enum GRPCMethod: Sendable {
    case unary(@Sendable (GRPCRequest) async -> GRPCResponse)

    /// Ends with OK when the closure returns, with the status it throws, with CANCELLED for a
    /// `CancellationError`, and with INTERNAL, without a word about it, for anything else.
    case serverStreaming(@Sendable (GRPCRequest, GRPCResponseWriter) async throws -> Void)
}

/// Sends the messages of a server-streaming call.
package struct GRPCResponseWriter: Sendable {
    let send: @Sendable ([UInt8]) async throws -> Void

    /// Sends one message and waits until it is on its way, so that a slow client slows the method.
    ///
    /// - Throws: when the call is over: cancelled, past its deadline, or its connection lost.
    package func write(_ message: [UInt8]) async throws {
        try await send(message)
    }
}
