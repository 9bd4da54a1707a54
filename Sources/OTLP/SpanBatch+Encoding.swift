extension SpanBatch {
    /// One serialized `ExportTraceServiceRequest` with the spans that `isIncluded` accepts, each as it was sent.
    ///
    /// Resources and scopes without such a span are left out; everything else of theirs, and of the request, unknown
    /// fields included, is kept byte for byte. Without any such span the result is empty.
    package func encoded(where isIncluded: (_ span: SpanRow) -> Bool = { _ in true }) -> [UInt8] {
        var writer = WireWriter(reservingCapacity: bytes.count)
        let all = ByteRange(offset: 0, count: UInt32(bytes.count))
        for resource in resources {
            let kept = resource.scopes.indices.map { index in
                (index, scopes[index].spans.indices.filter { isIncluded(spans[$0]) })
            }
            guard kept.contains(where: { !$0.1.isEmpty }) else { continue }
            if writer.bytes.isEmpty { copyFields(of: all, except: Tag.Request.resourceSpans, to: &writer) }
            writer.message(1) { writer in
                copyFields(of: resource.envelope, except: Tag.ResourceSpans.scopeSpans, to: &writer)
                for (index, spanIndices) in kept where !spanIndices.isEmpty {
                    writer.message(2) { writer in
                        copyFields(of: scopes[index].envelope, except: Tag.ScopeSpans.spans, to: &writer)
                        for index in spanIndices { writer.bytes(2, bytes[spans[index].raw.indices]) }
                    }
                }
            }
        }
        return writer.takeBytes()
    }

    /// Copies a message's fields but for one; the message was walked before, so it is well formed.
    private func copyFields(of message: ByteRange, except left: UInt32, to writer: inout WireWriter) {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            var reader = WireReader(base: base, range: message)
            while !reader.isAtEnd {
                let start = reader.offset
                guard let tag = try? reader.tag(), (try? reader.skip(tag: tag)) != nil else { return }
                if tag != left { writer.raw(buffer[start..<reader.offset]) }
            }
        }
    }

    /// The contents of all length-delimited fields with this tag in a message of the batch, in the order of the wire.
    /// A wire error ends the list early; the messages that rows point at have none.
    package func fields(_ tag: UInt32, in message: ByteRange) -> [ByteRange] {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, message.indices.upperBound <= buffer.count else { return [] }
            var result: [ByteRange] = []
            var reader = WireReader(base: base, range: message)
            while !reader.isAtEnd, let next = try? reader.tag() {
                if next == tag, WireType.lengthDelimited == UInt8(tag & 7) {
                    guard let range = try? reader.lengthDelimited() else { break }
                    result.append(range)
                } else if (try? reader.skip(tag: next)) == nil {
                    break
                }
            }
            return result
        }
    }
}
