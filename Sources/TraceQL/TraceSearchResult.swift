import OTLP

/// What a search found.
package struct TraceSearchResult: Hashable, Sendable {
    /// The newest first, by their start.
    package var traces: [TraceSummary]
    /// Traces that were read whole.
    package var tracesRead: Int
    /// False when a limit of ``TraceSearch`` kept it from looking everywhere, or a part of the store cannot be read.
    package var isComplete: Bool
    /// Why traces or spans may be missing, one line each; empty for a complete answer.
    package var partialReasons: [String]
}

/// A trace in the answer of a search.
package struct TraceSummary: Hashable, Sendable {
    package struct ServiceCounts: Hashable, Sendable {
        package var spans: Int
        package var errors: Int

        package init(spans: Int = 0, errors: Int = 0) {
            self.spans = spans
            self.errors = errors
        }
    }

    package struct MatchedSpan: Hashable, Sendable {
        package var spanID: SpanID
        package var serviceName: String
        package var name: String
        /// Unix nanoseconds.
        package var startTime: UInt64
        package var durationNanoseconds: UInt64
        package var isError: Bool
        /// The span's own attributes.
        package var attributes: [KeyValue]
    }

    /// What Tempo shows for the service of a root that has not come.
    package static let rootMissing = "<root span not yet received>"

    package var traceID: TraceID
    /// Nil when no span is without a parent; see ``displayRootServiceName``.
    package var rootServiceName: String?
    package var rootName: String?
    /// Unix nanoseconds of the first span's start.
    package var startTime: UInt64
    /// From there to the last span's end.
    package var durationNanoseconds: UInt64
    package var spanCount: Int
    package var errorCount: Int
    /// By service name, empty where a resource has none.
    package var services: [String: ServiceCounts]
    package var matchedSpans: [MatchedSpan]
    /// Matched spans, those that are not shown included.
    package var matchedCount: Int

    package var displayRootServiceName: String { rootServiceName ?? Self.rootMissing }
    package var durationMilliseconds: UInt64 { durationNanoseconds / 1_000_000 }
}

extension TraceSummary.MatchedSpan {
    init(_ span: SpanRow, of batch: SpanBatch) {
        self.init(
            spanID: span.spanID, serviceName: batch.serviceName(of: batch.resource(of: span)) ?? "",
            name: batch.string(span.name), startTime: span.startTime, durationNanoseconds: span.durationNanoseconds,
            isError: span.isError, attributes: batch.keyValues(span.attributes))
    }
}
