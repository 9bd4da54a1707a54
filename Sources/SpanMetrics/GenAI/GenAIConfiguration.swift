/// How calls of models are found and by what they are added up.
package struct GenAIConfiguration: Hashable, Sendable {
    /// On whose behalf a call was made, as a label and as a key of usage.
    package struct Attribution: Hashable, Sendable {
        /// Such as `user`.
        package var name: String
        /// The attributes that hold it, of span or resource; the first that is there counts. A name that ends in `*`
        /// stands for all that begin so: its value is what follows, `=` and the attribute's value.
        package var attributes: [String]

        package init(name: String, attributes: [String]) {
            self.name = name
            self.attributes = attributes
        }
    }

    /// What usage is added up by beside model, provider, agent, service and conversation.
    package static let defaultAttribution: [Attribution] = [
        Attribution(
            name: "user",
            attributes: [
                "user.id", "enduser.id", "gen_ai.request.user", "traceloop.association.properties.user_id",
                "langfuse.user.id",
            ]),
        Attribution(name: "department", attributes: ["skein.attribution.department", "department"]),
        Attribution(name: "application", attributes: ["skein.attribution.application", "application"]),
        Attribution(name: "tenant", attributes: ["skein.attribution.tenant", "tenant.id"]),
        Attribution(
            name: "environment",
            attributes: [
                "skein.attribution.environment", "deployment.environment.name", "deployment.environment",
            ]),
        Attribution(name: "variant", attributes: ["skein.experiment.*"]),
    ]

    /// Whether calls of models are looked for at all.
    package var isEnabled = true
    package var attribution = Self.defaultAttribution
    /// Names of `attribution` that are labels of histograms, too: each of their values makes some 80 lines of a scrape.
    package var histogramAttribution: [String] = []
    /// Time after the last span about a call at which the call is counted: others about it may arrive until then.
    package var waitNanoseconds: UInt64 = 10_000_000_000
    /// Time after the last span of a trace at which what is known of it is forgotten. Spans that come until then, but
    /// after the wait, are recognised as part of a call that was counted.
    package var lateWaitNanoseconds: UInt64 = 60_000_000_000
    /// Spans that wait at a time, of 170 bytes each and their texts; past that those that wait longest are counted at
    /// once.
    package var pendingSpansMax = 20_000
    /// Series of one tenant; what is over is added up in one whose label is `otel_metric_overflow="true"`. A series of
    /// the histograms is 80 lines of a scrape.
    package var aggregationCardinalityLimit = 5_000

    /// How long records of usage are kept after they came in; a file of records holds a day.
    package var retentionNanoseconds: UInt64 = 400 * 86_400_000_000_000
    /// Bytes of all records together; past it those of the oldest days go. A call takes about 50 once its day is over:
    /// half a million a day for 400 days.
    package var retentionBytes = 10 << 30

    package init() {}

    /// Labels that attribution may not be called.
    package static var ownLabels: Set<String> { GenAISeries.ownLabels }
    /// Attribution keys; more would make labels nobody reads.
    package static let attributionsMax = 16

    /// The places in `attribution` of the keys that histograms are kept by, a bit for each.
    var histogramKeys: UInt64 {
        attribution.indices.reduce(0) { keys, place in
            histogramAttribution.contains(attribution[place].name) ? keys | 1 << UInt64(place) : keys
        }
    }
}

/// What decides when calls are counted: a replay that writes the same records as before needs the same.
struct GenAITiming: Hashable, Sendable {
    var waitNanoseconds: UInt64
    var lateWaitNanoseconds: UInt64
    var pendingSpansMax: Int

    init(_ configuration: GenAIConfiguration) {
        waitNanoseconds = configuration.waitNanoseconds
        lateWaitNanoseconds = configuration.lateWaitNanoseconds
        pendingSpansMax = configuration.pendingSpansMax
    }

    init?(_ reader: inout ByteReader) {
        guard let wait = reader.varint(), let lateWait = reader.varint(), let spans = reader.varint() else {
            return nil
        }
        (waitNanoseconds, lateWaitNanoseconds) = (wait, max(wait, lateWait))
        pendingSpansMax = Int(clamping: spans)
    }

    func write(to writer: inout ByteWriter) {
        writer.varint(waitNanoseconds)
        writer.varint(lateWaitNanoseconds)
        writer.varint(UInt64(pendingSpansMax))
    }
}
