import OTLP
import Testing

private func written(_ body: (inout JSONWriter) -> Void) -> String {
    var json = JSONWriter()
    body(&json)
    return String(decoding: json.takeBytes(), as: UTF8.self)
}

@Suite struct JSONWriterTests {
    @Test func commasStandBetweenValuesOnly() {
        let text = written { json in
            json.object { json in
                json.array("empty") { _ in }
                json.object("nested") { $0.int("a", 1) }
                json.array("list") { json in
                    json.int(1)
                    json.object { _ in }
                    json.array { $0.bool(true) }
                    json.null()
                }
                json.key("dynamic \"key\"")
                json.string("x")
                json.raw("raw", Array("[1]".utf8))
            }
        }
        #expect(
            text == #"{"empty":[],"nested":{"a":1},"list":[1,{},[true],null],"dynamic \"key\"":"x","raw":[1]}"#)
    }

    @Test(
        arguments: [
            (0.0, "0"), (1, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (1e16, "1e+16"), (.leastNonzeroMagnitude, "5e-324"),
            (-0.0, "-0"),
            (.nan, "\"NaN\""), (.infinity, "\"Infinity\""), (-.infinity, "\"-Infinity\""),
            (123456789.25, "123456789.25"),
        ] as [(Double, String)])
    func doublesAreShort(value: Double, expected: String) {
        #expect(written { $0.double(value) } == expected)
    }

    @Test func integersHaveTheirWholeRange() {
        #expect(written { $0.int(Int64.min) } == "-9223372036854775808")
        #expect(written { $0.int64String(UInt64.max) } == "\"18446744073709551615\"")
        #expect(written { $0.int64String(Int64(-10)) } == "\"-10\"")
        #expect(written { $0.int(0) } == "0")
    }

    @Test func textIsEscaped() {
        #expect(
            written { $0.string("a\"b\\c\n\r\t\u{1}\u{1F}é🧵\u{7F}") }
                == "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001fé🧵\u{7F}\"")
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5],
            [0xE2, 0x82],
            [0x61, 0xF0, 0x9F, 0xA7], [0xFF, 0x22, 0xFE], [0xC3, 0xA9, 0xC3],
        ] as [[UInt8]])
    func whatIsNoUTF8IsReplacedAsTheStandardLibraryDoes(bytes: [UInt8]) {
        #expect(written { $0.utf8(bytes[...]) } == written { $0.string(String(decoding: bytes, as: UTF8.self)) })
    }

    @Test func everyScalarPasses() {
        for value in stride(from: 0x20 as UInt32, through: 0x10FFFF, by: 251) {
            guard let scalar = UnicodeScalar(value), scalar != "\"", scalar != "\\" else { continue }
            #expect(written { $0.utf8(Array(String(scalar).utf8)[...]) } == "\"\(scalar)\"")
        }
    }

    @Test func idsAndBytes() {
        #expect(written { $0.traceID(TraceID(high: 1, low: .max)) } == "\"0000000000000001ffffffffffffffff\"")
        #expect(written { $0.spanID(SpanID(0xAB)) } == "\"00000000000000ab\"")
        #expect(written { $0.base64([1, 2, 3, 251]) } == "\"AQID+w==\"")
        #expect(written { $0.base64([]) } == "\"\"")
    }
}
