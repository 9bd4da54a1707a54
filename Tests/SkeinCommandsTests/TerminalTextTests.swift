import SkeinCommands
import Testing

@Suite struct TerminalTextTests {
    private let plain = Style(isEnabled: false)

    @Test func aTableIsAsWideAsItsCells() {
        var table = TextTable([
            .init(title: "service"), .init(title: "rate", alignsRight: true), .init(title: "note"),
        ])
        table.add(["gateway", "12.5", "x"])
        table.add(["résumé-writer", "3", ""])
        #expect(
            table.text(plain) == """
                service        rate  note
                gateway        12.5  x
                résumé-writer     3

                """)
    }

    @Test func aTableWithoutRowsIsItsHeader() {
        #expect(TextTable([.init(title: "a"), .init(title: "b")]).text(plain) == "a  b\n")
    }

    @Test(
        arguments: [
            (0, "0ns"), (999, "999ns"), (1_000, "1.00µs"), (12_345, "12.3µs"), (999_400, "999µs"),
            (1_000_000, "1.00ms"),
            (123_456_789, "123ms"), (1_234_000_000, "1.23s"), (59_900_000_000, "59.9s"), (60_000_000_000, "1m0s"),
            (3_661_000_000_000, "61m1.00s"),
        ] as [(UInt64, String)])
    func durationsHaveThreeDigits(_ nanoseconds: UInt64, _ expected: String) {
        #expect(Quantity.duration(nanoseconds) == expected)
    }

    @Test func theLongestDurationIsStillText() {
        #expect(Quantity.duration(.max).hasPrefix("307445734m"))
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567"), (.min, "-9,223,372,036,854,775,808"),
    ])
    func countsAreGrouped(_ count: Int, _ expected: String) {
        #expect(Quantity.count(count) == expected)
    }

    @Test(arguments: [
        (0.0, 2, "0.00"), (1.005, 1, "1.0"), (-0.25, 1, "-0.3"), (12.999, 2, "13.00"), (7, 0, "7"),
        (1e300, 2, "1e+300"),
    ])
    func decimalsAreFixed(_ value: Double, _ decimals: Int, _ expected: String) {
        #expect(Quantity.fixed(value, decimals) == expected)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func noNumberIsADash(_ value: Double) {
        #expect(Quantity.significant(value) == "–")
    }

    @Test(arguments: [
        ("short", 10, "short"), ("exactly10!", 10, "exactly10!"), ("more than ten", 10, "more than…"), ("x", 0, ""),
        ("a\u{1B}[31mb", 10, "a [31mb"), ("a\nb\tc\u{7F}", 10, "a b c "),
    ])
    func textIsCutAndCannotMoveTheCursor(_ text: String, _ width: Int, _ expected: String) {
        #expect(TextWidth.fit(text, width) == expected)
    }

    @Test func aWaterfallIsDrawn() {
        let rows = [
            Waterfall.Row(
                depth: 0, service: "gateway", operation: "POST /ask", offset: 0, duration: 1_000_000_000,
                isOnCriticalPath: true),
            Waterfall.Row(
                depth: 1, service: "worker", operation: "chat", offset: 250_000_000, duration: 500_000_000,
                isOnCriticalPath: true, inputTokens: 1200, outputTokens: 80),
            Waterfall.Row(
                depth: 1, service: "worker", operation: "search", offset: 750_000_000, duration: 1_000,
                isError: true),
        ]
        #expect(
            Waterfall(rows: rows, total: 1_000_000_000).text(columns: 60, style: plain) == """
                ● gateway POST /ask ████████████████████████  1.00s
                ● worker   chat           ████████████        500ms 1200→80
                  worker   search                     ▒      1.00µs         error

                """)
    }

    @Test func costsStandBehindTokensWhereThereIsRoom() {
        let rows = [
            Waterfall.Row(
                depth: 0, service: "desk", operation: "ask", offset: 0, duration: 1_000, inputTokens: 1200,
                outputTokens: 80, cost: "$0.0042"),
            Waterfall.Row(depth: 1, service: "desk", operation: "chat", offset: 0, duration: 1_000, cost: "$0"),
            Waterfall.Row(depth: 1, service: "desk", operation: "search", offset: 0, duration: 1_000),
        ]
        let wide = Waterfall(rows: rows, total: 1_000).text(columns: 100, style: plain).split(separator: "\n")
        #expect(wide[0].hasSuffix("1.00µs 1200→80 $0.0042"))
        #expect(wide[1].hasSuffix("1.00µs              $0"))
        #expect(wide[2].hasSuffix("1.00µs"))
        let narrow = Waterfall(rows: rows, total: 1_000).text(columns: 60, style: plain)
        #expect(narrow.contains("1200→80") && !narrow.contains("$"))
    }

    @Test(arguments: [
        (0.0042, "computed", true, "$0.0042"), (0.0042, "unknown", true, "$0.0042+"), (0, "unknown", true, "unknown"),
        (0, "unknown", false, "$0"), (0, "computed", true, "$0"), (12.3, "reported", true, "$12.30"),
    ])
    func aCostSaysWhetherItIsWhole(_ dollars: Double, _ source: String, _ hasTokens: Bool, _ text: String) {
        #expect(CostText.text(dollars, source: source, hasTokens: hasTokens) == text)
    }

    @Test(
        arguments: [
            (0.0042, 0.0042, 0.005, "$0.0042 (reported $0.0050)"), (0.005, 0.0042, 0.005, "$0.0050 (computed $0.0042)"),
            (0.0042, 0.0042, nil, "$0.0042"), (3, nil, 3, "$3.00"), (0.0042, 0.0042, 0.0042, "$0.0042"),
            (5, 2, 4, "$5.00 (computed $2.00, reported $4.00)"),
        ] as [(Double, Double?, Double?, String)])
    func theCostThatDoesNotCountStandsBehindTheOneThatDoes(
        _ dollars: Double, _ computed: Double?, _ reported: Double?, _ text: String
    ) {
        #expect(
            CostText.text(dollars, source: "computed", hasTokens: true, computed: computed, reported: reported) == text)
    }

    @Test func spansOutsideTheTraceStayInTheDrawing() {
        let rows = [
            Waterfall.Row(depth: 900, service: "s", operation: "o", offset: .max, duration: .max),
            Waterfall.Row(depth: 0, service: "s", operation: "o", offset: 0, duration: 0),
        ]
        for total in [0, 1, UInt64.max] {
            let lines = Waterfall(rows: rows, total: total).text(columns: 80, style: plain).split(separator: "\n")
            #expect(lines.count == 2)
            #expect(lines.allSatisfy { $0.count < 110 })
        }
    }

    @Test(arguments: ["a\u{9B}31mb", "a\u{202E}b", "a\u{200B}b", "a\u{1B}[31mb", "a\nb", "a\u{2028}b"])
    func whatCouldMoveTheCursorOrTurnTheLineBecomesASpace(_ text: String) {
        let shown = TextWidth.fit(text, 20)
        #expect(shown.hasPrefix("a "))
        #expect(shown.unicodeScalars.allSatisfy { $0.value == 0x20 || $0.properties.generalCategory != .control })
    }

    @Test func wideCharactersTakeTwoColumns() {
        #expect(TextWidth.columns("検索") == 4)
        #expect(TextWidth.columns("🔍a") == 3)
        #expect(TextWidth.fit("検索する", 5) == "検索…")
        #expect(TextWidth.pad("検", 4) == "検  ")
    }

    @Test func aNarrowTerminalIsNotOverrun() {
        let rows = (0..<12).map { depth in
            Waterfall.Row(
                depth: depth, service: "a-service-with-a-name", operation: "an operation with a long name", offset: 0,
                duration: 1_500_000, isError: false, isOnCriticalPath: true, inputTokens: 100, outputTokens: 10)
        }
        let lines = Waterfall(rows: rows, total: 1_500_000).text(columns: 60, style: plain).split(separator: "\n")
        #expect(lines.allSatisfy { TextWidth.columns(String($0)) <= 60 })
    }

    @Test func styleIsOnlyWhereItIsWanted() {
        #expect(plain.red("x") == "x")
        #expect(Style(isEnabled: true).red("x") == "\u{1B}[31mx\u{1B}[0m")
    }
}
