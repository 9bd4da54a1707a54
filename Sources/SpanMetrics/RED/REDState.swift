import OTLP
import TraceStorage

/// The tables of one tenant.
struct REDTables: Sendable {
    /// Calls, and durations too where both have the same labels.
    var calls: REDSeries
    /// Durations where they have labels of their own.
    var durations: REDSeries?
    /// Events of spans, where they are counted.
    var events: REDSeries?

    init(_ configuration: SpanMetricsConfiguration, seed: UInt64) {
        let common = configuration.dimensions
        var shape = REDShape()
        shape.limit = configuration.aggregationCardinalityLimit
        shape.expirationNanoseconds = configuration.expirationNanoseconds
        shape.exemplarsPerPointMax = configuration.exemplarsPerPointMax
        shape.hasExemplars = configuration.areExemplarsEnabled
        if configuration.areEventsEnabled {
            events = REDSeries(
                SeriesSchema(configuration, common + configuration.eventDimensions), shape, seed: seed)
        }
        var durationShape = shape
        if configuration.isHistogramEnabled { durationShape.histogram = configuration.histogramShape }
        durationShape.ladder = configuration.exponentialLadder
        let hasOwnDurations = configuration.areDurationsApart
        if hasOwnDurations {
            durations = REDSeries(
                SeriesSchema(configuration, common + configuration.histogramDimensions), durationShape, seed: seed)
        } else {
            shape = durationShape
        }
        shape.hasTempo = configuration.namingProfiles.contains(.tempo)
        calls = REDSeries(SeriesSchema(configuration, common + configuration.callsDimensions), shape, seed: seed)
    }

    var all: [REDSeries] { [calls, durations, events].compactMap(\.self) }

    /// The series of all tables together.
    var count: Int { calls.count + (durations?.count ?? 0) + (events?.count ?? 0) }

    mutating func removeExpired(at time: UInt64) {
        if let rest = calls.withoutExpired(at: time) { calls = rest }
        if let rest = durations?.withoutExpired(at: time) { durations = rest }
        if let rest = events?.withoutExpired(at: time) { events = rest }
    }
}

/// What ``REDMetrics`` guards.
struct REDState: Sendable {
    let configuration: SpanMetricsConfiguration
    let seed: UInt64
    var position = JournalPosition.beginning
    var statistics = REDStatistics()
    var tenants: [TenantID: REDTables] = [:]
    /// When the first batch was received, unix nanoseconds; 0 before it.
    var startTime: UInt64 = 0
    /// The latest time at which a batch was received: the clock that series expire by.
    var clock: UInt64 = 0

    /// Of the explicit histogram. Here and not in the tables, so that nothing is retained for a span: that would keep the
    /// processor from fetching the next span's bytes meanwhile.
    private let bounds: [UInt64]
    private let instrumentationScopes: [[UInt8]]
    private let resourceKeys: [[UInt8]]
    /// Whether series of calls differ in nothing but what every span has.
    private let isPlain: Bool
    /// Whether there is more to do for a span than to count it in the table of calls.
    private let hasMore: Bool
    /// The key of the span at hand; kept so that a span allocates nothing.
    private var key: [UInt8] = []
    /// What spans of the resource at hand were counted as, by ``findSlots(_:of:)``.
    private var known = [Known](repeating: Known(), count: Self.knownCount)
    /// Tells what is known of the scope at hand from what was of those before.
    private var generation: UInt32 = 0
    /// Where the spans at hand may be known.
    private var slots = [UInt8](repeating: 0, count: Self.groupCount)

    /// A span whose series is known, and with it that of every span of its scope that is equal in these.
    private struct Known: Sendable {
        var name = ByteRange.empty
        var kind: Int32 = 0
        var statusCode: Int32 = 0
        var generation: UInt32 = 0
        var isOverflow = false
        var row = 0
    }

    /// What all spans of one scope have in common.
    private struct Origin {
        let receivedAt: UInt64
        let attributes: RowRange
        /// How their keys begin.
        let prefix: [UInt8]
        /// What stands in keys for the instrumentation scope.
        var scope: [UInt8] = []
        var callsFallbacks: [[UInt8]] = []
        var durationsFallbacks: [[UInt8]] = []
    }

    /// A power of two; more than the operations that one resource usually has in a request.
    private static let knownCount = 128
    /// Spans that are looked at together: more than a processor fetches side by side, few enough to be in its cache
    /// still when they are counted.
    private static let groupCount = 32

    init(configuration: SpanMetricsConfiguration, seed: UInt64) {
        self.configuration = configuration
        self.seed = seed
        bounds = configuration.bucketBoundsNanoseconds
        instrumentationScopes = configuration.instrumentationScopes.map { Array($0.utf8) }
        resourceKeys = configuration.resourceKeys.map { Array($0.utf8) }
        isPlain = configuration.dimensions.isEmpty && configuration.callsDimensions.isEmpty
        hasMore =
            configuration.areExemplarsEnabled || configuration.areDurationsApart || configuration.areEventsEnabled
    }

    func emptyTables() -> REDTables { REDTables(configuration, seed: seed) }

    mutating func record(_ stored: StoredBatch) {
        guard stored.position > position else {
            statistics.batchesReplayed += 1
            return
        }
        position = stored.position
        if startTime == 0 { startTime = stored.receivedAt }
        advanceClock(to: stored.receivedAt)
        // Taken out of the dictionary for the time of the batch, so that its arrays stay unshared.
        var tables = tenants.removeValue(forKey: stored.tenant) ?? emptyTables()
        for resource in stored.batch.resources {
            record(resource, of: stored, into: &tables)
        }
        tenants[stored.tenant] = tables
    }

    /// Gives up series that are gone, some times within the time that one lives. When it happens shows nowhere but in
    /// memory: who looks at a series asks whether it is alive.
    private mutating func advanceClock(to time: UInt64) {
        let step = configuration.expirationNanoseconds / 4
        defer { clock = max(clock, time) }
        guard step > 0, time / step > clock / step else { return }
        for tenant in tenants.keys { tenants[tenant]?.removeExpired(at: time) }
    }

    private mutating func record(_ resource: ResourceRow, of stored: StoredBatch, into tables: inout REDTables) {
        let batch = stored.batch
        let scopes = batch.scopes[resource.scopes.indices]
        guard let service = batch.attribute("service.name", in: resource.attributes), service.kind == .string else {
            statistics.spansWithoutService += scopes.reduce(0) { $0 + UInt64($1.spans.count) }
            return
        }
        var prefix: [UInt8] = [0]
        if tables.calls.schema.includesService { SeriesKey.append(service.slice, of: batch, to: &prefix) }
        for name in resourceKeys {
            SeriesKey.append(batch.attribute(name, in: resource.attributes), of: batch, to: &prefix)
        }
        var origin = Origin(receivedAt: stored.receivedAt, attributes: resource.attributes, prefix: prefix)
        origin.callsFallbacks = Self.fallbacks(tables.calls.schema, resource.attributes, of: batch)
        if let durations = tables.durations {
            origin.durationsFallbacks = Self.fallbacks(durations.schema, resource.attributes, of: batch)
        }
        forgetKnown()
        for scope in scopes {
            if !instrumentationScopes.isEmpty {
                origin.scope = scopePart(scope, of: batch)
                forgetKnown()
            }
            var rest = scope.spans.indices
            while !rest.isEmpty {
                let group = rest.prefix(Self.groupCount)
                if isPlain { findSlots(group, of: batch) }
                batch.spans.withUnsafeBufferPointer { spans in
                    for (place, index) in group.enumerated() {
                        record(spans[index], of: batch, origin, slot: Int(slots[place]), into: &tables)
                    }
                }
                rest.removeFirst(group.count)
            }
        }
    }

    private mutating func forgetKnown() {
        generation &+= 1
        guard generation == 0 else { return }
        for slot in known.indices { known[slot] = Known() }
        generation = 1
    }

    @inline(__always)
    private mutating func record(
        _ span: borrowing SpanRow, of batch: SpanBatch, _ origin: borrowing Origin, slot: Int,
        into tables: inout REDTables
    ) {
        let (row, isOverflow) = row(of: span, batch, origin, slot, in: &tables.calls)
        let measurement = measurement(of: span, batch, origin.receivedAt)
        tables.calls.add(measurement, to: row)
        if isOverflow { statistics.spansOverflowed += 1 }
        statistics.spans += 1
        if hasMore, recordMore(measurement, of: span, batch, origin, row, into: &tables), !isOverflow {
            statistics.spansOverflowed += 1
        }
    }

    /// What not every configuration wants.
    ///
    /// - Returns: whether any of it was over the limit of series.
    private mutating func recordMore(
        _ measurement: REDMeasurement, of span: borrowing SpanRow, _ batch: SpanBatch, _ origin: borrowing Origin,
        _ row: Int, into tables: inout REDTables
    ) -> Bool {
        var isOverflow = false
        var exemplar: PrometheusExemplar?
        if configuration.areExemplarsEnabled {
            let value = Double(measurement.nanoseconds) / configuration.unit.nanoseconds
            let made = PrometheusExemplar(
                traceID: span.traceID, spanID: span.spanID, value: value, timeNanoseconds: measurement.receivedAt)
            tables.calls.setExemplar(made, of: measurement, to: row)
            exemplar = made
        }
        if tables.durations != nil {
            isOverflow = recordDuration(measurement, exemplar, of: span, batch, origin, into: &tables)
        }
        if tables.events != nil, span.events.count > 0 {
            let areOver = recordEvents(measurement, exemplar, of: span, batch, origin, into: &tables)
            isOverflow = isOverflow || areOver
        }
        return isOverflow
    }

    private mutating func recordDuration(
        _ measurement: REDMeasurement, _ exemplar: PrometheusExemplar?, of span: borrowing SpanRow, _ batch: SpanBatch,
        _ origin: borrowing Origin, into tables: inout REDTables
    ) -> Bool {
        guard let schema = tables.durations?.schema else { return false }
        makeKey(span, of: batch, origin, schema)
        appendDimensions(span, of: batch, schema, origin.durationsFallbacks)
        return tables.durations?.add(measurement, exemplar, to: key) ?? false
    }

    /// Counts a span's events. Their dimensions are looked for in span, event and resource; `event.name` is the name.
    private mutating func recordEvents(
        _ measurement: REDMeasurement, _ exemplar: PrometheusExemplar?, of span: borrowing SpanRow, _ batch: SpanBatch,
        _ origin: borrowing Origin, into tables: inout REDTables
    ) -> Bool {
        guard let schema = tables.events?.schema else { return false }
        var isOverflow = false
        for event in batch.events[span.events.indices] {
            makeKey(span, of: batch, origin, schema)
            for dimension in schema.dimensions {
                let found =
                    batch.attribute(dimension.key, in: span.attributes)
                    ?? batch.attribute(dimension.key, in: event.attributes)
                    ?? batch.attribute(dimension.key, in: origin.attributes)
                if let found {
                    SeriesKey.append(found, of: batch, to: &key)
                } else if dimension.key.elementsEqual("event.name".utf8) {
                    SeriesKey.append(event.name, of: batch, to: &key)
                } else {
                    key.append(contentsOf: dimension.fallback)
                }
            }
            if tables.events?.add(measurement, exemplar, to: key) == true { isOverflow = true }
        }
        return isOverflow
    }

    // MARK: keys

    /// The row that a span counts in.
    @inline(__always)
    private mutating func row(
        of span: borrowing SpanRow, _ batch: SpanBatch, _ origin: borrowing Origin, _ slot: Int,
        in series: inout REDSeries
    ) -> (row: Int, isOverflow: Bool) {
        if isPlain {
            let known = known[slot]
            if known.generation == generation, known.kind == span.kind, known.statusCode == span.statusCode,
                batch.areEqual(known.name, span.name)
            {
                return (known.row, known.isOverflow)
            }
        }
        return newRow(of: span, batch, origin, slot, in: &series)
    }

    private mutating func newRow(
        of span: borrowing SpanRow, _ batch: SpanBatch, _ origin: borrowing Origin, _ slot: Int,
        in series: inout REDSeries
    ) -> (row: Int, isOverflow: Bool) {
        makeKey(span, of: batch, origin, series.schema)
        // Dimensions are looked for in the attributes, which is most of the work already.
        if !isPlain { appendDimensions(span, of: batch, series.schema, origin.callsFallbacks) }
        let (row, isOverflow) = series.row(of: key)
        if isPlain {
            known[slot] = Known(
                name: span.name, kind: span.kind, statusCode: span.statusCode, generation: generation,
                isOverflow: isOverflow, row: row)
        }
        return (row, isOverflow)
    }

    /// Finds where the series of some spans may be noted; spans that share a place only take turns.
    ///
    /// For all of them before any is counted: their names are often in no cache yet, and the processor fetches them
    /// side by side.
    private mutating func findSlots(_ indices: Range<Int>, of batch: SpanBatch) {
        batch.spans.withUnsafeBufferPointer { spans in
            for index in indices {
                Prefetch.element(Int(spans[index].name.offset), of: batch.bytes)
                Prefetch.element(max(0, spans[index].name.indices.upperBound - 1), of: batch.bytes)
            }
            for (place, index) in indices.enumerated() {
                let name = spans[index].name
                let status = UInt64(truncatingIfNeeded: spans[index].statusCode)
                let hash = name.lastBytes(of: batch) ^ UInt64(name.count) << 32 ^ status
                let mixed = (hash &* 0x9E37_79B9_7F4A_7C15) >> 32
                slots[place] = UInt8(truncatingIfNeeded: mixed) & UInt8(Self.knownCount - 1)
            }
        }
    }

    /// Makes `key` that of a span, without dimensions.
    private mutating func makeKey(
        _ span: borrowing SpanRow, of batch: SpanBatch, _ origin: borrowing Origin, _ schema: SeriesSchema
    ) {
        key.removeAll(keepingCapacity: true)
        key.append(contentsOf: origin.prefix)
        if schema.includesKind { key.append(SeriesKey.byte(span.kind, of: SeriesKey.kinds)) }
        if schema.includesStatus { key.append(SeriesKey.byte(span.statusCode, of: SeriesKey.statuses)) }
        if schema.includesName { SeriesKey.append(span.name, of: batch, to: &key) }
        key.append(contentsOf: origin.scope)
    }

    private mutating func appendDimensions(
        _ span: borrowing SpanRow, of batch: SpanBatch, _ schema: SeriesSchema, _ fallbacks: [[UInt8]]
    ) {
        for index in fallbacks.indices {
            if let row = batch.attribute(schema.dimensions[index].key, in: span.attributes) {
                SeriesKey.append(row, of: batch, to: &key)
            } else {
                key.append(contentsOf: fallbacks[index])
            }
        }
    }

    /// What each dimension has, as a part of the key, for spans without such an attribute.
    private static func fallbacks(_ schema: SeriesSchema, _ attributes: RowRange, of batch: SpanBatch) -> [[UInt8]] {
        schema.dimensions.map { dimension in
            guard let row = batch.attribute(dimension.key, in: attributes) else { return dimension.fallback }
            var part: [UInt8] = []
            SeriesKey.append(row, of: batch, to: &part)
            return part
        }
    }

    /// Name and version of an instrumentation scope that shall be shown; of any other nothing, twice.
    private func scopePart(_ scope: ScopeRow, of batch: SpanBatch) -> [UInt8] {
        guard instrumentationScopes.contains(where: { batch.equals(scope.name, $0) }) else { return [0, 0] }
        var part: [UInt8] = []
        SeriesKey.append(scope.name, of: batch, to: &part)
        SeriesKey.append(scope.version, of: batch, to: &part)
        return part
    }

    // MARK: numbers

    @inline(__always)
    private func measurement(
        of span: borrowing SpanRow, _ batch: SpanBatch, _ receivedAt: UInt64
    ) -> REDMeasurement {
        var calls: UInt64 = 1
        if !span.traceState.isEmpty {
            let weight = TraceStateWeight.adjustedCount(batch.slice(span.traceState))
            calls = AdjustedCount.count(weight: weight, traceID: span.traceID, spanID: span.spanID)
        }
        let duration = span.durationNanoseconds
        return REDMeasurement(
            calls: calls, nanoseconds: duration, bucket: REDSeries.bucket(of: duration, bounds),
            bytes: UInt64(span.raw.count), receivedAt: receivedAt)
    }
}

extension REDSeries {
    /// Counts in the series of a key.
    /// - Returns: whether the series of the key was over the limit.
    fileprivate mutating func add(
        _ measurement: REDMeasurement, _ exemplar: PrometheusExemplar?, to key: [UInt8]
    ) -> Bool {
        let (row, isOverflow) = row(of: key)
        add(measurement, to: row)
        if let exemplar { setExemplar(exemplar, of: measurement, to: row) }
        return isOverflow
    }
}
