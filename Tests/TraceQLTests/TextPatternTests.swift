import Testing
import TraceFixtures
import TraceStorage

@Suite struct TextPatternTests {
    @Test(arguments: [
        ("", "", true), ("", "a", false), ("abc", "abc", true), ("abc", "abcd", false), ("abc", "ab", false),
        ("a.c", "abc", true), ("a.c", "a\nc", true), (".*", "", true), (".*x.*", "aaxbb", true), ("a|bc", "bc", true),
        ("(a|b)+", "abba", true), ("a{2,3}", "a", false), ("a{2,3}", "aaa", true), ("a{2,3}", "aaaa", false),
        ("a{2}", "aa", true), ("a{2,}", "aaaaa", true), ("a{x", "a{x", true), ("a{,2}", "a{,2}", true),
        ("[a-c]+", "abc", true), ("[^a-c]", "d", true), ("[^a-c]", "b", false), ("[]a]+", "]a", true),
        ("[a\\-z]", "-", true), ("[a-]", "-", true), ("\\d+", "123", true), ("\\D", "1", false),
        ("[\\d_]+", "1_2", true),
        ("[^\\D]", "5", true), ("[[:alpha:]]+", "aZ", true), ("[[:^digit:]]", "5", false),
        ("\\w+\\s\\w+", "ab cd", true),
        ("(?i)abc", "AbC", true), ("a(?i:b)c", "aBc", true), ("a(?i:b)c", "aBC", false), ("(?i)É", "é", true),
        ("(?P<name>x)y", "xy", true), ("(?:x)y", "xy", true), ("^abc$", "abc", true), ("a^b", "ab", false),
        ("a\\b.*", "a b", true), ("a\\b.*", "ab", false), ("\\x41\\x{1F600}", "A😀", true), ("a\\.b", "a.b", true),
        ("a\\.b", "axb", false), ("(a*)*", "aaa", true), ("(a*)*b", "aab", true), ("(|a)+", "aa", true),
        ("a??b", "b", true),
        ("(a|ab)(c|bcd)(d*)", "abcd", true), ("(?m)a\\n^b$", "a\nb", true), ("日本.", "日本語", true),
        ("(?i)[\\x{100}-\\x{10FFFF}]", "日", true), ("(?i)[b-\\x{10FFFF}]", "B", true),
    ])
    func matching(_ pattern: String, _ text: String, _ expected: Bool) throws {
        #expect(try TextPattern(pattern).matchesWhole(text) == expected)
    }

    @Test(arguments: [
        "(", ")", "a)", "[", "[a", "[z-a]", "*", "+a", "a**", "\\", "\\q", "\\p{L}", "(?x)", "(?P<n", "a{3,2}",
        "a{1001}",
        "[[:nope:]]", "\\x{110000}", "\\xg", "((((){1000}){1000}){1000}){1000}", "(a{1000}){1000}", "{2}",
    ])
    func invalid(_ pattern: String) {
        #expect(throws: TextPatternError.self) { try TextPattern(pattern) }
    }

    @Test func deepGroupsAreRefused() {
        #expect(throws: TextPatternError.self) { try TextPattern(String(repeating: "(", count: 100_000)) }
    }

    @Test func aPatternThatMakesBacktrackersHangIsQuick() throws {
        let pattern = try TextPattern("(a|a)*(a+)+(.*)*b")
        #expect(!pattern.matchesWhole(String(repeating: "a", count: 5_000)))
    }

    @Test func agreesWithAnotherEngineOnRandomPatterns() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("TextPatternTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        func pattern(_ depth: Int) -> String {
            switch Int.random(in: 0..<(depth == 0 ? 3 : 8), using: &random) {
            case 0: "a"
            case 1: "b"
            case 2: "[ac]"
            case 3: pattern(depth - 1) + pattern(depth - 1)
            case 4: "(" + pattern(depth - 1) + "|" + pattern(depth - 1) + ")"
            case 5: "(" + pattern(depth - 1) + ")*"
            case 6: "(" + pattern(depth - 1) + ")?"
            default: "(" + pattern(depth - 1) + "){1,2}"
            }
        }
        for _ in 0..<300 {
            let source = pattern(3)
            let mine = try TextPattern(source)
            let theirs = try Regex(source)
            for _ in 0..<10 {
                let text = String(
                    (0..<Int.random(in: 0..<7, using: &random)).map { _ in "abc".randomElement(using: &random)! })
                #expect(mine.matchesWhole(text) == (text.wholeMatch(of: theirs) != nil), "\(source) on \(text)")
            }
        }
    }
}
