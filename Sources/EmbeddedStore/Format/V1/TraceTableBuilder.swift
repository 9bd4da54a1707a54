import OTLP
import TraceStorage

/// The traces of a block's rows and the references from spans to their parents, worked out once all rows are known.
struct TraceTableBuilder: ~Copyable {
    private struct ID {
        let high: UInt64
        let low: UInt64
    }

    /// For each row the number of its trace in the order of first use.
    private var codes = Room<UInt32>()
    private var spanIDs = Room<UInt64>()
    private var parents = Room<UInt64>()
    private var ids = Room<ID>()
    /// Linear probing: 32 bits of an id's hash, then its number plus 1; 0 is free. The length is a power of two.
    private var slots = Room<UInt64>(repeating: 0, count: 1024)
    private var last: UInt32 = 0
    private let byteHash = ByteHash.ofProcess

    init() {}

    @inline(__always)
    mutating func append(_ span: UnsafePointer<SpanRow>) {
        let id = span.pointee.traceID
        if ids.count == 0 || ids[Int(last)].low != id.low || ids[Int(last)].high != id.high { last = number(of: id) }
        codes.append(last)
        spanIDs.append(span.pointee.spanID.rawValue)
        parents.append(span.pointee.parentSpanID.rawValue)
    }

    private mutating func number(of id: TraceID) -> UInt32 {
        let hash = byteHash.mix(id.low ^ 0x9E37_79B9_7F4A_7C15, id.high ^ 0xE703_7ED1_A0B4_28DB)
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash >> 32) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash >> 32 {
                let number = Int(truncatingIfNeeded: slots[slot] & 0xFFFF_FFFF) - 1
                if ids[number].low == id.low, ids[number].high == id.high { return UInt32(number) }
            }
            slot = (slot + 1) & mask
        }
        ids.append(ID(high: id.high, low: id.low))
        slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(ids.count)
        if ids.count * 2 > slots.count { grow() }
        return UInt32(ids.count - 1)
    }

    private mutating func grow() {
        let grown = Room<UInt64>(repeating: 0, count: slots.count * 2)
        for entry in slots.buffer where entry != 0 {
            var slot = Int(truncatingIfNeeded: entry >> 32) & (grown.count - 1)
            while grown[slot] != 0 { slot = (slot + 1) & (grown.count - 1) }
            grown[slot] = entry
        }
        slots = grown
    }

    /// Writes the columns `trace`, `parent` and `parentID`, and the index.
    func finish(
        _ writer: inout PageWriter, _ footer: inout BlockFooter
    ) throws(FormatError) -> [ColumnDirectory] {
        let order = ids.buffer.indices.sorted { (ids[$0].high, ids[$0].low) < (ids[$1].high, ids[$1].low) }
        var rank = [UInt32](repeating: 0, count: ids.count)
        for (place, number) in order.enumerated() { rank[number] = UInt32(place) }
        try writeIndex(order, &writer, &footer)
        var trace = ColumnBuilder(.trace)
        var parent = ColumnBuilder(.parent)
        var parentID = ColumnBuilder(.parentID)
        let rows = rowsOfParents()
        for row in 0..<codes.count {
            trace.append(UInt64(rank[Int(codes[row])]))
            if parents[row] == 0 {
                parent.append(0)
            } else if rows[row] >= 0 {
                parent.append(2 &+ ZigZag.encode(Int64(row) - Int64(rows[row])))
            } else {
                parent.append(1)
                parentID.append(id: parents[row])
            }
            if (row + 1) % BlockFormat.groupRows == 0 || row + 1 == codes.count {
                try trace.endGroup(&writer)
                try parent.endGroup(&writer)
                try parentID.endGroup(&writer)
            }
        }
        return [trace.directory, parent.directory, parentID.directory]
    }

    private func writeIndex(
        _ order: [Int], _ writer: inout PageWriter, _ footer: inout BlockFooter
    ) throws(FormatError) {
        var groups = [(first: Int, last: Int)](repeating: (Int.max, 0), count: ids.count)
        for (row, code) in codes.buffer.enumerated() {
            let group = row / BlockFormat.groupRows
            groups[Int(code)].first = min(groups[Int(code)].first, group)
            groups[Int(code)].last = group
        }
        footer.traceCount = ids.count
        for start in stride(from: 0, to: order.count, by: BlockFormat.tracesPerPage) {
            var page = ByteWriter()
            for number in order[start..<min(start + BlockFormat.tracesPerPage, order.count)] {
                page.fixed(ids[number].high)
                page.fixed(ids[number].low)
                page.fixed(UInt16(clamping: groups[number].first))
                page.fixed(UInt16(clamping: groups[number].last))
            }
            footer.traceFences.append(ids[order[start]].high)
            footer.tracePages.append(try writer.write(page.bytes, compress: false))
        }
    }

    /// For each row the row of its parent in the same trace; -1 where there is none in the block.
    private func rowsOfParents() -> Room<Int32> {
        var size = 64
        while size < codes.count * 2 { size *= 2 }
        // 32 bits of a hash of trace and span, then the row plus 1; 0 is free.
        let slots = Room<UInt64>(repeating: 0, count: size)
        let mask = size - 1
        for row in 0..<codes.count {
            let hash = hash(codes[row], spanIDs[row])
            var slot = Int(truncatingIfNeeded: hash >> 32) & mask
            while slots[slot] != 0, !isRow(slots[slot], hash, codes[row], spanIDs[row]) { slot = (slot + 1) & mask }
            if slots[slot] == 0 { slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(row + 1) }
        }
        var rows = Room<Int32>(capacity: codes.count)
        for row in 0..<codes.count {
            guard parents[row] != 0 else {
                rows.append(-1)
                continue
            }
            let hash = hash(codes[row], parents[row])
            var slot = Int(truncatingIfNeeded: hash >> 32) & mask
            while slots[slot] != 0, !isRow(slots[slot], hash, codes[row], parents[row]) { slot = (slot + 1) & mask }
            rows.append(Int32(truncatingIfNeeded: Int(slots[slot] & 0xFFFF_FFFF) - 1))
        }
        return rows
    }

    @inline(__always)
    private func hash(_ code: UInt32, _ id: UInt64) -> UInt64 {
        byteHash.mix(id ^ UInt64(code) << 32, 0x9E37_79B9_7F4A_7C15)
    }

    /// Whether a slot's row is this span of this trace.
    @inline(__always)
    private func isRow(_ slot: UInt64, _ hash: UInt64, _ code: UInt32, _ id: UInt64) -> Bool {
        guard slot >> 32 == hash >> 32 else { return false }
        let row = Int(slot & 0xFFFF_FFFF) - 1
        return codes[row] == code && spanIDs[row] == id
    }
}
