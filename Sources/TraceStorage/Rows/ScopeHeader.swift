import OTLP

/// What is said beside the spans of a scope: by its resource and by itself, as it was sent.
package struct ScopeHeader: Hashable, Sendable {
    /// All fields of the `ResourceSpans` but its scopes.
    package let resource: [UInt8]
    /// All fields of the `ScopeSpans` but its spans.
    package let scope: [UInt8]

    /// Writes a `ResourceSpans` with this header; `spans` appends the spans, as fields of a `ScopeSpans`.
    package func write(to writer: inout WireWriter, spans: (inout WireWriter) -> Void) {
        writer.message(1) { writer in
            writer.raw(resource)
            writer.message(2) { writer in
                writer.raw(scope)
                spans(&writer)
            }
        }
    }

    /// Writes a `ResourceSpans` with this header and spans that are fields of a `ScopeSpans` already.
    package func write(to writer: inout WireWriter, spans: UnsafeRawBufferPointer) {
        let scopeBytes = scope.count + spans.count
        writer.head(1, count: resource.count + WireWriter.headBytes(2, count: scopeBytes) + scopeBytes)
        writer.raw(resource)
        writer.head(2, count: scopeBytes)
        writer.raw(scope)
        writer.raw(spans)
    }
}

extension SpanBatch {
    /// The header of one of the batch's scopes.
    package func header(with scope: ScopeRow) -> ScopeHeader {
        ScopeHeader(resource: header(of: resources[Int(scope.resource)]), scope: header(of: scope))
    }
}

/// The distinct headers among those that were met, numbered from 0 in the order in which they came.
package struct ScopeNumbers: Sendable {
    package private(set) var headers: [ScopeHeader] = []
    private var numbers: [ScopeHeader: Int] = [:]

    package init() {}

    /// The number of a header; equal headers have one.
    package mutating func number(of header: ScopeHeader) -> Int {
        if let known = numbers[header] { return known }
        headers.append(header)
        numbers[header] = headers.count - 1
        return headers.count - 1
    }
}
