import CurlTransport
import Journal

/// Everything that other exporters need and that may fail, got before any exporter is touched.
struct ExporterChange: Sendable {
    struct Forwarding: Sendable {
        let configuration: OTLPHTTPExporterConfiguration
        let client: OTLPHTTPClient
        /// The place in the journal of an exporter that is new; nil for one that takes over.
        let reader: JournalReader?
        let thread: ParkedThread
    }

    struct Pushing: Sendable {
        let configuration: MetricsPushConfiguration
        let transport: CurlTransport
        let thread: ParkedThread
    }

    /// Ids of all that forward spans from then on, in their order.
    let forwarderIDs: [String]
    /// Ids of all that push metrics from then on, in their order.
    let pusherIDs: [String]
    /// Those of them that begin: new ones, and ones with another configuration.
    private(set) var forwarders: [Forwarding] = []
    private(set) var pushers: [Pushing] = []

    /// - Parameters:
    ///   - forwarders, pushers: By id those that run.
    init(
        to configuration: CollectorConfiguration, from forwarders: [String: OTLPHTTPExporterConfiguration],
        _ pushers: [String: MetricsPushConfiguration], _ sources: ExporterSources
    ) throws {
        let spanExporters = configuration.spanExporters.map(\.forSpans)
        let targets = configuration.metricsTargets
        (forwarderIDs, pusherIDs) = (spanExporters.map(\.id), targets.map(\.id))
        do {
            for exporter in spanExporters where forwarders[exporter.id] != exporter {
                let client = try OTLPHTTPClient(exporter)
                let thread = try ParkedThread(exporter.id)
                do {
                    let reader = forwarders[exporter.id] == nil ? try sources.reader(exporter) : nil
                    self.forwarders.append(
                        .init(configuration: exporter, client: client, reader: reader, thread: thread))
                } catch {
                    thread.giveUp()
                    throw error
                }
            }
            for target in targets where pushers[target.id] != target {
                let transport = try CurlTransport(timeout: target.timeout, tls: target.tls)
                self.pushers.append(
                    .init(configuration: target, transport: transport, thread: try ParkedThread(target.id)))
            }
        } catch {
            discard()
            throw error
        }
    }

    /// Gives back what was got, instead of a use.
    func discard() {
        for forwarder in forwarders {
            forwarder.reader?.unregister()
            forwarder.thread.giveUp()
        }
        for pusher in pushers { pusher.thread.giveUp() }
    }
}

extension OTLPHTTPExporterConfiguration {
    /// Without what only the pushing of metrics looks at.
    var forSpans: OTLPHTTPExporterConfiguration {
        var result = self
        (result.metricsURL, result.sendsMetrics) = (nil, false)
        return result
    }
}
