import OTLP
import Testing

@Suite struct ExportResponseTests {
    @Test func fullSuccessIsAnEmptyMessage() throws {
        #expect(ExportResponse().protobuf().isEmpty)
        #expect(ExportResponse().json() == Array("{}".utf8))
        #expect(try ExportResponse(decoding: []) == ExportResponse())
        #expect(try ExportResponse(decodingJSON: Array("{}".utf8)) == ExportResponse())
    }

    @Test func partialSuccessRoundTrips() throws {
        let response = ExportResponse(rejectedSpans: 3, errorMessage: "trace_id is \"short\"")
        #expect(try ExportResponse(decoding: response.protobuf()) == response)
        #expect(try ExportResponse(decodingJSON: response.json()) == response)
        #expect(
            response.json()
                == Array(#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"trace_id is \"short\""}}"#.utf8))
        #expect(response.protobuf().starts(with: [0x0A, 0x17, 0x08, 0x03, 0x12]))
    }

    @Test func aBatchNamesItsRejections() throws {
        let zero = Request.span(id: 0)
        let batch = try SpanBatch(decoding: Request.make(spans: [zero, Request.span(), zero]))
        let response = ExportResponse(batch)
        #expect(response.rejectedSpans == 2)
        #expect(response.errorMessage == "span_id is not 8 bytes with one of them non-zero (2 spans)")
    }

    @Test func otherPeoplesResponsesAreRead() throws {
        let numbers = Array(#"{"partialSuccess":{"rejectedSpans":7,"x":1},"y":[]}"#.utf8)
        #expect(try ExportResponse(decodingJSON: numbers).rejectedSpans == 7)
        #expect(throws: WireError.self) { try ExportResponse(decoding: [0x0A, 0x05, 0x08]) }
        #expect(throws: OTLPJSONError.self) { try ExportResponse(decodingJSON: Array("<html>".utf8)) }
    }
}

@Suite struct RPCStatusTests {
    @Test func statusRoundTrips() throws {
        let status = RPCStatus(.unavailable, "journal is full", retryDelay: .milliseconds(1_500))
        let read = try RPCStatus(decoding: status.protobuf())
        #expect(read == status)
        #expect(read.retryDelay == .milliseconds(1_500))
        #expect(
            status.json()
                == Array(
                    (#"{"code":14,"message":"journal is full","details":[{"@type":"#
                        + #""type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}"#).utf8))
        #expect(try RPCStatus(decodingJSON: status.json()).message == "journal is full")
        #expect(try RPCStatus(decodingJSON: status.json()).code == 14)
    }

    /// The bytes that `protoc --encode=google.rpc.Status` gives.
    @Test func bytesAreThoseOfProtobuf() {
        let status = RPCStatus(.resourceExhausted, "full", retryDelay: .seconds(2))
        let type = Array("type.googleapis.com/google.rpc.RetryInfo".utf8)
        #expect(
            status.protobuf() == [0x08, 8, 0x12, 4] + Array("full".utf8) + [0x1A, 48, 0x0A, 40] + type
                + [0x12, 4, 0x0A, 2, 0x08, 2])
    }

    @Test func absurdDelaysDoNotTrap() throws {
        for seconds in [Int64.max, .min, -1] {
            var info = WireWriter()
            info.message(1) { delay in
                delay.varint(1, UInt64(bitPattern: seconds))
                delay.varint(2, UInt64(bitPattern: seconds))
            }
            let detail = RPCStatus.Detail(
                typeURL: "type.googleapis.com/google.rpc.RetryInfo", value: info.takeBytes())
            let status = try RPCStatus(decoding: RPCStatus(code: 14, details: [detail]).protobuf())
            #expect(try #require(status.retryDelay) >= .zero)
            #expect(!status.json().isEmpty)
        }
    }

    @Test func unknownDetailsAreKept() throws {
        let status = RPCStatus(code: 99, message: "", details: [.init(typeURL: "type.example.com/X", value: [1, 2])])
        #expect(try RPCStatus(decoding: status.protobuf()) == status)
        #expect(status.retryDelay == nil)
        #expect(
            status.json() == Array(#"{"code":99,"details":[{"@type":"type.example.com/X","value":"AQI="}]}"#.utf8))
    }
}
