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

    package var methods: [String: GRPCMethod] {
        [
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export": .unary { request in await export(request) },
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export": .unary { _ in tracesOnly },
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": .unary { _ in tracesOnly },
        ]
    }

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
            guard let wait = error.retryAfter else {
                return .failure(GRPCStatus(.invalidArgument, error.message))
            }
            let status = RPCStatus(.resourceExhausted, error.message, retryDelay: wait)
            return .failure(GRPCStatus(.resourceExhausted, error.message, details: status.protobuf()))
        }
    }
}
