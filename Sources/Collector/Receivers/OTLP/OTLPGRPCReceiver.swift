import HTTPServing
import OTLP

/// OTLP over gRPC: `TraceService/Export`.
package struct OTLPGRPCReceiver: Sendable {
    private let ingest: Ingest
    private let counters: IngestCounters

    package init(ingest: Ingest, metrics: SelfMetrics) {
        self.ingest = ingest
        counters = IngestCounters(receiver: "otlp_grpc", transport: "grpc", metrics: metrics)
    }

    /// The methods by path. Logs and metrics are refused in so many words, since the same client often sends all three.
    package var methods: [String: GRPCMethod] {
        [
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export": .unary { request in await export(request) },
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export": .unary { _ in tracesOnly },
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": .unary { _ in tracesOnly },
        ]
    }

    /// Refuses calls before their message is read while there is no memory for it.
    ///
    /// - Parameter budget: what all requests under way may hold.
    package func admission(_ budget: BufferBudget) -> GRPCAdmission {
        GRPCAdmission(budget: budget, buffersFull: Self.buffersFull) { [ingest, counters] in
            ingest.refusalBeforeReading(counters).map(Self.status)
        }
    }

    /// Counts a message that the server refused by itself, such as one over the size limit.
    package func countRefusal(_ status: GRPCStatus) {
        switch status.code {
        case .resourceExhausted: counters.countRefusedRequest(status == Self.buffersFull ? .buffersFull : .tooLarge)
        default: counters.countRefusedRequest(.corruptEncoding)
        }
    }

    private static let buffersFull = status(.buffersFull)

    private var tracesOnly: GRPCResponse {
        .failure(GRPCStatus(.unimplemented, "this collector takes traces only"))
    }

    private func export(_ request: GRPCRequest) async -> GRPCResponse {
        do throws(Ingest.Refusal) {
            let acceptance = try await ingest.accept(request.message, encoding: .protobuf, from: counters)
            let response = ExportResponse(
                rejectedSpans: Int64(acceptance.rejectedSpans), errorMessage: acceptance.message(ingest.limits) ?? "")
            return .ok(message: response.protobuf())
        } catch {
            return .failure(Self.status(error))
        }
    }

    /// With a delay the client sends the request again, without one it does not (OTLP specification, "OTLP/gRPC
    /// Response").
    private static func status(_ refusal: Ingest.Refusal) -> GRPCStatus {
        guard let wait = refusal.retryAfter else {
            return GRPCStatus(refusal.reason == .tooLarge ? .resourceExhausted : .invalidArgument, refusal.message)
        }
        let details = RPCStatus(.resourceExhausted, refusal.message, retryDelay: wait)
        return GRPCStatus(.resourceExhausted, refusal.message, details: details.protobuf())
    }
}
