import AgentTraffic
import OTLP
import OTLPTestSupport
import Testing

/// A request in JSON around the members of one span, whose ids are given unless `ids` is false.
private func request(_ members: String, ids: Bool = true) -> [UInt8] {
    let given = ids ? #""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708""# : ""
    let separator = ids && !members.isEmpty ? "," : ""
    return Array(#"{"resourceSpans":[{"scopeSpans":[{"spans":[{\#(given)\#(separator)\#(members)}]}]}]}"#.utf8)
}

private func batch(_ json: [UInt8]) throws -> SpanBatch {
    try SpanBatch(decoding: OTLPJSON.decode(json))
}

private func span(_ members: String) throws -> DecodedRequest.Span {
    try #require(DecodedRequest(batch(request(members))).spans.first)
}

private func value(_ json: String) throws -> AnyValue {
    try #require(try span(#""attributes":[{"key":"k","value":\#(json)}]"#).attributes.first).value
}

@Suite struct OTLPJSONTests {
    @Test func everySpanComesBackTheSame() throws {
        var generator = RandomRequest(seed: 21, unknownFields: false)
        var traffic = AgentTraffic(seed: 2)
        for bytes in (0..<300).map({ _ in generator.next() }) + [traffic.request(spans: 200)] {
            let batch = try SpanBatch(decoding: bytes)
            let back = try SpanBatch(decoding: OTLPJSON.decode(OTLPJSON.encode(batch)))
            #expect(DecodedRequest(back) == DecodedRequest(batch))
        }
    }

    @Test(arguments: ["12", "\"12\"", "1.2e1", "12.0", "\"1200e-2\"", "0.12E+2"])
    func integersMayBeNumbersOrStrings(text: String) throws {
        #expect(try span(#""startTimeUnixNano":\#(text)"#).times[0] == 12)
        #expect(try span(#""droppedAttributesCount":\#(text)"#).dropped[0] == 12)
        #expect(try value(#"{"intValue":\#(text)}"#) == .int(12))
        #expect(try span(#""kind":\#(text)"#).kind == 12)
    }

    @Test(arguments: [
        ("18446744073709551615", UInt64.max), ("1e19", 10_000_000_000_000_000_000), ("0e999999999999", 0), ("-0", 0),
        ("1844674407370955161.5e1", .max), ("1000e-3", 1), ("0.000000000000000000001e21", 1),
    ])
    func largeIntegersAreExact(text: String, expected: UInt64) throws {
        #expect(try span(#""endTimeUnixNano":\#(text)"#).times[1] == expected)
    }

    @Test func int64HasItsWholeRange() throws {
        #expect(try value(#"{"intValue":"-9223372036854775808"}"#) == .int(.min))
        #expect(try value(#"{"intValue":9223372036854775807}"#) == .int(.max))
    }

    @Test(
        arguments: [
            ("1.5", 1.5), ("0.1", 0.1), ("1e400e", nil), ("1e400", nil),
            ("123456789012345678901234567890", 1.2345678901234568e29),
            ("5e-324", .leastNonzeroMagnitude), ("-0.0", -0.0), ("\"NaN\"", .nan), ("\"-Infinity\"", -.infinity),
            ("\"Infinity\"", .infinity),
            ("\"2.5\"", 2.5), ("7", 7), ("9007199254740993", 9007199254740992),
            ("1.7976931348623157e308", 1.7976931348623157e308),
            ("NaN", nil), ("\"inf\"", nil), ("\"0x1p3\"", nil), ("01", nil), ("1.", nil), (".5", nil), ("+1", nil),
            ("-", nil),
        ] as [(String, Double?)])
    func doubles(text: String, expected: Double?) throws {
        guard let expected else {
            #expect(throws: OTLPJSONError.self) { try value(#"{"doubleValue":\#(text)}"#) }
            return
        }
        guard case .double(let number) = try value(#"{"doubleValue":\#(text)}"#) else {
            Issue.record("no double")
            return
        }
        #expect(number == expected || number.isNaN && expected.isNaN)
        #expect(number.sign == expected.sign || expected.isNaN)
    }

    @Test(arguments: [
        (#""plain""#, "plain"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u65E5""#, "Aé日"),
        (#""\ud83e\uddf5""#, "🧵"), (#""\ud83e""#, "\u{FFFD}"), (#""\uddf5x""#, "\u{FFFD}x"),
        (#""\ud83e\ud83e\uddf5""#, "\u{FFFD}🧵"), (#""\ud83e\n""#, "\u{FFFD}\n"), (#""\u0000""#, "\u{0}"),
        ("\"Grüße 🧵\"", "Grüße 🧵"),
    ])
    func strings(text: String, expected: String) throws {
        #expect(try span(#""name":\#(text)"#).name == expected)
    }

    @Test func textThatIsNoUTF8IsKeptAndAnsweredWithReplacement() throws {
        let parts = request(#""name":"?""#).split(separator: UInt8(ascii: "?"), maxSplits: 1)
        let batch = try batch(Array(parts[0]) + [0x61, 0xFF, 0xE2, 0x82, 0x62] + Array(parts[1]))
        #expect(Array(batch.slice(batch.spans[0].name)) == [0x61, 0xFF, 0xE2, 0x82, 0x62])
        let answer = String(decoding: OTLPJSON.encode(batch), as: UTF8.self)
        #expect(answer.contains("\"name\":\"a\u{FFFD}\u{FFFD}b\""))
    }

    @Test(
        arguments: [
            ("AQID", [1, 2, 3]), ("AQI=", [1, 2]), ("AQI", [1, 2]), ("AQ==", [1]), ("AQ", [1]), ("", []),
            ("-_-_", [251, 255, 191]),
            ("+/+/", [251, 255, 191]), ("A", nil), ("AQ=", nil), ("A===", nil), ("AQ=I", nil), ("AQ I", nil),
            ("====", nil),
        ] as [(String, [UInt8]?)])
    func bytesAreBase64(text: String, expected: [UInt8]?) throws {
        guard let expected else {
            #expect(throws: OTLPJSONError.self) { try value(#"{"bytesValue":"\#(text)"}"#) }
            return
        }
        #expect(try value(#"{"bytesValue":"\#(text)"}"#) == .bytes(expected))
    }

    @Test func enumerationsMayBeNamed() throws {
        #expect(try span(#""kind":"SPAN_KIND_CONSUMER""#).kind == 5)
        #expect(try span(#""status":{"code":"STATUS_CODE_ERROR"}"#).statusCode == 2)
        #expect(try span(#""kind":77"#).kind == 77)
        #expect(try span(#""kind":-1"#).kind == -1)
    }

    @Test func nullIsAbsent() throws {
        let span = try span(#""name":null,"kind":null,"attributes":null,"events":[null,{"name":"e"}],"status":null"#)
        #expect(span.name.isEmpty && span.attributes.isEmpty && !span.hasStatus)
        #expect(span.events.map(\.name) == ["e"])
        #expect(try value(#"{"arrayValue":{"values":[{"intValue":1},null]}}"#) == .array([.int(1), .empty]))
        #expect(try value("{}") == .empty)
    }

    @Test func unknownMembersAreIgnoredAtAnyDepth() throws {
        let junk =
            #""x":{"a":[1,{"b":null},"\u00e9",[[]],{}],"c":true},"trace_state":"snake","start_time_unix_nano":5,"#
        let span = try span(junk + #""name":"n","attributes":[{\#(junk)"key":"k","value":{\#(junk)"boolValue":true}}]"#)
        #expect(span.name == "n" && span.traceState.isEmpty && span.times[0] == 0)
        #expect(span.attributes == [KeyValue("k", .bool(true))])
    }

    @Test func membersGivenTwiceMergeAsProtobufDoes() throws {
        let span = try span(
            #""name":"a","name":"b","kind":3,"kind":0,"attributes":[{"key":"1"}],"attributes":[{"key":"2"}],"#
                + #""status":{"code":2},"status":{"message":"m"}"#)
        #expect(span.name == "b" && span.kind == 0)
        #expect(span.attributes.map(\.key) == ["1", "2"])
        #expect(span.statusCode == 2 && span.statusMessage == "m")
    }

    @Test func keysMayBeEscaped() throws {
        #expect(try span(#""n\u0061me":"escaped""#).name == "escaped")
    }

    @Test(arguments: [
        (#""traceId":"0102","spanId":"0102030405060708""#, SpanRejectionReason.invalidTraceID),
        (#""traceId":"0102030405060708090a0b0c0d0e0f1","spanId":"0102030405060708""#, .invalidTraceID),
        (#""traceId":"0102030405060708090a0b0c0d0e0f101","spanId":"0102030405060708""#, .invalidTraceID),
        (#""traceId":"","spanId":"0102030405060708""#, .invalidTraceID),
        (#""spanId":"0102030405060708""#, .invalidTraceID),
        (#""traceId":"0102030405060708090A0B0C0D0E0F10","spanId":"01""#, .invalidSpanID),
        (#""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0000000000000000""#, .invalidSpanID),
        (
            #""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","parentSpanId":"012""#,
            .invalidParentSpanID
        ),
    ])
    func idsOfWrongLengthRejectTheirSpan(members: String, reason: SpanRejectionReason) throws {
        #expect(try batch(request(members, ids: false)).rejections == [reason: 1])
    }

    @Test(arguments: [64, 65, 100]) func valuesNestedOverTheLimitRejectTheirSpan(levels: Int) throws {
        var nested = #"{"intValue":1}"#
        for level in 0..<levels {
            let isMap = level % 2 == 1
            nested =
                isMap
                ? #"{"kvlistValue":{"values":[{"key":"k","value":\#(nested)}]}}"#
                : #"{"arrayValue":{"values":[\#(nested)]}}"#
        }
        let batch = try batch(request(#""attributes":[{"key":"k","value":\#(nested)}]"#))
        #expect(batch.spans.count == (levels <= 64 ? 1 : 0))
        #expect(batch.rejections == (levels <= 64 ? [:] : [.attributeDepth: 1]))
    }

    @Test(arguments: ["[", "{\"x\":"]) func hundredThousandLevelsAreRefused(opening: String) {
        let unknown = request(#""unknown":"# + String(repeating: opening, count: 100_000))
        #expect(throws: OTLPJSONError.self) { try OTLPJSON.decode(unknown) }
        let values = String(repeating: #"{"arrayValue":{"values":["#, count: 100_000)
        #expect(throws: OTLPJSONError.self) {
            try OTLPJSON.decode(request(#""attributes":[{"key":"k","value":"# + values))
        }
    }

    @Test(arguments: [
        (#"{"resourceSpans":{}}"#, "resourceSpans", "expected an array", 17),
        (#"{"resourceSpans":[{},{"resource":[]}]}"#, "resourceSpans[1].resource", "expected an object", 33),
        (
            #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SERVER"}]}]}]}"#,
            "resourceSpans[0].scopeSpans[0].spans[0].kind", "expected an enumeration's number or name", 51
        ),
        (#"{"resourceSpans":[{"schemaUrl":5}]}"#, "resourceSpans[0].schemaUrl", "expected a string", 31),
        (#"{"a":1,}"#, "", "expected a value after the comma", 7), (#"{"a" 1}"#, "", "expected a colon", 5),
        (#"{"a":1} x"#, "", "expected the end of the text", 8), ("[]", "", "expected an object", 0),
        (#"{"a":tru}"#, "", "expected true or false", 5), (#"{"a":"\x"}"#, "", "unknown escape", 6),
        ("{\"a\":\"\n\"}", "", "control character in a string", 6),
        (#"{"a":"#, "", "the text ends where a value was expected", 5),
        (#"{"a":"b"#, "", "the text ends inside a string", 5), (#"{"a":01}"#, "", "expected a number", 5),
        (#"{"a":"\u12"}"#, "", "expected \\u and 4 digits", 6),
        (#"{"a":[1 2]}"#, "", "expected a comma or the end of the array", 8),
        (#"{1:2}"#, "", "expected a key", 1),
    ])
    func errorsNameThePlace(text: String, path: String, problem: String, offset: Int) throws {
        let error = try #require(throws: OTLPJSONError.self) { try OTLPJSON.decode(Array(text.utf8)) }
        #expect(error.path == path)
        #expect(error.problem == problem)
        #expect(error.offset == offset)
    }

    @Test(arguments: [
        #""traceId":"xyz""#, #""startTimeUnixNano":-1"#, #""startTimeUnixNano":1.5"#,
        #""startTimeUnixNano":18446744073709551616"#, #""flags":4294967296"#, #""kind":2147483648"#, #""kind":true"#,
        #""droppedLinksCount":"""#, #""attributes":[{"key":5}]"#, #""attributes":[{"value":{"boolValue":"true"}}]"#,
        #""attributes":[{"value":{"intValue":"9223372036854775808"}}]"#,
        #""attributes":[{"value":{"intValue":"1e-1"}}]"#, #""attributes":[5]"#, #""status":2"#,
    ])
    func membersOfAWrongTypeAreErrors(members: String) {
        #expect(throws: OTLPJSONError.self) { try OTLPJSON.decode(request(members)) }
    }

    @Test func whiteSpaceAloneIsAnEmptyRequest() throws {
        #expect(try OTLPJSON.decode([]).isEmpty)
        #expect(try OTLPJSON.decode(Array(" \r\n\t".utf8)).isEmpty)
        #expect(try OTLPJSON.decode(Array("\u{FEFF}{ } ".utf8)).isEmpty)
    }

    @Test func truncationAtEveryByteIsAnError() throws {
        var traffic = AgentTraffic(seed: 8)
        let json = OTLPJSON.encode(try SpanBatch(decoding: traffic.request(spans: 2)))
        for count in 1..<json.count {
            #expect(throws: OTLPJSONError.self) { try OTLPJSON.decode(Array(json[..<count])) }
        }
    }

    @Test func theListMayBeNamedOtherwiseAndWrapped() throws {
        let batch = try batch(request(#""name":"n""#))
        #expect(OTLPJSON.encode(batch, key: "batches").starts(with: #"{"batches":[{"resource":{}"#.utf8))
        var json = JSONWriter()
        json.object { json in
            json.key("result")
            OTLPJSON.write(batch, to: &json)
        }
        #expect(json.bytes.starts(with: #"{"result":{"resourceSpans":[{"#.utf8))
        #expect(json.bytes.suffix(3).elementsEqual("]}}".utf8))
    }

    @Test func entityReferencesComeBack() throws {
        let references = #""entityRefs":[{"type":"service","idKeys":["service.name"],"descriptionKeys":["a","b"]}]"#
        let text =
            #"{"resourceSpans":[{"resource":{\#(references)},"scopeSpans":[{"spans":[{"traceId":"#
            + #""0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708"}]}]}]}"#
        let answer = String(decoding: OTLPJSON.encode(try batch(Array(text.utf8))), as: UTF8.self)
        #expect(answer.contains(references))
    }
}
