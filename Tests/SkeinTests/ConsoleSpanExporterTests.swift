import Foundation
import OTLP
import Skein
import SkeinTesting
import Synchronization
import Testing
import Tracing

@Suite struct ConsoleSpanExporterTests {
    private final class Printed: Sendable {
        private let kept = Mutex("")
        var text: String { kept.withLock { $0 } }
        func write(_ text: String) { kept.withLock { $0 += text } }
    }

    private struct FixedIDs: IDGenerator {
        func nextTraceID() -> TraceID { TraceID(high: 0x4bf9_2f35_77b3_4da6, low: 0xa3ce_929d_0e0e_4736) }
        func nextSpanID() -> SpanID { SpanID(0x00f0_67aa_0ba9_02b7) }
    }

    /// What is printed for a request built by hand.
    private func print(isColored: Bool = false, _ span: (inout WireWriter) -> Void) async throws -> String {
        var writer = WireWriter()
        writer.message(1) { resource in
            resource.message(2) { scope in
                scope.message(2) { message in
                    message.bytes(1, Array(repeating: 0xAB, count: 16))
                    message.bytes(2, Array(repeating: 0xCD, count: 8))
                    span(&message)
                }
            }
        }
        let printed = Printed()
        let exporter = ConsoleSpanExporter(isColored: isColored) { printed.write($0) }
        let result = exporter.export(
            ExportBatch(request: writer.bytes, recordCount: 1), within: ExportWindow(.seconds(1)))
        #expect(result == .success())
        return printed.text
    }

    @Test func spanIsOneAlignedBlock() async throws {
        let text = try await print { span in
            span.string(5, "chat gpt-5")
            span.varint(6, 3)
            span.fixed64(7, 1_767_323_045_678_000_000)
            span.fixed64(8, 1_767_323_045_690_345_678)
            span.attribute(9, "gen_ai.request.model", .string("gpt-5"))
            span.attribute(9, "tokens", .int(1_200))
            span.attribute(9, "list", .array([.string("a"), .bool(true), .double(0.5)]))
            span.varint(10, 2)
            span.message(11) { event in
                event.fixed64(1, 1_767_323_045_681_200_000)
                event.string(2, "first_chunk")
                event.attribute(3, "index", .int(0))
            }
            span.message(15) { $0.varint(3, 1) }
        }
        let trace = String(repeating: "ab", count: 16)
        #expect(
            text == """
                2026-01-02T03:04:05.678Z   12.34 ms  \(trace) cdcdcdcdcdcdcdcd  client    chat gpt-5  ok
                    gen_ai.request.model  "gpt-5"
                    tokens                1200
                    list                  ["a", true, 0.5]
                    2 attributes over the limit
                    + 3.20 ms  first_chunk
                        index  0

                """)
    }

    @Test func failureIsShownWithItsMessage() async throws {
        let text = try await print { span in
            span.string(5, "call")
            span.message(15) { status in
                status.string(2, "rate limited")
                status.varint(3, 2)
            }
        }
        #expect(text.hasSuffix("  call  error: rate limited\n"))
    }

    @Test func noTextOfASpanReachesTheTerminalUnescaped() async throws {
        let evil = "a\u{1B}[2J\u{07}\r\n\u{9B}31m\u{7F}\u{202E}\u{2066}\u{200B}\u{0}b\\n\t"
        let text = try await print { span in
            span.string(5, evil)
            span.attribute(9, evil, .string(evil))
            span.attribute(9, "list", .array([.string(evil)]))
            span.message(11) { event in
                event.string(2, evil)
                event.attribute(3, evil, .string(evil))
            }
            span.message(15) { status in
                status.string(2, evil)
                status.varint(3, 2)
            }
        }
        for scalar in text.unicodeScalars where scalar != "\n" {
            let isControl = scalar.properties.generalCategory == .control
            #expect(!isControl && scalar.properties.generalCategory != .format, "\(scalar.value)")
        }
        // The span, two attributes, the event and its attribute.
        #expect(text.split(separator: "\n").count == 5)
        #expect(text.contains(#"\u{1b}[2J\u{7}\r\n\u{9b}31m\u{7f}\u{202e}\u{2066}\u{200b}\u{0}b"#))
        #expect(text.contains(#"b\\n\t""#), "a backslash within quotes is doubled")
    }

    @Test func longValuesAreCutAndSaySo() async throws {
        let text = try await print { $0.attribute(9, "long", .string(String(repeating: "x", count: 100_000))) }
        #expect(text.contains("xxx\"… (100000 characters)"))
        #expect(text.utf8.count < 2_000)
    }

    @Test func coloursAreUsedWhenAskedForAndAlwaysReset() async throws {
        let text = try await print(isColored: true) { span in
            span.string(5, "call")
            span.attribute(9, "key", .string("\u{1B}[31m"))
        }
        #expect(text.contains("\u{1B}[1mcall\u{1B}[0m"))
        let starts = text.split(separator: "\u{1B}[", omittingEmptySubsequences: false).count - 1
        #expect(starts == 2 * text.split(separator: "\u{1B}[0m", omittingEmptySubsequences: false).count - 2)
    }

    @Test(arguments: [
        (0, "0 ns"), (999, "999 ns"), (1_000, "1.00 µs"), (12_345, "12.34 µs"), (999_999, "999.99 µs"),
        (1_000_000, "1.00 ms"), (999_999_999, "999.99 ms"), (90_000_000_000, "90.00 s"),
    ])
    func durationsAreReadable(_ nanoseconds: UInt64, _ text: String) {
        #expect(SpanTime.duration(nanoseconds) == text)
    }

    @Test func consoleOfTheConfigurationIsStandardError() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "skein-console-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let output = open(file.path, O_WRONLY | O_CREAT, 0o600)
        let standardError = dup(STDERR_FILENO)
        #expect(output >= 0 && dup2(output, STDERR_FILENO) >= 0)
        defer {
            dup2(standardError, STDERR_FILENO)
            close(standardError)
            close(output)
        }
        var configuration = TracingConfiguration(environment: { $0 == "OTEL_TRACES_EXPORTER" ? "console" : nil })
        configuration.idGenerator = FixedIDs()
        let tracing = try SkeinTracing(configuration)
        tracing.tracer.withSpan("printed", context: .topLevel) { $0.record("a", 1) }
        await tracing.shutdown()
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.contains("00f067aa0ba902b7  internal  printed\n    a  1\n"), "a file is no terminal: no colours")
        #expect(tracing.statistics.exported == 1)
    }

    @Test func batchThatCannotBeReadIsAFailure() {
        let exporter = ConsoleSpanExporter { _ in }
        let result = exporter.export(
            ExportBatch(request: [0x0A, 0xFF], recordCount: 1), within: ExportWindow(.seconds(1)))
        guard case .failure = result else {
            Issue.record("\(result)")
            return
        }
    }

    @Test func spansOfATracerArePrintedOnceEach() async throws {
        let printed = Printed()
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(ConsoleSpanExporter { printed.write($0) })]
        configuration.idGenerator = FixedIDs()
        let tracing = try SkeinTracing(configuration)
        for number in 0..<3 { tracing.tracer.startSpan("span \(number)", context: .topLevel).end() }
        await tracing.shutdown()
        let lines = printed.text.split(separator: "\n")
        #expect(lines.map { $0.suffix(6) } == ["span 0", "span 1", "span 2"])
        #expect(lines.allSatisfy { $0.contains("  4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7  internal  ") })
    }
}
