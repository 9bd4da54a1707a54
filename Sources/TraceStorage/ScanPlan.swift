import OTLP

/// Something of a span that a plan can compare, group by or return.
package enum FieldReference: Hashable, Sendable {
    case traceID
    case spanID
    case parentSpanID
    case name
    case kind
    case statusCode
    case statusMessage
    case startTime
    case duration
    /// `service.name` of the resource.
    case serviceName
    case scopeName
    case scopeVersion
    /// The weight a span has in counts, from the `ot=th:` of its trace state: a double, 1 where there is none.
    case adjustedCount
    case attribute(AttributePlace, key: String)
}

/// Where an attribute stands.
package enum AttributePlace: UInt8, Hashable, Sendable, CaseIterable {
    case resource = 0
    case scope = 1
    case span = 2
    case event = 3
    case link = 4
    /// The first hit in the order span, resource, event, link, scope.
    case any = 5
}

/// A field's value. Integers are compared with doubles as numbers; a string never equals a number.
package enum FieldValue: Hashable, Sendable {
    /// The span has no such field.
    case none
    case string(String)
    case int(Int64)
    case double(Double)
    case bool(Bool)
    case bytes([UInt8])
    case traceID(TraceID)
    case spanID(SpanID)
    /// An array's elements.
    case array([FieldValue])
    /// A map as OTLP JSON text.
    case keyValueList(String)
}

package enum ComparisonOperator: Hashable, Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
    /// A match of the whole text.
    case matches, notMatches
}

/// A condition on one span. A comparison with a field that the span has not, or with a value of another type, is false,
/// whatever the operator.
///
/// An attribute without a value counts as absent, and of attributes with one key the first counts. Of an array one element
/// must pass, for `notEqual` and `notMatches` all. A comparison with an event's or link's attribute holds when it holds
/// for one of the events or links; as a field it reads as that of the first that has it.
package indirect enum SpanPredicate: Hashable, Sendable {
    case all
    case compare(FieldReference, ComparisonOperator, FieldValue)
    case exists(FieldReference)
    /// Jaeger's tag search: any span, resource or scope attribute, event or link attribute with this key whose value,
    /// written as text, is `text`.
    case tag(key: String, text: String)
    case and([SpanPredicate])
    case or([SpanPredicate])
    case not(SpanPredicate)
}

/// What a scan looks for and what it returns.
package struct ScanPlan: Sendable {
    package var tenant: TenantID
    /// Spans are selected by their start time.
    package var range: TimeRange
    package var predicate: SpanPredicate
    /// The columns of the answer, in this order.
    package var fields: [FieldReference]

    package init(
        tenant: TenantID = .default, range: TimeRange = .all, predicate: SpanPredicate = .all, fields: [FieldReference]
    ) {
        self.tenant = tenant
        self.range = range
        self.predicate = predicate
        self.fields = fields
    }
}

/// Some of the rows that a scan found.
package struct ScanRows: Sendable {
    package let count: Int
    /// One for each of the plan's fields.
    package let columns: [FieldColumn]
    /// No row that comes after these starts later, in unix nanoseconds: a search for the newest may stop. The largest
    /// number where the store does not know.
    package var laterStartMax = UInt64.max

    package init(count: Int, columns: [FieldColumn]) {
        self.count = count
        self.columns = columns
    }
}

/// The values of one field for the rows of a ``ScanRows``.
package enum FieldColumn: Sendable {
    /// Whole numbers without gaps: times and durations in nanoseconds, kinds, status codes.
    case integers([UInt64])
    /// `codes[row]` is an index into `values`, which are distinct; absent values are ``FieldValue/none`` among them.
    case dictionary(codes: [UInt32], values: [FieldValue])
    case values([FieldValue])

    package subscript(row: Int) -> FieldValue {
        switch self {
        case .integers(let numbers): .int(Int64(bitPattern: numbers[row]))
        case .dictionary(let codes, let values): values[Int(codes[row])]
        case .values(let values): values[row]
        }
    }
}
