import CSkeinProto
import OTLP
import Testing

@Suite struct RoundTripTests {
    @Test func exportRequestIsPackedAsItWasUnpacked() {
        let unpacked = UnpackedMessage(MessageTypes.exportRequest, SampleBytes.exportRequest)
        #expect(unpacked.result == SKEIN_GUARD_OK)
        #expect(unpacked.packed == SampleBytes.exportRequest)
    }

    @Test func spanFieldsAreThoseWritten() throws {
        let unpacked = UnpackedMessage(MessageTypes.exportRequest, SampleBytes.exportRequest)
        let request = try #require(unpacked.cast(to: ExportRequest.self))
        try #require(request.n_resource_spans == 1)
        let resourceSpans = try #require(request.resource_spans[0]).pointee
        let resource = try #require(resourceSpans.resource).pointee
        #expect(resource.n_attributes == 1 && resource.dropped_attributes_count == 3)
        let scopeSpans = try #require(resourceSpans.scope_spans[0]).pointee
        #expect(String(cString: try #require(scopeSpans.scope).pointee.name) == "agents")
        let span = try #require(scopeSpans.spans[0]).pointee
        #expect(
            [UInt8](UnsafeBufferPointer(start: span.trace_id.data, count: span.trace_id.len)) == SampleBytes.traceID)
        #expect(String(cString: span.name) == "invoke_agent planner")
        #expect(span.kind == OPENTELEMETRY__PROTO__TRACE__V1__SPAN__SPAN_KIND__SPAN_KIND_CLIENT)
        #expect(span.start_time_unix_nano == 1_700_000_000_000_000_001)
        #expect(span.n_attributes == 8 && span.n_events == 1 && span.n_links == 1)
        #expect(span.flags == 0x101)
        #expect(span.base.n_unknown_fields == 1)
        let attribute = try #require(span.attributes[2]).pointee
        let integer = try #require(attribute.value).pointee
        #expect(integer.value_case == OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE)
        #expect(integer.int_value == -5)
        #expect(try #require(span.status).pointee.code.rawValue == 2)
    }

    @Test func statusWithRetryInfoIsBuiltFromStructs() throws {
        var delay = Google__Protobuf__Duration()
        google__protobuf__duration__init(&delay)
        delay.seconds = 1
        delay.nanos = 500_000_000
        var retryInfo = Google__Rpc__RetryInfo()
        google__rpc__retry_info__init(&retryInfo)
        let detail = withUnsafeMutablePointer(to: &delay) {
            retryInfo.retry_delay = $0
            return withUnsafePointer(to: &retryInfo) {
                pack(UnsafeRawPointer($0).assumingMemoryBound(to: ProtobufCMessage.self))
            }
        }

        var expected = WireWriter()
        expected.message(1) { duration in
            duration.varint(1, 1)
            duration.varint(2, 500_000_000)
        }
        #expect(detail == expected.bytes)
        let unpacked = UnpackedMessage(MessageTypes.retryInfo, detail)
        let info = try #require(unpacked.cast(to: Google__Rpc__RetryInfo.self))
        #expect(try #require(info.retry_delay).pointee.nanos == 500_000_000)
    }

    @Test func statusAndBadRequestRoundTrip() {
        var badRequest = WireWriter()
        badRequest.message(1) { violation in
            violation.string(1, "resource_spans[0]")
            violation.string(2, "trace id is all zero")
            violation.string(3, "INVALID_ID")
            violation.message(4) { localized in
                localized.string(1, "en")
                localized.string(2, "the trace id is all zero")
            }
        }
        #expect(UnpackedMessage(MessageTypes.badRequest, badRequest.bytes).packed == badRequest.bytes)
        var status = WireWriter()
        status.varint(1, 3)
        status.string(2, "bad data")
        status.message(3) { any in
            any.string(1, "type.googleapis.com/google.rpc.BadRequest")
            any.bytes(2, badRequest.bytes)
        }
        #expect(UnpackedMessage(MessageTypes.rpcStatus, status.bytes).packed == status.bytes)
    }

    @Test func emptyInputIsAnEmptyMessage() {
        let unpacked = UnpackedMessage(MessageTypes.exportRequest, [])
        #expect(unpacked.result == SKEIN_GUARD_OK)
        #expect(unpacked.packed == [])
    }
}
