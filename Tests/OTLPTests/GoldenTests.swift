import Foundation
import OTLP
import Testing

/// Golden files: `Golden/NAME.in.json` is what a client sends, `NAME.out.json` what we answer for it and
/// `NAME.hex` the protobuf in between, 32 bytes a line. `SKEIN_REWRITE_GOLDEN=1` writes the last two anew.
@Suite struct GoldenTests {
    private static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")

    @Test(arguments: ["agent", "liberal", "hostile"]) func requestsComeOutAsBefore(name: String) throws {
        let input = try Data(contentsOf: Self.directory.appending(path: "\(name).in.json"))
        let protobuf = try OTLPJSON.decode([UInt8](input))
        let batch = try SpanBatch(decoding: protobuf)
        try check(name + ".hex", Self.hexLines(protobuf))
        try check(name + ".out.json", OTLPJSON.encode(batch) + [UInt8(ascii: "\n")])
    }

    private func check(_ name: String, _ content: [UInt8]) throws {
        let file = Self.directory.appending(path: name)
        if ProcessInfo.processInfo.environment["SKEIN_REWRITE_GOLDEN"] == "1" {
            try Data(content).write(to: file)
        }
        let expected = [UInt8](try Data(contentsOf: file))
        #expect(String(decoding: content, as: UTF8.self) == String(decoding: expected, as: UTF8.self), "\(name)")
    }

    private static func hexLines(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            text += [hexDigit(byte >> 4), hexDigit(byte & 0xF)]
            if index % 32 == 31 || index == bytes.count - 1 { text.append(UInt8(ascii: "\n")) }
        }
        return text
    }
}
