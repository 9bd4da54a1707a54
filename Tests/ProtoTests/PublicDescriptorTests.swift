import Foundation
import Testing

/// Our .proto files against the descriptors of PyPI's `opentelemetry-proto` and `googleapis-common-protos`.
@Suite struct PublicDescriptorTests {
    /// One edit to a .proto file, and the difference that the comparison must name.
    struct Edit: Sendable, CustomTestStringConvertible {
        let file: String
        let from: String
        let to: String
        let expected: String

        var testDescription: String { "\(from) -> \(to)" }
    }

    private static let trace = "opentelemetry/proto/trace/v1/trace.proto"
    private static let common = "opentelemetry/proto/common/v1/common.proto"
    private static let service = "opentelemetry/proto/collector/trace/v1/trace_service.proto"

    private func compare(_ protoRoot: URL) throws -> (status: Int32, output: String) {
        try #require(
            FileManager.default.isExecutableFile(atPath: Repository.python.path(percentEncoded: false)),
            "no Python at .venv/bin/python: run `make venv`")
        return try Repository.run(
            Repository.python,
            [Repository.compareScript.path(percentEncoded: false), protoRoot.path(percentEncoded: false)])
    }

    private func compareEdited(_ edit: Edit) throws -> (status: Int32, output: String) {
        try Repository.withCopy(of: Repository.protoFiles) { copy in
            let file = copy.appending(path: edit.file)
            let text = try String(contentsOf: file, encoding: .utf8)
            try #require(text.contains(edit.from))
            try text.replacing(edit.from, with: edit.to).write(to: file, atomically: true, encoding: .utf8)
            return try compare(copy)
        }
    }

    @Test func declarationsAreThePublicOnes() throws {
        let (status, output) = try compare(Repository.protoFiles)
        #expect(status == 0, "\(output)")
        #expect(output.hasSuffix(", 0 differences\n"))
    }

    @Test(arguments: [
        Edit(
            file: trace, from: "fixed32 flags = 16", to: "fixed32 flags = 17",
            expected: "trace.v1.Span.flags: is 'singular TYPE_FIXED32 = 17', expected 'singular TYPE_FIXED32 = 16'"),
        Edit(
            file: trace, from: "fixed64 end_time_unix_nano", to: "uint64 end_time_unix_nano",
            expected: "trace.v1.Span.end_time_unix_nano: is 'singular TYPE_UINT64 = 8'"),
        Edit(
            file: trace, from: "repeated Link links", to: "Link links",
            expected: "trace.v1.Span.links: is 'singular TYPE_MESSAGE"),
        Edit(
            file: trace, from: "string trace_state = 3", to: "string tracestate = 3",
            expected: "trace.v1.Span.tracestate: is 'singular TYPE_STRING = 3', expected 'nothing'"),
        Edit(
            file: trace, from: "uint32 dropped_links_count = 14;", to: "",
            expected: "trace.v1.Span.dropped_links_count: is 'missing', expected 'singular TYPE_UINT32 = 14'"),
        Edit(
            file: trace, from: "SPAN_KIND_CONSUMER = 5", to: "SPAN_KIND_CONSUMER = 6",
            expected: "enum opentelemetry.proto.trace.v1.Span.SpanKind.SPAN_KIND_CONSUMER: is '= 6', expected '= 5'"),
        Edit(
            file: trace, from: "bytes span_id = 2;\n  // W3C", to: "oneof one { bytes span_id = 2; }\n  // W3C",
            expected: "trace.v1.Span.span_id: is 'optional TYPE_BYTES = 2', expected 'singular TYPE_BYTES = 2'"),
        Edit(
            file: common, from: "oneof value {", to: "oneof content {",
            expected: "AnyValue.int_value: is 'oneof content TYPE_INT64 = 3', expected 'oneof value TYPE_INT64 = 3'"),
        Edit(
            file: common, from: "message EntityRef {", to: "message Invented {}\n\nmessage EntityRef {",
            expected: "message opentelemetry.proto.common.v1.Invented: not in the public package"),
        Edit(
            file: service, from: "rpc Export(ExportTraceServiceRequest)",
            to: "rpc Export(stream ExportTraceServiceRequest)",
            expected: "service opentelemetry.proto.collector.trace.v1.TraceService.Export: is '(stream "),
    ])
    func everyKindOfDifferenceIsNamed(_ edit: Edit) throws {
        let (status, output) = try compareEdited(edit)
        #expect(status == 1, "\(output)")
        #expect(output.contains(edit.expected), "\(output)")
    }

    @Test func unreadableProtoFileIsAnErrorOfItsOwn() throws {
        let edit = Edit(file: Self.trace, from: "message Status {", to: "message Status", expected: "")
        let (status, output) = try compareEdited(edit)
        #expect(status == 2)
        #expect(output.contains("protoc failed"))
    }
}
