import HTTPServing

/// `query`: how the query listener serves.
package struct QueryConfiguration: Sendable, Hashable {
    /// `endpoint`.
    package var endpoint = ListenerAddress(name: "query", host: "127.0.0.1", port: 16686)
    /// `allow_unauthenticated`: lets the listener bind an address that is not loopback, though anybody who reaches
    /// it may then read everything.
    package var allowsUnauthenticated = false
    /// `allowed_hosts`: names beside the bound one that a request's Host may carry, without ports; for a reverse proxy
    /// or a name of this machine.
    package var allowedHosts: [String] = []
    /// `timeout`: how long a query may take, waiting included. 30 s is the patience of Grafana and of most proxies.
    /// Past it the query stops and its answer is 503.
    package var timeout: Duration = .seconds(30)
    /// `max_traces`: traces of one answer. 1,500 is the most that the Jaeger UI asks for; a request for more is 400.
    package var maxTraces = 1_500
    /// `max_spans_per_trace`: a trace of more spans is 413 instead of an answer that no viewer can show.
    package var maxSpansPerTrace = 200_000
    /// `max_memory_mib`: what one query may hold of pages, decoded columns and groups, 128 MiB. That is some ten times
    /// what a usual query takes on 8 cores; past it the answer is 413.
    package var memoryMaxBytes = 128 << 20
    /// `max_rows`: spans that one query may look at one by one; more is 413. Sums over groups do not count.
    package var maxRows = 100_000_000
    /// `max_concurrent_queries`: threads that run queries. 4 keep the disk busy without taking all cores for long.
    package var maxConcurrentQueries = 4
    /// `max_queued_queries`: queries that wait for a thread; one more is 429.
    package var maxQueuedQueries = 64
    /// `time_zone`: where days and months of usage and budgets begin.
    package var timeZone = CalendarZone.utc

    package init() {}

    /// Nil when the listener may be started; otherwise why not, as one line for the user.
    ///
    /// Off loopback without authentication the configuration has to say that this is meant.
    package var refusal: String? {
        guard !Self.isLoopback(endpoint.host), !allowsUnauthenticated else { return nil }
        return "query.endpoint \(endpoint) is off loopback and has no authentication; bind a loopback address or set "
            + "query.allow_unauthenticated: true"
    }

    /// Whether only this machine reaches the address.
    package static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
}
