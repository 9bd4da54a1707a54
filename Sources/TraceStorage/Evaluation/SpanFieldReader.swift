import OTLP

/// Reads fields of the spans of one batch.
///
/// Of attributes with one key the first counts; one without a value counts as absent. An event's or link's attribute
/// reads as that of the first event or link that has it.
package struct SpanFieldReader {
    private let batch: SpanBatch

    package init(_ batch: SpanBatch) {
        self.batch = batch
    }

    package func value(of field: FieldReference, row: Int) -> FieldValue {
        let span = batch.spans[row]
        switch field {
        case .traceID: return .traceID(span.traceID)
        case .spanID: return .spanID(span.spanID)
        case .parentSpanID: return span.parentSpanID.isValid ? .spanID(span.parentSpanID) : .none
        case .name: return .string(batch.string(span.name))
        case .kind: return .int(Int64(span.kind))
        case .statusCode: return .int(Int64(span.statusCode))
        case .statusMessage: return text(span.statusMessage)
        case .startTime: return .int(Int64(bitPattern: span.startTime))
        case .duration: return .int(Int64(bitPattern: span.durationNanoseconds))
        case .serviceName: return batch.serviceName(of: batch.resource(of: span)).map(FieldValue.string) ?? .none
        case .scopeName: return text(batch.scope(of: span).name)
        case .scopeVersion: return text(batch.scope(of: span).version)
        case .adjustedCount: return .double(TraceStateWeight.adjustedCount(batch.slice(span.traceState)))
        case .attribute(let place, let key): return attribute(place, Array(key.utf8), span)
        }
    }

    /// `values` as a column: whole numbers without gaps where the field has only such.
    package static func column(_ field: FieldReference, _ values: [FieldValue]) -> FieldColumn {
        guard field.isInteger else { return .values(values) }
        return .integers(
            values.map { value in
                if case .int(let number) = value { UInt64(bitPattern: number) } else { 0 }
            })
    }

    private func text(_ range: ByteRange) -> FieldValue { range.isEmpty ? .none : .string(batch.string(range)) }

    private func attribute(_ place: AttributePlace, _ key: [UInt8], _ span: SpanRow) -> FieldValue {
        var result = FieldValue.none
        batch.bytes.withUnsafeBytes { base in
            batch.forEachFirst(key, in: place, of: span, base: base) { view in
                result = view.fieldValue
                return false
            }
        }
        return result
    }
}

extension FieldReference {
    /// Whether every span has the field as a whole number.
    package var isInteger: Bool {
        switch self {
        case .kind, .statusCode, .startTime, .duration: true
        default: false
        }
    }
}

extension SpanBatch {
    /// Hands the first attribute with this key of each thing in `place` to `body`, until it returns false: one for the
    /// resource, the scope and the span, one for each event and link that has it. ``AttributePlace/any`` is the first
    /// place in its order that has the key at all.
    package func forEachFirst(
        _ key: [UInt8], in place: AttributePlace, of span: SpanRow, base: UnsafeRawBufferPointer,
        _ body: (ValueView) -> Bool
    ) {
        switch place {
        case .resource: _ = visit(key, resource(of: span).attributes, base, body)
        case .scope: _ = visit(key, scope(of: span).attributes, base, body)
        case .span: _ = visit(key, span.attributes, base, body)
        case .event:
            for index in span.events.indices where visit(key, events[index].attributes, base, body) == .stop { return }
        case .link:
            for index in span.links.indices where visit(key, links[index].attributes, base, body) == .stop { return }
        case .any:
            for place in AttributePlace.anyOrder {
                var isFound = false
                forEachFirst(key, in: place, of: span, base: base) { view in
                    isFound = true
                    return body(view)
                }
                if isFound { return }
            }
        }
    }

    private enum Visit { case absent, next, stop }

    private func visit(
        _ key: [UInt8], _ rows: RowRange, _ base: UnsafeRawBufferPointer, _ body: (ValueView) -> Bool
    ) -> Visit {
        guard let row = attribute(key, in: rows) else { return .absent }
        let view = ValueView(row, base: base)
        guard view.isPresent else { return .absent }
        return body(view) ? .next : .stop
    }
}

extension AttributePlace {
    /// The places that ``any`` looks at, first to last.
    package static let anyOrder: [AttributePlace] = [.span, .resource, .event, .link, .scope]
}
