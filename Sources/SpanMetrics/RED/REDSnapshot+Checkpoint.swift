import TraceStorage

/// The `red` section, version 2: the configuration's fingerprint as a block; the time of the first batch and the latest
/// time of a batch, unix nanoseconds, fixed; 1 or 0, a varint, for whether there are numbers of Tempo's naming; the
/// number of tenants; for each its name as a block and its tables, which the configuration says. For each table the
/// number of series; for each series its key as a block, the times of its first and last span, fixed, the calls as a
/// varint, the sum in nanoseconds as the bits of a double, and its histogram: the count of each bucket as a varint, or
/// an ``ExponentialHistogram``, or nothing. Tables of calls have Tempo's sum, size and buckets after it. Exemplars are
/// not kept.
///
/// Version 1, which is still read, had the number of buckets in the place of the times, one table, and of each series
/// only key, sum and buckets.
extension REDSnapshot {
    static let sectionVersion: UInt32 = 2

    func checkpointSection(name: String) -> CheckpointSection {
        var writer = ByteWriter()
        writer.block(configuration.fingerprint.utf8)
        writer.fixed(startTime)
        writer.fixed(clock)
        writer.varint(configuration.namingProfiles.contains(.tempo) ? 1 : 0)
        writer.varint(UInt64(tenants.count))
        for (tenant, tables) in tenants.sorted(by: { $0.key.name < $1.key.name }) {
            writer.block(tenant.name.utf8)
            for series in tables.all { series.write(to: &writer) }
        }
        return CheckpointSection(
            name: name, version: Self.sectionVersion, position: position, payload: writer.bytes)
    }
}

extension REDSeries {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(count))
        for row in 0..<count {
            writer.block(table.key(row))
            writer.fixed(rows[row].startTime)
            writer.fixed(rows[row].lastTime)
            writer.varint(rows[row].calls)
            writer.fixed(rows[row].sumNanoseconds.bitPattern)
            for count in buckets(row) { writer.varint(count) }
            if !exponentials.isEmpty { exponentials[row].write(to: &writer) }
            if shape.hasTempo {
                writer.fixed(tempoSumsNanoseconds[row].bitPattern)
                writer.varint(sizes[row])
                for count in tempoBuckets(row) { writer.varint(count) }
            }
        }
    }

    /// - Parameter hasTempo: Whether the numbers of Tempo's naming are there, wanted or not.
    fileprivate mutating func read(_ reader: inout ByteReader, hasTempo: Bool) -> Bool {
        guard let count = reader.varint() else { return false }
        for _ in 0..<count {
            guard let key = reader.block(), let numbers = numbers(&reader, hasTempo: hasTempo),
                restore(key: Array(key), numbers)
            else { return false }
        }
        return true
    }

    private func numbers(_ reader: inout ByteReader, hasTempo: Bool) -> Numbers? {
        var numbers = Numbers()
        guard let start = reader.fixed(UInt64.self), let last = reader.fixed(UInt64.self), let calls = reader.varint(),
            let sum = reader.fixed(UInt64.self), let buckets = reader.varints(shape.bucketCount)
        else { return nil }
        numbers.row = Row(calls: calls, sumNanoseconds: Double(bitPattern: sum), startTime: start, lastTime: last)
        numbers.buckets = buckets
        if case .exponential(let bucketsMax, _) = shape.histogram {
            numbers.exponential = ExponentialHistogram(&reader, bucketsMax: bucketsMax)
            if numbers.exponential == nil { return nil }
        }
        guard hasTempo else { return numbers }
        guard let sum = reader.fixed(UInt64.self), let size = reader.varint(),
            let buckets = reader.varints(REDShape.tempoBucketCount)
        else { return nil }
        (numbers.tempoSumNanoseconds, numbers.size, numbers.tempoBuckets) = (Double(bitPattern: sum), size, buckets)
        return numbers
    }

    fileprivate mutating func readVersion1(_ reader: inout ByteReader, bucketCount: Int) -> Bool {
        guard let count = reader.varint() else { return false }
        for _ in 0..<count {
            guard let key = reader.block(), let sum = reader.fixed(UInt64.self),
                let buckets = reader.varints(bucketCount)
            else { return false }
            var numbers = Numbers()
            numbers.row.calls = buckets.reduce(0) { $0.addingClamped($1) }
            numbers.row.sumNanoseconds = Double(bitPattern: sum)
            if shape.bucketCount > 0 { numbers.buckets = buckets }
            guard restore(key: Array(key), numbers) else { return false }
        }
        return true
    }
}

extension REDState {
    /// The state of a section, or an empty one at its position when the configuration counts by something else now.
    static func restored(
        from section: CheckpointSection, configuration: SpanMetricsConfiguration, seed: UInt64
    ) throws(CheckpointError) -> (state: REDState, outcome: RestoreOutcome) {
        var reader = section.reader
        let fingerprint = try section.fingerprint(&reader, versionMax: REDSnapshot.sectionVersion)
        var state = REDState(configuration: configuration, seed: seed)
        state.position = section.position
        let isSame = fingerprint == configuration.fingerprint
        if section.version == 1 {
            guard isSame else { return (state, Self.startedOver) }
            guard state.readVersion1(&reader), reader.isAtEnd else { throw section.holdsSomethingElse }
            return (state, .restored)
        }
        guard let startTime = reader.fixed(UInt64.self), let clock = reader.fixed(UInt64.self) else {
            throw section.holdsSomethingElse
        }
        (state.startTime, state.clock) = (startTime, clock)
        guard isSame else { return (state, Self.startedOver) }
        guard state.readTenants(&reader), reader.isAtEnd else { throw section.holdsSomethingElse }
        return (state, .restored)
    }

    private static var startedOver: RestoreOutcome {
        .startedOver(reason: "dimensions, keys of the resource, unit or buckets of spanmetrics have changed")
    }

    private mutating func readTenants(_ reader: inout ByteReader) -> Bool {
        guard let hasTempo = reader.varint(), hasTempo <= 1 else { return false }
        return readTenants(&reader) { reader, tables in
            guard tables.calls.read(&reader, hasTempo: hasTempo == 1) else { return false }
            if tables.durations != nil, tables.durations?.read(&reader, hasTempo: false) != true { return false }
            return tables.events == nil || tables.events?.read(&reader, hasTempo: false) == true
        }
    }

    private mutating func readVersion1(_ reader: inout ByteReader) -> Bool {
        guard let bucketCount = reader.varint(), bucketCount <= SpanMetricsConfiguration.bucketsMax + 1 else {
            return false
        }
        return readTenants(&reader) { reader, tables in
            tables.calls.readVersion1(&reader, bucketCount: Int(bucketCount))
        }
    }

    private mutating func readTenants(
        _ reader: inout ByteReader, _ read: (inout ByteReader, inout REDTables) -> Bool
    ) -> Bool {
        guard let count = reader.varint() else { return false }
        for _ in 0..<count {
            guard let name = reader.text(), let tenant = TenantID(name), tenants[tenant] == nil else { return false }
            var tables = emptyTables()
            guard read(&reader, &tables) else { return false }
            tenants[tenant] = tables
        }
        return true
    }
}

extension ByteReader {
    fileprivate mutating func varints(_ count: Int) -> [UInt64]? {
        var result: [UInt64] = []
        for _ in 0..<count {
            guard let number = varint() else { return nil }
            result.append(number)
        }
        return result
    }
}
