import TraceStorage

/// The `service_graph` section, version 1: the configuration's fingerprint as a block; the time and the number of
/// tenants as varints, for each its name as a block and its series; the number of sides as a varint and each as a
/// block; the number of spans that wait, and for each, in the order of their arrival, the two halves of its key, the
/// time since the one before, its duration, its side, its peer, its count, its tenant by number and its flags.
extension ServiceGraphState {
    static let sectionVersion: UInt32 = 1

    func checkpointSection(name: String) -> CheckpointSection {
        var writer = ByteWriter()
        writer.block(configuration.fingerprint.utf8)
        writer.varint(now)
        writer.varint(UInt64(totals.tenants.count))
        for (tenant, series) in zip(totals.tenants, totals.series) {
            writer.block(tenant.name.utf8)
            series.write(to: &writer)
        }
        writeWaiting(to: &writer)
        return CheckpointSection(name: name, version: Self.sectionVersion, position: position, payload: writer.bytes)
    }

    private func writeWaiting(to writer: inout ByteWriter) {
        // Only sides that are in use, numbered in the order in which they come.
        var numbers: [UInt32: UInt64] = [:]
        var used: [UInt32] = []
        func number(_ side: UInt32) -> UInt64 {
            if let known = numbers[side] { return known }
            numbers[side] = UInt64(used.count)
            used.append(side)
            return UInt64(used.count - 1)
        }
        var halves = ByteWriter()
        var last: UInt64 = 0
        waiting.forEach { half in
            halves.fixed(half.key.trace)
            halves.fixed(half.key.span)
            halves.varint(half.receivedAt - last)
            last = half.receivedAt
            halves.varint(half.durationNanoseconds)
            halves.varint(number(half.side))
            halves.varint(number(half.peer))
            halves.varint(UInt64(half.count))
            halves.varint(UInt64(half.tenant))
            halves.fixed(half.flags.rawValue)
            return true
        }
        writer.varint(UInt64(used.count))
        for side in used { writer.block(totals.sides.key(Int(side))) }
        writer.varint(UInt64(waiting.count))
        writer.raw(halves.bytes)
    }

    static func restored(
        from section: CheckpointSection, _ configuration: ServiceGraphConfiguration, seed: UInt64
    ) throws(CheckpointError) -> (state: ServiceGraphState, outcome: RestoreOutcome) {
        var reader = section.reader
        let fingerprint = try section.fingerprint(&reader, versionMax: sectionVersion)
        var state = ServiceGraphState(configuration, seed: seed)
        state.position = section.position
        guard fingerprint == configuration.fingerprint else {
            return (state, .startedOver(reason: "dimensions, buckets or labels of servicegraph have changed"))
        }
        guard state.read(&reader), reader.isAtEnd else { throw section.holdsSomethingElse }
        return (state, .restored)
    }

    private mutating func read(_ reader: inout ByteReader) -> Bool {
        guard let time = reader.varint(), let count = reader.varint() else { return false }
        now = time
        for _ in 0..<count {
            var series = totals.emptySeries()
            guard let name = reader.text(), let tenant = TenantID(name), series.read(&reader, configuration),
                totals.restore(tenant, series)
            else { return false }
        }
        return readWaiting(&reader)
    }

    private mutating func readWaiting(_ reader: inout ByteReader) -> Bool {
        guard let sideCount = reader.varint() else { return false }
        var sides: [UInt32] = []
        for _ in 0..<sideCount {
            guard let key = reader.block() else { return false }
            sides.append(totals.side(Array(key)))
        }
        guard let count = reader.varint() else { return false }
        var last: UInt64 = 0
        for _ in 0..<count {
            guard let trace = reader.fixed(UInt64.self), let span = reader.fixed(UInt64.self),
                let delta = reader.varint(), let duration = reader.varint(), let side = reader.varint(),
                side < sides.count, let peer = reader.varint(), peer < sides.count,
                let number = reader.varint().flatMap(UInt32.init(exactly:)),
                let tenant = reader.varint().flatMap(UInt16.init(exactly:)), tenant < totals.tenants.count,
                let flags = reader.byte(), last.addingReportingOverflow(delta).overflow == false
            else { return false }
            last += delta
            waiting.append(
                HalfEdge(
                    key: HalfEdge.Key(trace: trace, span: span), receivedAt: last, durationNanoseconds: duration,
                    side: sides[Int(side)], peer: sides[Int(peer)], count: number, tenant: tenant,
                    flags: HalfEdge.Flags(rawValue: flags)))
        }
        return true
    }
}
