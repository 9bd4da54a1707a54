import SkeinAgents
import Testing

@Suite struct ServerSentEventsTests {
    private func events(_ pieces: [[UInt8]]) -> [String] {
        var parser = ServerSentEvents()
        var events: [String] = []
        for piece in pieces {
            parser.append(piece) { events.append("\($0.name)|\(String(decoding: $0.data, as: UTF8.self))") }
        }
        parser.finish { events.append("\($0.name)|\(String(decoding: $0.data, as: UTF8.self))") }
        return events
    }

    private static let cases: [(String, [String])] = [
        ("data: a\n\ndata: b\n\n", ["|a", "|b"]), ("data:a\r\n\r\ndata: b\r\rdata: c\n\n", ["|a", "|b", "|c"]),
        ("event: x\ndata: 1\ndata: 2\ndata\n\n", ["x|1\n2\n"]),
        (": ping\n\n: more\ndata: a\n: in\ndata: b\n\n", ["|a\nb"]),
        ("event: x\n\ndata: a\n\n", ["|a"]), ("id: 4\nretry: 10\nunknown: 1\ndata:  a\n\n", ["| a"]),
        ("\u{FEFF}data: a\n\n", ["|a"]), ("data: cut", ["|cut"]), ("data: cut\n", ["|cut"]), ("", []), ("\n\n\n", []),
        ("data: {\"é\":\"🇫🇷\"}\r\n\r\n", ["|{\"é\":\"🇫🇷\"}"]), ("data\n\n", ["|"]),
    ]

    @Test(arguments: cases)
    func eventsAreReadAsTheStandardSays(_ text: String, _ expected: [String]) {
        #expect(events([Array(text.utf8)]) == expected)
    }

    @Test(arguments: cases)
    func itDoesNotMatterHowTheBytesAreCut(_ text: String, _ expected: [String]) {
        let bytes = Array(text.utf8)
        #expect(events(bytes.map { [$0] }) == expected)
        for cut in 0...bytes.count { #expect(events([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected) }
    }

    @Test func anEventOverTheLimitIsPassedOverAndCounted() {
        var parser = ServerSentEvents(eventBytesMax: 16)
        var events: [[UInt8]] = []
        let long = String(repeating: "x", count: 40)
        parser.append(Array("data: 1\n\ndata: \(long)\ndata: y\n\ndata: 2\n\n".utf8)) { events.append($0.data) }
        #expect(events == [[0x31], [0x32]])
        #expect(parser.skippedEvents == 1)
        // Many short lines are no way around the limit.
        parser.append(Array((String(repeating: "data: ab\n", count: 9) + "\ndata: 3\n\n").utf8)) {
            events.append($0.data)
        }
        #expect(events.last == [0x33] && events.count == 3)
        #expect(parser.skippedEvents == 2)
        parser.append(Array("data: \(long)".utf8)) { events.append($0.data) }
        parser.finish { events.append($0.data) }
        #expect(events.count == 3 && parser.skippedEvents == 3, "also when the stream ends in its midst")
    }
}
