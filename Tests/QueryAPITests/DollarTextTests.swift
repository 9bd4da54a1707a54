import OTLP
import QueryAPI
import Testing

@Suite struct DollarTextTests {
    @Test(arguments: [
        (0, "0"), (-0.0, "0"), (5.9999999999999995e-05, "0.00006"), (10.010999999991768, "10.011"),
        (123_456.78, "123456.78"), (1e-8, "0.00000001"), (2.5e-10, "0.00000000025"), (1e15, "1000000000000000"),
        (-0.5, "-0.5"), (1e-20, "0"), (0.1 + 0.2, "0.3"),
    ])
    func billsHaveNeitherNoiseNorExponents(_ dollars: Double, _ text: String) {
        #expect(DollarText.plain(dollars) == text)
        #expect(DollarText.rounded(dollars) == Double(text))
    }

    @Test(arguments: [
        (6e-05, "0.00006"), (2.5e-10, "0.00000000025"), (0, "0"), (12.5, "12.5"), (1e15, "1000000000000000"),
        (.infinity, #""Infinity""#),
    ])
    func answersHaveCostsWithoutExponents(_ dollars: Double, _ text: String) {
        var json = JSONWriter()
        json.object { json in
            json.dollars("costUSD", dollars)
            json.int("calls", 1)
        }
        #expect(String(decoding: json.takeBytes(), as: UTF8.self) == #"{"costUSD":\#(text),"calls":1}"#)
    }

    @Test(arguments: [
        (0, "$0"), (0.00006, "$0.000060"), (1.234e-8, "$0.000000012"), (0.01, "$0.0100"), (0.12345, "$0.1235"),
        (1, "$1.00"), (25.678, "$25.68"), (-2.5, "-$2.50"),
    ])
    func whatCostsSomethingNeverCostsNothing(_ dollars: Double, _ text: String) {
        #expect(DollarText.short(dollars) == text)
    }
}
