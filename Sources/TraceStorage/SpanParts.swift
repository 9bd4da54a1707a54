/// What of spans somebody needs who reads many traces, so that a store need not read the rest.
///
/// Ids, times, name, kind, status code, trace state, links, resource and scope are there always. Events, the status'
/// message, flags and counts of what was dropped are not. A reader may hand out more than was asked for, and does for
/// spans that it keeps as they were sent.
package struct SpanParts: Sendable {
    /// What is wanted of an attribute of a span.
    package enum Wish: UInt8, Sendable {
        case nothing
        /// That it is there, and where among the others: its value is that of ``ValueKind/empty``.
        case key
        case value
    }

    private let keys: Set<[UInt8]>
    private let prefixes: [[UInt8]]

    /// - Parameters:
    ///   - attributes: keys of span attributes that are wanted with their values.
    ///   - keyPrefixes: what keys begin with of which the rest is wanted without values.
    package init(attributes: [String], keyPrefixes: [String]) {
        keys = Set(attributes.map { Array($0.utf8) })
        prefixes = keyPrefixes.map { Array($0.utf8) }
    }

    package func wish(for key: UnsafeRawBufferPointer) -> Wish {
        if keys.contains(Array(key)) { return .value }
        return prefixes.contains { key.starts(with: $0) } ? .key : .nothing
    }
}
