import HTTPServing
import Hummingbird
import SpanMetrics

/// `GET /metrics` for Prometheus, in the text format that the scraper asks for, gzipped where it likes.
package struct MetricsEndpoint: Sendable {
    /// Where the parts of a scrape go.
    package typealias Sink = (_ part: [UInt8]) -> Void

    /// One scrape; false while there is nothing to show yet, which is answered with 503 so that a scraper sees a gap and
    /// not a counter that fell.
    private let scrape: @Sendable (ExpositionFormat, Sink) -> Bool

    package init(_ scrape: @escaping @Sendable (ExpositionFormat, Sink) -> Bool) {
        self.scrape = scrape
    }

    /// `/metrics` and nothing else.
    package func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/metrics") { request, _ in answer(request) }
        router.head("/metrics") { request, _ in answer(request) }
        router.refuseOtherMethods("/metrics", allowed: [.get, .head])
        return router
    }

    private func answer(_ request: Request) -> Response {
        let format = ExpositionFormat(accept: request.headers[.accept])
        let answer = Response.parts(
            contentType: format.contentType, acceptEncoding: request.headers[.acceptEncoding] ?? "identity"
        ) { scrape(format, $0) }
        guard let answer else {
            var response = Response.bytes(
                Array("replaying the journal\n".utf8), contentType: "text/plain; charset=utf-8",
                status: .serviceUnavailable)
            response.headers[.retryAfter] = "1"
            return response
        }
        return answer
    }
}

extension SelfMetrics {
    /// All metrics in a format that Prometheus scrapes.
    package func exposition(_ format: ExpositionFormat) -> [UInt8] {
        var writer = PrometheusTextWriter(format: format)
        for family in families() where !family.samples.isEmpty {
            writer.family(family.name, type: family.kind == .counter ? .counter : .gauge, help: family.help)
            for sample in family.samples {
                writer.sample(PrometheusLabels(sample.labels.pairs.map { ($0.name, $0.value) }), sample.value)
            }
        }
        writer.finish()
        return writer.takeBytes()
    }
}
