import Collector
import HTTPServing
import QueryAPI

extension QueryConfiguration {
    /// `query`: the side of the collector that people and Grafana ask.
    init(_ section: ConfigurationSection, ports: PortsConfiguration) {
        self.init()
        let bound = section.endpoint(default: ports.endpoint(endpoint.port))
        endpoint = ListenerAddress(name: endpoint.name, host: bound.host, port: bound.port)
        allowsUnauthenticated = section.boolean("allow_unauthenticated", default: allowsUnauthenticated)
        allowedHosts = section.strings("allowed_hosts") ?? allowedHosts
        timeout = section.duration("timeout", default: timeout, in: .milliseconds(1) ... .seconds(3600))
        maxTraces = section.integer("max_traces", default: maxTraces, in: 1...100_000)
        maxSpansPerTrace = section.integer("max_spans_per_trace", default: maxSpansPerTrace, in: 1...10_000_000)
        memoryMaxBytes = section.integer("max_memory_mib", default: memoryMaxBytes >> 20, in: 8...65_536) << 20
        maxRows = section.integer("max_rows", default: maxRows, in: 1...Int.max)
        maxConcurrentQueries = section.integer("max_concurrent_queries", default: maxConcurrentQueries, in: 1...64)
        maxQueuedQueries = section.integer("max_queued_queries", default: maxQueuedQueries, in: 0...10_000)
        let zone = section.string("time_zone", default: timeZone.name)
        if let known = CalendarZone(zone) {
            timeZone = known
        } else {
            section.fail(
                "time_zone",
                "'\(zone)' is no time zone of this machine, expected an IANA name such as Europe/Berlin from the system's "
                    + "table (package tzdata)")
        }
        section.end()
    }
}
