/// How requests between services are found, with the keys of the OpenTelemetry Collector's servicegraph connector.
package struct ServiceGraphConfiguration: Hashable, Sendable {
    /// Whether requests are looked for at all.
    package var isEnabled = true
    /// Upper bounds of the buckets of both histograms in nanoseconds, ascending.
    package var bucketBoundsNanoseconds = SpanMetricsConfiguration.defaultBucketBoundsNanoseconds
    /// Attributes that become the labels `client_<name>` and `server_<name>`: of the resource, else of the span.
    package var dimensions: [String] = []
    /// Attributes of a client's span that name a database: such a span is a whole request. The first that is there
    /// counts. The connector has the first of these; the others are what newer conventions call it.
    package var databaseNameAttributes = ["db.name", "db.namespace", "db.system.name", "db.system"]
    /// Attributes of a client's span that name whom it asked, where no span of that one comes. The first that is there
    /// counts. Without any, requests of which only one side is known do not count. The connector does not have the
    /// last one: with it, requests to what sends no spans, such as models, are told apart.
    package var virtualNodePeerAttributes = ["peer.service", "db.name", "db.system", "server.address"]
    /// Adds the label `virtual_node`, `client` or `server`, to requests of which only the other side is known.
    package var hasVirtualNodeLabel = false
    /// Time for which a span waits for the other side of its request. The connector's 2 s are less than SDKs take to
    /// send what they have, 5 s by default.
    package var timeToLiveNanoseconds: UInt64 = 10_000_000_000
    /// Spans that wait, some 50 bytes each; past it those that have waited longest are given up. The connector's 1,000 are
    /// those of a tenth of a second at 10,000 requests a second, and it gives up those that come.
    package var itemsMax = 200_000
    /// 500 MB.
    package static let itemsMaxLimit = 10_000_000
    /// Time without a request after which a series is no longer shown, so that those of names that are gone do not
    /// take the place of new ones; 0 is never. The connector has 15 min. A series that begins anew shows its first
    /// request only as a counter that is there, which no rate can see.
    package var seriesExpirationNanoseconds: UInt64 = 3_600_000_000_000
    /// Series of one tenant, of 40 lines of a scrape each; requests that would make a further one are counted in the
    /// series whose only label is `otel_metric_overflow="true"`; 0 means no limit.
    package var aggregationCardinalityLimit = 5_000

    package init() {}

    package func validate() throws(SpanMetricsConfigurationError) {
        guard aggregationCardinalityLimit >= 0 else { throw .negativeCardinalityLimit(aggregationCardinalityLimit) }
        guard bucketBoundsNanoseconds.count <= SpanMetricsConfiguration.bucketsMax else {
            throw .tooManyBuckets(bucketBoundsNanoseconds.count, key: Self.bucketsKey)
        }
        for (a, b) in zip(bucketBoundsNanoseconds, bucketBoundsNanoseconds.dropFirst()) where a >= b {
            throw .bucketsNotAscending(key: Self.bucketsKey)
        }
        var taken: Set<String> = []
        for dimension in dimensions {
            if dimension.isEmpty { throw .emptyDimension(key: "dimensions") }
            guard taken.insert(PrometheusName.label("client_" + dimension)).inserted else {
                throw .duplicateDimension(dimension, key: "dimensions")
            }
        }
    }

    private static let bucketsKey = "latency_histogram_buckets"

    /// What has to be equal for series of a checkpoint to be continued.
    var fingerprint: String {
        let parts = [dimensions, bucketBoundsNanoseconds.map(String.init)]
        return parts.map { $0.map(\.debugDescription).joined(separator: ",") }.joined(separator: ";")
            + (hasVirtualNodeLabel ? ";virtual_node" : "")
    }
}
