import OTLP

/// The traces of a block's rows and the references from spans to their parents, worked out once all rows are known.
struct TraceTableBuilder {
    /// For each row the number of its trace in the order of first use.
    private var codes: [UInt32] = []
    private var spanIDs: [UInt64] = []
    private var parents: [UInt64] = []
    private var ids: [TraceID] = []
    private var numbers: [TraceID: UInt32] = [:]
    /// Numbers used lately, by some bits of the trace's id; spares most look-ups in `numbers`.
    private var recent: [UInt32] = Array(repeating: .max, count: 256)

    mutating func append(_ span: SpanRow) {
        codes.append(number(of: span.traceID))
        spanIDs.append(span.spanID.rawValue)
        parents.append(span.parentSpanID.rawValue)
    }

    private mutating func number(of id: TraceID) -> UInt32 {
        let slot = Int(truncatingIfNeeded: id.low & 255)
        let likely = recent[slot]
        if likely != .max, ids[Int(likely)] == id { return likely }
        let number = numbers[id] ?? UInt32(ids.count)
        if Int(number) == ids.count {
            numbers[id] = number
            ids.append(id)
        }
        recent[slot] = number
        return number
    }

    /// Writes the columns `trace`, `parent` and `parentID`, and the index.
    func finish(_ writer: PageWriter, _ footer: inout BlockFooter) throws(FormatError) -> [ColumnDirectory] {
        let order = ids.indices.sorted { ids[$0] < ids[$1] }
        var rank = [UInt32](repeating: 0, count: ids.count)
        for (place, number) in order.enumerated() { rank[number] = UInt32(place) }
        try writeIndex(order, writer, &footer)
        var columns = [ColumnBuilder(.trace), ColumnBuilder(.parent), ColumnBuilder(.parentID)]
        let rows = rowsOfParents()
        for row in codes.indices {
            columns[0].append(UInt64(rank[Int(codes[row])]))
            if parents[row] == 0 {
                columns[1].append(0)
            } else if rows[row] >= 0 {
                columns[1].append(2 &+ ZigZag.encode(Int64(row) - Int64(rows[row])))
            } else {
                columns[1].append(1)
                withUnsafeBytes(of: parents[row].littleEndian) { columns[2].append($0) }
            }
            if (row + 1) % BlockFormat.groupRows == 0 || row + 1 == codes.count {
                for column in columns.indices { try columns[column].endGroup(writer) }
            }
        }
        return columns.map(\.directory)
    }

    private func writeIndex(_ order: [Int], _ writer: PageWriter, _ footer: inout BlockFooter) throws(FormatError) {
        var groups = [(first: Int, last: Int)](repeating: (Int.max, 0), count: ids.count)
        for (row, code) in codes.enumerated() {
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
            footer.tracePages.append(try writer.page(page.bytes, compress: false))
        }
    }

    /// For each row the row of its parent in the same trace; -1 where there is none in the block.
    private func rowsOfParents() -> [Int32] {
        var size = 64
        while size < codes.count * 2 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        let mask = size - 1
        func slot(_ code: UInt32, _ id: UInt64) -> Int {
            var slot = Int(truncatingIfNeeded: ByteHash.mix(id ^ UInt64(code), 0x9E37_79B9_7F4A_7C15)) & mask
            while slots[slot] >= 0, codes[Int(slots[slot])] != code || spanIDs[Int(slots[slot])] != id {
                slot = (slot + 1) & mask
            }
            return slot
        }
        for row in codes.indices {
            let place = slot(codes[row], spanIDs[row])
            if slots[place] < 0 { slots[place] = Int32(row) }
        }
        return codes.indices.map { parents[$0] == 0 ? -1 : slots[slot(codes[$0], parents[$0])] }
    }
}
