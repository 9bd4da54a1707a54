import SkeinCommands
import Testing

@Suite struct CSVTextTests {
    @Test(arguments: [
        ("plain", "plain"), ("", ""), ("a,b", "\"a,b\""), ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ("a\nb", "\"a\nb\""), ("a\rb", "\"a\rb\""), ("a\r\nb", "\"a\r\nb\""),
        ("a,\u{301}b", "\"a,\u{301}b\""), ("q\"\u{301}z", "\"q\"\"\u{301}z\""),
    ])
    func whatWouldEndAFieldOrALineIsQuoted(_ text: String, _ field: String) {
        #expect(Array(CSVText.field(text).utf8) == Array(field.utf8))
    }

    @Test(arguments: ["=1", "=\u{301}x", "+a", "-a", "@a", "\ta"])
    func aFormulaHasASignInFront(_ text: String) {
        #expect(Array(CSVText.field(text).utf8) == Array("'\(text)".utf8))
    }

    @Test(arguments: ["\n=1", "\r=1", "\r\n=1"])
    func aFormulaBehindALineBreakIsQuotedToo(_ text: String) {
        #expect(Array(CSVText.field(text).utf8) == Array("\"'\(text)\"".utf8))
    }

    @Test(arguments: ["-1", "+1.5", "-1e3"])
    func numbersStayNumbers(_ text: String) {
        #expect(CSVText.field(text) == text)
    }

    @Test func aLineEndsAsInRFC4180() {
        #expect(CSVText.line(["a", "b,c", ""]) == "a,\"b,c\",\r\n")
    }
}
