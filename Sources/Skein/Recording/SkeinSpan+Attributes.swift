import SemanticConventions
import Tracing

extension SkeinSpan {
    /// The attributes in swift-distributed-tracing's form.
    ///
    /// Reading decodes all of them. Changing one in place (`span.attributes["key"] = 1`) only encodes that one; nil
    /// removes nothing. What is changed in place, also as an `inout` argument, does not show the attributes that are
    /// there already, because decoding them would cost more than the change; to look at them or to remove one, read the
    /// whole, change it and assign it: assigning the whole removes what is not in the new value. Where the same thread read the
    /// attributes before, as `updateAttributes` does, only what differs from what it read is changed, so that what
    /// other threads set meanwhile stays.
    public var attributes: SpanAttributes {
        get {
            read { state in
                let attributes = state.fields.attributes
                if !state.isEnded { state.reads.note(attributes) }
                return attributes
            }
        }
        set { replaceAttributes(newValue) }
        _modify {
            // What is written in place is added to the bytes; there is no need to decode what is there already.
            var added = SpanAttributes()
            defer { addAttributes(added) }
            yield &added
        }
    }

    private func addAttributes(_ added: SpanAttributes) {
        guard !added.isEmpty else { return }
        var undescribed: [(key: String, value: SpanAttribute)] = []
        change { state in
            added.forEach { key, value in
                if value.isDescribed { undescribed.append((key, value)) } else { state.fields.set(key, value) }
            }
            state.reads.forget()
        }
        guard !undescribed.isEmpty else { return }
        // A description is the user's code, which may use this very span.
        let described = undescribed.map { ($0.key, $0.value.described) }
        change { state in
            for (key, value) in described { state.fields.set(key, value) }
        }
    }

    private func replaceAttributes(_ new: SpanAttributes) {
        let new = new.described
        change { state in
            let old = state.reads.take() ?? state.fields.attributes
            old.forEach { key, _ in
                guard new.get(key) == nil else { return }
                withUTF8(key) { state.fields.remove($0) }
            }
            new.forEach { key, value in
                if old.get(key) != value { state.fields.set(key, value) }
            }
        }
    }

    /// Records a string.
    public func record(_ key: StaticString, _ value: String) {
        change { state in
            key.withUTF8Buffer { state.fields.setString(UnsafeRawBufferPointer($0), value) }
            state.reads.forget()
        }
    }

    /// Records an integer.
    public func record(_ key: StaticString, _ value: Int64) {
        record(key, WireInt(value: value))
    }

    /// Records a floating-point number.
    public func record(_ key: StaticString, _ value: Double) {
        record(key, WireDouble(value: value))
    }

    /// Records a truth value.
    public func record(_ key: StaticString, _ value: Bool) {
        record(key, WireBool(value: value))
    }

    /// Records a list of strings.
    public func record(_ key: StaticString, _ values: [String]) {
        change { state in
            let list = WireList(elements: .strings(state.fields.cut(values)))
            key.withUTF8Buffer { state.fields.set(UnsafeRawBufferPointer($0), list) }
            state.reads.forget()
        }
    }

    /// Records a list of integers.
    public func record(_ key: StaticString, _ values: [Int64]) {
        record(key, WireList(elements: .ints(values)))
    }

    /// Records a list of floating-point numbers.
    public func record(_ key: StaticString, _ values: [Double]) {
        record(key, WireList(elements: .doubles(values)))
    }

    /// Records a list of truth values.
    public func record(_ key: StaticString, _ values: [Bool]) {
        record(key, WireList(elements: .bools(values)))
    }

    @inline(__always)
    private func record(_ key: StaticString, _ value: some WireValue) {
        change { state in
            key.withUTF8Buffer { state.fields.set(UnsafeRawBufferPointer($0), value) }
            state.reads.forget()
        }
    }
}

extension SpanAttributes {
    /// The same with the descriptions of those that are only described in place of them. A description is the user's
    /// code, which may use the very span that the attributes are for: it never runs under the span's lock.
    var described: SpanAttributes {
        var texts: [(String, SpanAttribute)] = []
        forEach { key, value in
            if value.isDescribed { texts.append((key, value.described)) }
        }
        guard !texts.isEmpty else { return self }
        var described = self
        for (key, value) in texts { described.set(key, value: value) }
        return described
    }
}

extension SpanAttribute {
    /// Whether what is recorded is a description that the user's code makes.
    fileprivate var isDescribed: Bool {
        switch self {
        case .stringConvertible, .stringConvertibleArray: true
        default: false
        }
    }

    /// The same with the description in its place.
    fileprivate var described: SpanAttribute {
        switch self {
        case .stringConvertible(let value): .string(String(describing: value))
        case .stringConvertibleArray(let values): .stringArray(values.map { String(describing: $0) })
        default: self
        }
    }
}
