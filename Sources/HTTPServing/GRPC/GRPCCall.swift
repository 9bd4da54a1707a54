/// One call, detached from its connection: what the task of the call works on.
struct GRPCCall: Sendable {
    /// How a call ended.
    enum Outcome: Sendable {
        case unary(message: [UInt8])
        /// Messages, if any, were sent before.
        case status(GRPCStatus)
    }

    let head: GRPCCallHead
    let isCompressed: Bool
    let wireMessage: [UInt8]
    let deadline: ContinuousClock.Instant?
    let remoteAddress: String?
    let limitBytes: Int
    let reservation: BufferReservation
    let buffersFull: GRPCStatus
    let onRefusal: @Sendable (GRPCStatus) -> Void

    /// Decompresses the message and runs the method.
    func run(_ writer: GRPCResponseWriter) async -> Outcome {
        let request: GRPCRequest
        do throws(GRPCStatus) {
            request = GRPCRequest(
                message: try message(), metadata: head.metadata, deadline: deadline, remoteAddress: remoteAddress)
        } catch {
            onRefusal(error)
            return .status(error)
        }
        switch head.method {
        case .unary(let respond):
            switch await respond(request) {
            case .ok(let message): return .unary(message: message)
            case .failure(let status): return .status(status)
            }
        case .serverStreaming(let produce):
            return .status(await Self.status { try await produce(request, writer) })
        }
    }

    private func message() throws(GRPCStatus) -> [UInt8] {
        guard isCompressed else { return wireMessage }
        guard head.encoding != .identity else {
            throw GRPCStatus(.internal, "the message is marked as compressed, but grpc-encoding names no encoding")
        }
        let message: [UInt8]
        do throws(BodyError) {
            message = try decompress(
                wireMessage, encoding: head.encoding, limitBytes: limitBytes, reservation: reservation)
        } catch {
            switch error {
            case .tooLarge(let limit, _):
                throw GRPCStatus(.resourceExhausted, "message is over the limit of \(limit) bytes after decompression")
            case .buffersFull: throw buffersFull
            default: throw GRPCStatus(.internal, "\(error)")
            }
        }
        return message
    }

    private static func status(_ body: () async throws -> Void) async -> GRPCStatus {
        do {
            try await body()
            return GRPCStatus(.ok)
        } catch let status as GRPCStatus {
            return status
        } catch is CancellationError {
            return GRPCStatus(.cancelled)
        } catch {
            return GRPCStatus(.internal)
        }
    }
}
