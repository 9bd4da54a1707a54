import OTLP
import TraceStorage

/// The distinct resources and scopes of a block, as one request without spans.
struct ScopeTableBuilder {
    private struct Header: Hashable {
        let resource: [UInt8]
        let scope: [UInt8]

        // An array's own hash takes its bytes one at a time.
        func hash(into hasher: inout Hasher) {
            resource.withUnsafeBytes { hasher.combine(bytes: $0) }
            scope.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }

    private var index: [Header: Int] = [:]
    private var writer = WireWriter()
    private var serviceIndex: [[UInt8]: Int] = [:]
    private(set) var services: [[UInt8]] = []
    /// The service of each scope as an index into ``services``; -1 where the resource has no `service.name`.
    private(set) var serviceOfScope: [Int] = []

    var count: Int { serviceOfScope.count }

    /// The number of a batch's scope, a new one when no equal scope of an equal resource was seen.
    mutating func code(of scope: ScopeRow, in batch: SpanBatch) -> Int {
        let resource = batch.resources[Int(scope.resource)]
        let header = Header(resource: batch.header(of: resource), scope: batch.header(of: scope))
        if let code = index[header] { return code }
        writer.message(1) { writer in
            writer.raw(header.resource)
            writer.bytes(2, header.scope)
        }
        serviceOfScope.append(service(of: resource, in: batch))
        index[header] = count - 1
        return count - 1
    }

    mutating func finish(_ pages: inout PageWriter) throws(FormatError) -> PageReference {
        try pages.write(writer.takeBytes())
    }

    private mutating func service(of resource: ResourceRow, in batch: SpanBatch) -> Int {
        guard let row = batch.attribute("service.name", in: resource.attributes), row.kind == .string else { return -1 }
        let name = Array(batch.slice(row.slice))
        if let known = serviceIndex[name] { return known }
        services.append(name)
        serviceIndex[name] = services.count - 1
        return services.count - 1
    }
}
