extension SpanIndexer {
    /// Indexes one `KeyValue` into the attribute table.
    mutating func attribute(_ range: ByteRange) throws(WireError) {
        if let row = WireReader.compactAttribute(base, range) { return try append(row, at: range) }
        var row = AttributeRow(key: .empty, payload: 0, kind: .absent)
        var reader = WireReader(base: base, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.KeyValue.key: row.key = try reader.lengthDelimited()
            case Tag.KeyValue.value: try value(reader.lengthDelimited(), &row)
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
        try append(row, at: range)
    }

    private mutating func value(_ range: ByteRange, _ row: inout AttributeRow) throws(WireError) {
        // A value sent in two parts is merged: the member sent last wins. Two arrays or two maps would have to be
        // joined; the last one is taken and the note made that only the raw bytes are complete.
        if row.kind == .absent { row.kind = .empty } else { needsRaw = true }
        var reader = WireReader(base: base, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.AnyValue.string: row.set(.string, slice: try reader.lengthDelimited())
            case Tag.AnyValue.bool: row.set(.bool, bits: try reader.varint() != 0 ? 1 : 0)
            case Tag.AnyValue.int: row.set(.int, bits: try reader.varint())
            case Tag.AnyValue.double: row.set(.double, bits: try reader.fixed64())
            case Tag.AnyValue.bytes: row.set(.bytes, slice: try reader.lengthDelimited())
            case Tag.AnyValue.array:
                if row.kind == .array { needsRaw = true }
                row.set(.array, slice: try reader.lengthDelimited())
                try nested(row.slice, isList: true, depth: 1)
            case Tag.AnyValue.keyValueList:
                if row.kind == .keyValueList { needsRaw = true }
                row.set(.keyValueList, slice: try reader.lengthDelimited())
                try nested(row.slice, isList: false, depth: 1)
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
    }

    /// Walks an `ArrayValue` or `KeyValueList` to see that it is well formed and not too deep. Its content keeps its
    /// bytes wherever it goes, so unknown fields inside it need no note.
    private mutating func nested(_ range: ByteRange, isList: Bool, depth: Int) throws(WireError) {
        guard depth <= limits.attributeDepthMax else { return reject(.attributeDepth) }
        var reader = WireReader(base: base, range: range)
        while !reader.isAtEnd, rejection == nil {
            let tag = try reader.tag()
            guard tag == Tag.List.values else {
                try reader.skip(tag: tag)
                continue
            }
            let element = try reader.lengthDelimited()
            if isList {
                try nestedValue(element, depth: depth)
            } else {
                var pair = WireReader(base: base, range: element)
                while !pair.isAtEnd, rejection == nil {
                    let tag = try pair.tag()
                    if tag == Tag.KeyValue.value {
                        try nestedValue(pair.lengthDelimited(), depth: depth)
                    } else {
                        try pair.skip(tag: tag)
                    }
                }
            }
        }
    }

    private mutating func nestedValue(_ range: ByteRange, depth: Int) throws(WireError) {
        var reader = WireReader(base: base, range: range)
        while !reader.isAtEnd, rejection == nil {
            let tag = try reader.tag()
            switch tag {
            case Tag.AnyValue.array: try nested(reader.lengthDelimited(), isList: true, depth: depth + 1)
            case Tag.AnyValue.keyValueList: try nested(reader.lengthDelimited(), isList: false, depth: depth + 1)
            default: try reader.skip(tag: tag)
            }
        }
    }
}

extension AttributeRow {
    @inline(__always)
    fileprivate mutating func set(_ kind: ValueKind, bits: UInt64) {
        self.kind = kind
        payload = bits
    }

    @inline(__always)
    fileprivate mutating func set(_ kind: ValueKind, slice: ByteRange) {
        self.kind = kind
        payload = UInt64(slice.offset) << 32 | UInt64(slice.count)
    }
}
