import SkeinAgents
import Testing

@Suite struct RetryAfterTests {
    @Test(
        arguments: [
            ("0", 0), ("120", 120), (" 7 ", 7), ("99999999999999999999", 31_536_000),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sun, 06 Nov 1994 08:48:00 GMT", 0),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 31_536_000), ("", nil), ("soon", nil), ("-1", nil), ("1.5", nil),
            ("Sun, 06 Nov 1994 08:49 GMT", nil), ("Sun, 40 Nov 1994 08:49:37 GMT", nil),
            ("Sun, 06 Foo 1994 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 24:49:37 GMT", nil),
        ] as [(String, Int?)])
    func retryAfterIsSecondsOrADate(_ header: String, _ seconds: Int?) {
        // 784111777 is the date of the table's first date.
        #expect(Duration(retryAfter: header, now: 784_111_740) == seconds.map { .seconds($0) })
    }

    @Test func dateOfALeapDayIsExact() {
        #expect(Duration(retryAfter: "Tue, 29 Feb 2000 12:00:00 GMT", now: 951_825_600 - 5) == .seconds(5))
        #expect(Duration(retryAfter: "Wed, 01 Mar 2000 00:00:00 GMT", now: 951_868_800 - 5) == .seconds(5))
    }
}
