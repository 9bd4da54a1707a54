import TraceStorage

/// The `red` section, version 1: the configuration's fingerprint as a block, the number of buckets and of tenants as
/// varints; for each tenant its name as a block and the number of series; for each series its key as a block, the
/// sum in nanoseconds as the bits of a double and the count of each bucket as a varint. Exemplars are not kept.
extension REDSnapshot {
    static let sectionVersion: UInt32 = 1

    func checkpointSection(name: String) -> CheckpointSection {
        var writer = ByteWriter()
        writer.block(configuration.fingerprint.utf8)
        writer.varint(UInt64(configuration.bucketBoundsNanoseconds.count + 1))
        writer.varint(UInt64(tenants.count))
        for (tenant, series) in tenants.sorted(by: { $0.key.name < $1.key.name }) {
            writer.block(tenant.name.utf8)
            writer.varint(UInt64(series.count))
            for row in 0..<series.count {
                writer.block(series.table.key(row))
                writer.fixed(series.sumsNanoseconds[row].bitPattern)
                for count in series.buckets(row) { writer.varint(count) }
            }
        }
        return CheckpointSection(
            name: name, version: Self.sectionVersion, position: position, payload: writer.bytes)
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
        guard fingerprint == configuration.fingerprint else {
            return (state, .startedOver(reason: "dimensions, unit or buckets of spanmetrics have changed"))
        }
        guard state.readTenants(&reader), reader.isAtEnd else {
            throw section.holdsSomethingElse
        }
        return (state, .restored)
    }

    private mutating func readTenants(_ reader: inout ByteReader) -> Bool {
        guard let bucketCount = reader.varint(), bucketCount == UInt64(emptySeries().bucketCount),
            let tenantCount = reader.varint()
        else { return false }
        for _ in 0..<tenantCount {
            guard let name = reader.text(), let tenant = TenantID(name), tenants[tenant] == nil,
                let series = readSeries(&reader)
            else { return false }
            tenants[tenant] = series
        }
        return true
    }

    private func readSeries(_ reader: inout ByteReader) -> REDSeries? {
        guard let count = reader.varint() else { return nil }
        var series = emptySeries()
        for _ in 0..<count {
            guard let key = reader.block(), let bits = reader.fixed(UInt64.self) else { return nil }
            var buckets: [UInt64] = []
            for _ in 0..<series.bucketCount {
                guard let count = reader.varint() else { return nil }
                buckets.append(count)
            }
            let sum = Double(bitPattern: bits)
            guard series.restore(key: Array(key), buckets: buckets, sumNanoseconds: sum, configuration) else {
                return nil
            }
        }
        return series
    }
}
