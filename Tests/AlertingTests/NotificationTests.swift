import Alerting
import CurlTransport
import OTLP
import TestSink
import Testing
import TraceStorage

/// What is sent to whom, byte by byte where it matters; real receivers are in the end-to-end tests.
@Suite struct NotificationTests {
    private func notice(_ entries: Int = 1, end: UInt64? = nil) throws -> Notice {
        var rule: AlertRule = .above(0.5, name: "High \"<&>") { rule in
            rule.groupings = ["service"]
            rule.severity = .critical
            rule.annotations = ["description": "größer", "runbook_url": "https://r/|1"]
        }
        rule.labels = ["team": "desk"]
        var machine = AlertMachine()
        let all = (0..<entries).map { measured(true, 0.7, group: ["service": "s\($0)"]) }
        _ = machine.apply([RuleResult(rule: 0, .measured(all))], of: [rule], at: someday)
        for alert in machine.sortedAlerts {
            machine.setExamples([TraceID(high: 1, low: 2)], queryURL: "http://q/?a=1&b=2", of: alert.key)
        }
        var plan = NoticePlan()
        var configuration = AlertsConfiguration.immediate([rule])
        configuration.notifiers[0].id = "webhook/test"
        var notices = plan.notices(machine.sortedAlerts, configuration, at: someday)
        if let end {
            let ended = machine.apply([RuleResult(rule: 0, .measured([]))], of: [rule], at: end)
            plan.note(ended, at: end)
            notices = plan.notices([], configuration, at: end)
        }
        return try #require(notices.first)
    }

    private func sender(
        _ kind: NotifierConfiguration.Kind, _ change: (inout NotifierConfiguration) -> Void = { _ in }
    ) throws -> any NoticeSender {
        var configuration = NotifierConfiguration(id: "x", kind)
        configuration.timeout = .seconds(20)
        change(&configuration)
        return try configuration.sender(externalURL: "http://skein", userAgent: "Skein/test", now: { someday })
    }

    /// Test case 2 of RFC 4231.
    @Test func signaturesAreThoseOfHMACSHA256() {
        let code = MessageAuthentication.code(of: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(code == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test func webhooksCarryTokenHeadersAndSignature() throws {
        let server = try SinkServer()
        var webhook = NotifierConfiguration.Webhook(url: .text(server.url + "/hook"))
        webhook.bearerToken = .text("t0ken")
        webhook.headers = [("X-Team", "desk")]
        webhook.signingSecret = .text("key")
        #expect(try sender(.webhook(webhook)).send(notice()) == .delivered)
        let request = try #require(server.requests.first)
        #expect(request.path == "/hook" && request.method == "POST")
        #expect(request.header("Authorization") == "Bearer t0ken" && request.header("X-Team") == "desk")
        #expect(request.header("Content-Type") == "application/json")
        let signature = try #require(request.header("X-Skein-Signature"))
        #expect(signature.hasPrefix("sha256=") && signature.utf8.count == 7 + 64)
        let body = String(decoding: request.body, as: UTF8.self)
        #expect(body.hasPrefix(#"{"version":"4","groupKey":"{}:{alertname=\"High \"<&>\"}","#))
        #expect(body.contains(#""status":"firing""#) && body.contains(#""endsAt":"0001-01-01T00:00:00Z""#))
        #expect(body.contains(#""trace_ids":"00000000000000010000000000000002""#))
    }

    @Test(arguments: [
        (429, true), (500, true), (503, true), (408, true), (400, false), (403, false), (404, false), (301, false),
    ])
    func anAnswerSaysWhetherToTryAgain(_ status: Int, _ isRetried: Bool) throws {
        let server = try SinkServer { _, _ in
            .answer(status, headers: [HTTPHeader("Retry-After", "7")], body: Array("no\nway".utf8))
        }
        let result = try sender(.slack(.init(url: .text(server.url)))).send(notice())
        if isRetried {
            #expect(result == .retryable(reason: "status \(status): no way", retryAfter: 7 * second))
        } else {
            #expect(result == .refused(reason: "status \(status): no way"))
        }
    }

    @Test func aDateInRetryAfterIsTakenByOurClock() throws {
        // `someday` is 12:00:00.
        let server = try SinkServer { _, _ in
            .answer(503, headers: [HTTPHeader("Retry-After", "Mon, 15 Jun 2026 12:01:00 GMT")])
        }
        let result = try sender(.slack(.init(url: .text(server.url)))).send(notice())
        #expect(result == .retryable(reason: "status 503", retryAfter: minute))
    }

    @Test func whoIsNotThereIsTriedAgain() throws {
        let server = try SinkServer(isListening: false)
        guard case .retryable = try sender(.slack(.init(url: .text(server.url)))).send(notice()) else {
            Issue.record("it was given up")
            return
        }
        guard case .retryable = try sender(.slack(.init(url: .file("/nowhere/url")))).send(notice()) else {
            Issue.record("a secret that is being replaced is no reason to give up")
            return
        }
    }

    @Test func slackTakesBoundedAndEscapedBlocks() throws {
        let server = try SinkServer()
        #expect(try sender(.slack(.init(url: .text(server.url)))).send(notice(14)) == .delivered)
        let body = String(decoding: try #require(server.requests.first).body, as: UTF8.self)
        #expect(body.contains("High \\\"&lt;&amp;&gt;") && body.contains(#""color":"danger""#))
        #expect(body.contains("<https://r/%7C1|runbook>") && body.contains("<http://q/?a=1&amp;b=2|query>"))
        #expect(body.contains("and 4 more"))
    }

    @Test func pagerDutyResolvesWhatItTriggered() throws {
        let server = try SinkServer { _, _ in .answer(202) }
        var pagerDuty = NotifierConfiguration.PagerDuty(routingKey: .text("r"))
        pagerDuty.url = server.url
        let sender = try sender(.pagerDuty(pagerDuty))
        #expect(sender.send(try notice()) == .delivered)
        #expect(sender.send(try notice(end: someday + hour)) == .delivered)
        let bodies = server.requests.map { String(decoding: $0.body, as: UTF8.self) }
        #expect(bodies.count == 2 && bodies[0].contains(#""event_action":"trigger""#))
        #expect(bodies[1].contains(#""event_action":"resolve""#))
        #expect(bodies.allSatisfy { $0.contains(#""component":"s0","group":"s0","class":"High \"<&>""#) })
        let keys = bodies.map { body in body.split(separator: ",").first { $0.hasPrefix("\"dedup_key\"") } }
        #expect(keys[0] != nil && keys[0] == keys[1])
    }

    @Test func datesAreRight() {
        #expect(TimeText.rfc3339(someday) == "2026-06-15T12:00:00.000Z")
        #expect(AlertCalendar.rfc5322(someday) == "Mon, 15 Jun 2026 12:00:00 +0000")
        #expect(TimeText.rfc3339(951_782_400 * second) == "2000-02-29T00:00:00.000Z")
        #expect(AlertCalendar.rfc5322(0) == "Thu, 01 Jan 1970 00:00:00 +0000")
        #expect(AlertCalendar.utc.start(of: .day, at: someday) == someday - 12 * hour)
        #expect(TimeText.rfc3339(AlertCalendar.utc.start(of: .month, at: someday)) == "2026-06-01T00:00:00.000Z")
        for day in stride(from: UInt64(0), to: 80_000, by: 7) {
            let time = day * AlertClock.day + 5 * second
            let text = TimeText.rfc3339(time)
            #expect(TimeText.parseRFC3339(text) == time, "\(text)")
        }
        #expect(TimeText.parseRFC3339("2026-06-15T14:00:00+02:00") == someday)
        for wrong in ["2026-02-29T00:00:00Z", "2026-06-15", "2026-06-15T24:00:00Z", "x", "2026-06-15T12:00:00"] {
            #expect(TimeText.parseRFC3339(wrong) == nil)
        }
    }

    @Test func matchersAreReadAsAlertmanagerWritesThem() throws {
        let labels: AlertLabels = ["service": "shop", "operation": "POST /a\"b"]
        for (text, isMatch) in [
            ("service=shop", true), ("service = \"shop\"", true), ("service!=shop", false), ("service=~sh.*", true),
            ("service=~sh", false), ("service!~\"a|b\"", true), (#"operation="POST /a\"b""#, true), ("team=", true),
            ("team!=\"\"", false), ("service!=\"a\\\"\u{301}b\"", true),
        ] {
            #expect(try LabelMatcher(parsing: text).matches(labels) == isMatch, "\(text)")
            #expect(try LabelMatcher(parsing: LabelMatcher(parsing: text).description).matches(labels) == isMatch)
        }
        for wrong in [
            "service", "=x", "a b=c", "service=~(", "service=\"x", "", "service==\"x\"", "service='x'", "service=x\"",
            "service=\"x\" && a=\"y\"", "service!=~\"x\"",
        ] {
            #expect(throws: LabelMatcher.ParsingError.self, "\(wrong)") { try LabelMatcher(parsing: wrong) }
        }
    }

    @Test func aNameCannotEndTheTextThatItStandsInInAQuery() throws {
        var rule = AlertRule.above(0.5)
        rule.groupings = ["service"]
        let alert = Alert(
            key: .init(rule: rule.name, group: ["service": "a\"\u{301} || {"]), labels: [:], at: someday, value: 1,
            threshold: 1)
        let url = ExampleTraces(.immediate([rule]), try SpanWorld().sources).queryURL(alert, of: rule, at: someday)
        #expect(url.contains("%20%3D%20%22a%5C%22%CC%81%20%7C%7C%20%7B%22%20"))
    }

    @Test func placeholdersAreFilledIn() {
        let text = AlertText.expand(
            "{{ $labels.service }}:{{$value}} {{ $labels.none }}{{ x }} {{", labels: ["service": "a"], value: "5 %")
        #expect(text == "a:5 % {{ x }} {{")
    }

    @Test(
        arguments: [
            ("plain", []), ("{{ $value }} of {{$labels.service}}", []), ("{{ .Value }}", ["{{ .Value }}"]),
            ("{{ $value | humanize }} {{ $value }}", ["{{ $value | humanize }}"]),
            ("{{ $labels.team }}{{ $labels.service }}", ["{{ $labels.team }}"]), ("a {{ $value", ["{{ $value"]),
        ] as [(String, [String])])
    func whatIsNotFilledInIsNamed(_ text: String, _ expected: [String]) {
        #expect(AlertText.unknownParts(of: text, labels: ["service"]) == expected)
    }

    @Test func aConditionWithoutANumberHasNone() {
        #expect(AlertText.condition(.above(0, .refusing)) == "refusing is yes")
        let below = AlertRule(name: "Idle", metric: .refusing, condition: .threshold(.init(.below, 1)))
        #expect(AlertText.condition(below) == "refusing is no")
        #expect(AlertText.condition(.above(0.05, .errorRate)) == "error_rate above 5 %")
    }
}
