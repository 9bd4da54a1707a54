/// What a receiver answers to an export of traces that it took: an `ExportTraceServiceResponse`.
package struct ExportResponse: Hashable, Sendable {
    /// Spans that were not taken and must not be sent again.
    package var rejectedSpans: Int64
    /// Why, for people; with no rejected spans it is a warning.
    package var errorMessage: String

    /// Full success by default, which is no bytes in protobuf and `{}` in JSON.
    package init(rejectedSpans: Int64 = 0, errorMessage: String = "") {
        self.rejectedSpans = rejectedSpans
        self.errorMessage = errorMessage
    }

    /// The answer to a batch: its rejections with their reasons, the most frequent first.
    package init(_ batch: SpanBatch, limits: SpanLimits = SpanLimits()) {
        let reasons = batch.rejections.sorted { a, b in
            a.value != b.value ? a.value > b.value : a.key.rawValue < b.key.rawValue
        }
        let messages = reasons.map { reason, count in "\(reason.message(limits)) (\(count) spans)" }
        self.init(rejectedSpans: Int64(batch.rejectedSpans), errorMessage: messages.joined(separator: "; "))
    }

    package var isPartialSuccess: Bool { rejectedSpans != 0 || !errorMessage.isEmpty }

    /// - Throws: ``WireError`` when the bytes are no message. Unknown fields are passed over.
    package init(decoding bytes: [UInt8]) throws(WireError) {
        self.init()
        try WireReader.forEachField(of: bytes) { (reader, tag) throws(WireError) in
            guard tag == 1 << 3 | 2 else { return try reader.skip(tag: tag) }
            var part = WireReader(base: reader.base, range: try reader.lengthDelimited())
            while !part.isAtEnd {
                switch try part.tag() {
                case 1 << 3 | 0: rejectedSpans = Int64(bitPattern: try part.varint())
                case 2 << 3 | 2: errorMessage = part.text(try part.lengthDelimited())
                case let other: try part.skip(tag: other)
                }
            }
        }
    }

    /// - Throws: ``OTLPJSONError`` when the text is no such object.
    package init(decodingJSON bytes: [UInt8]) throws(OTLPJSONError) {
        let message = try OTLPJSON.decode(bytes, as: .response)
        do { try self.init(decoding: message) } catch { throw JSONError(offset: 0, "unreadable response: \(error)") }
    }

    package func protobuf() -> [UInt8] {
        var writer = WireWriter()
        guard isPartialSuccess else { return [] }
        writer.message(1) { writer in
            if rejectedSpans != 0 { writer.varint(1, UInt64(bitPattern: rejectedSpans)) }
            if !errorMessage.isEmpty { writer.string(2, errorMessage) }
        }
        return writer.takeBytes()
    }

    package func json() -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            guard isPartialSuccess else { return }
            json.object("partialSuccess") { json in
                if rejectedSpans != 0 { json.int64String("rejectedSpans", rejectedSpans) }
                if !errorMessage.isEmpty { json.string("errorMessage", errorMessage) }
            }
        }
        return json.takeBytes()
    }
}
