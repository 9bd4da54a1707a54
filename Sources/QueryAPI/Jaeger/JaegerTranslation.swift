import OTLP

/// Makes a Jaeger trace of the spans of one trace.
///
/// Unless `raw` was asked for it is adjusted as Jaeger does before it answers: server spans that share the id of their
/// client get one of their own; attributes, events and links are sorted; whole numbers in `ip` and `peer.ipv4` are
/// written as addresses; what describes the SDK moves from spans to their process; links without a trace id go, with a
/// warning. Spans that were sent twice were made one by the store. Clocks are not corrected.
struct JaegerTranslation {
    private let batch: SpanBatch
    private let isAdjusting: Bool
    private let identities: SpanIdentities
    private var processes: [JaegerProcess] = []
    private var processIndex: [JaegerProcess: Int] = [:]

    /// - Parameter batch: all spans of one trace.
    static func trace(_ id: TraceID, _ batch: SpanBatch, raw: Bool) -> JaegerTrace {
        var translation = JaegerTranslation(batch: batch, isAdjusting: !raw)
        let spans = translation.spans()
        return JaegerTrace(traceID: id, spans: spans, processes: translation.processes)
    }

    private init(batch: SpanBatch, isAdjusting: Bool) {
        self.batch = batch
        self.isAdjusting = isAdjusting
        identities = isAdjusting ? SpanIdentities(separating: batch) : SpanIdentities(of: batch)
    }

    private mutating func spans() -> [JaegerSpan] {
        var spans: [JaegerSpan] = []
        for resource in batch.resources {
            let first = spans.count
            var attributes = batch.keyValues(resource.attributes)
            let isBare = attributes.isEmpty
            for scope in resource.scopes.indices {
                for row in batch.scopes[scope].spans.indices { spans.append(span(row, &attributes)) }
            }
            guard spans.count > first else { continue }
            let process = number(of: process(attributes, isBare: isBare))
            for index in first..<spans.count { spans[index].process = process }
        }
        return spans
    }

    // MARK: processes

    /// - Parameter isBare: the resource itself has no attribute at all.
    private func process(_ attributes: [KeyValue], isBare: Bool) -> JaegerProcess {
        let name = attributes.first { $0.key == "service.name" }?.value.plainText
        return JaegerProcess(
            serviceName: name ?? (isBare ? "OTLPResourceNoServiceName" : ""),
            tags: tags(attributes.filter { $0.key != "service.name" }))
    }

    private mutating func number(of process: JaegerProcess) -> Int {
        if let index = processIndex[process] { return index }
        processes.append(process)
        processIndex[process] = processes.count - 1
        return processes.count - 1
    }

    // MARK: spans

    private func span(_ row: Int, _ resource: inout [KeyValue]) -> JaegerSpan {
        let span = batch.spans[row]
        var warnings: [String] = []
        var attributes = batch.keyValues(span.attributes)
        takeWarnings(from: &attributes, &warnings)
        if isAdjusting { moveLibraryAttributes(from: &attributes, to: &resource, &warnings) }
        let references = references(row, &warnings)
        return JaegerSpan(
            spanID: identities.ids[row], operationName: batch.string(span.name), references: references,
            startTime: span.startTime / 1_000, duration: span.durationNanoseconds / 1_000,
            tags: tags(of: span, attributes), logs: logs(of: span), process: 0, warnings: warnings)
    }

    private func tags(of span: SpanRow, _ attributes: [KeyValue]) -> [JaegerTag] {
        let scope = batch.scope(of: span)
        var result: [JaegerTag] = []
        func add(_ key: String, _ text: ByteRange) {
            if !text.isEmpty { result.append(JaegerTag(key: key, value: .string(batch.string(text)))) }
        }
        add("otel.scope.name", scope.name)
        add("otel.scope.version", scope.version)
        result += tags(attributes)
        if let kind = JaegerKind(span.kind) {
            result.append(JaegerTag(key: "span.kind", value: .string(kind.rawValue)))
        }
        switch span.statusCode {
        case 1: result.append(JaegerTag(key: "otel.status_code", value: .string("OK")))
        case 2:
            result.append(JaegerTag(key: "otel.status_code", value: .string("ERROR")))
            result.append(JaegerTag(key: "error", value: .bool(true)))
        default: break
        }
        add("otel.status_description", span.statusMessage)
        add("w3c.tracestate", span.traceState)
        return result
    }

    private func tags(_ attributes: [KeyValue]) -> [JaegerTag] {
        guard isAdjusting else { return attributes.map { JaegerTag(key: $0.key, value: JaegerValue($0.value)) } }
        return attributes.enumerated()
            .sorted { ($0.element.key, $0.offset) < ($1.element.key, $1.offset) }
            .map { JaegerTag(key: $0.element.key, value: Self.adjusted($0.element)) }
    }

    /// IPv4 addresses that were sent as numbers.
    private static func adjusted(_ attribute: KeyValue) -> JaegerValue {
        guard attribute.key == "ip" || attribute.key == "peer.ipv4", case .int(let number) = attribute.value else {
            return JaegerValue(attribute.value)
        }
        let address = UInt32(truncatingIfNeeded: number)
        let parts = stride(from: UInt32(24), through: 0, by: -8).map { String(address >> $0 & 0xFF) }
        return .string(parts.joined(separator: "."))
    }

    private func logs(of span: SpanRow) -> [JaegerLog] {
        var events = span.events.indices.map { batch.events[$0] }
        if isAdjusting {
            events = events.enumerated().sorted { a, b in
                (a.element.time, batch.string(a.element.name), a.offset)
                    < (b.element.time, batch.string(b.element.name), b.offset)
            }.map(\.element)
        }
        return events.map { event in
            let attributes = batch.keyValues(event.attributes)
            var fields: [JaegerTag] = []
            if !event.name.isEmpty, !attributes.contains(where: { $0.key == "event" }) {
                fields.append(JaegerTag(key: "event", value: .string(batch.string(event.name))))
            }
            return JaegerLog(timestamp: event.time / 1_000, fields: fields + tags(attributes))
        }
    }

    // MARK: references

    private func references(_ row: Int, _ warnings: inout [String]) -> [JaegerReference] {
        let span = batch.spans[row]
        let parent = identities.parents[row]
        var result: [JaegerReference] = []
        if parent.isValid {
            result.append(JaegerReference(kind: .childOf, traceID: span.traceID, spanID: parent))
        }
        var links = span.links.indices.map { batch.links[$0] }
        if isAdjusting {
            links = links.enumerated().sorted { a, b in
                (a.element.traceID, a.element.spanID, a.offset) < (b.element.traceID, b.element.spanID, b.offset)
            }.map(\.element)
        }
        for link in links {
            if isAdjusting, !link.traceID.isValid {
                warnings.append("a link without a trace id was left out")
                continue
            }
            let isChild = batch.stringAttribute("opentracing.ref_type", in: link.attributes) == "child_of"
            let kind = isChild ? JaegerReference.Kind.childOf : .followsFrom
            if parent.isValid, link.traceID == span.traceID, link.spanID == parent {
                result[0].kind = kind
            } else {
                result.append(JaegerReference(kind: kind, traceID: link.traceID, spanID: link.spanID))
            }
        }
        return result
    }

    // MARK: adjustments

    private static let libraryKeys: Set = [
        "telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version", "telemetry.distro.name",
        "telemetry.distro.version",
    ]

    /// What describes the SDK belongs to the process; where both say something else, both stay.
    private func moveLibraryAttributes(
        from attributes: inout [KeyValue], to resource: inout [KeyValue], _ warnings: inout [String]
    ) {
        attributes.removeAll { attribute in
            guard Self.libraryKeys.contains(attribute.key) else { return false }
            guard let known = resource.first(where: { $0.key == attribute.key }) else {
                resource.append(attribute)
                return true
            }
            if known.value == attribute.value { return true }
            warnings.append("span and process differ in \(attribute.key)")
            return false
        }
    }

    /// Warnings travel inside OTLP as an attribute.
    private func takeWarnings(from attributes: inout [KeyValue], _ warnings: inout [String]) {
        attributes.removeAll { attribute in
            guard attribute.key == "@jaeger@warnings", case .array(let texts) = attribute.value else { return false }
            warnings += texts.map(\.plainText)
            return true
        }
    }
}
