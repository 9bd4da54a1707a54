import OTLP
import SpanMetrics

extension UsageResult {
    /// The answer of `/usage`.
    ///
    /// - Parameter zone: In which times are written out.
    func json(_ query: UsageQuery, in zone: CalendarZone) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.int64String("startTimeUnixNano", query.range.start)
            json.int64String("endTimeUnixNano", query.range.end)
            json.string("timeZone", zone.name)
            json.array("rows") { json in
                for row in rows { row.write(query, zone, to: &json) }
            }
            json.object("attributed") { attributed.write(to: &$0) }
            json.object("unattributed") { json in
                unattributed.sum.write(to: &json)
                unattributed.writeSeries(query, zone, to: &json)
            }
            json.object("total") { json in
                total.sum.write(to: &json)
                total.writeSeries(query, zone, to: &json)
            }
            if isTruncated {
                json.object("other") { json in
                    other.sum.write(to: &json)
                    other.writeSeries(query, zone, to: &json)
                }
            }
            json.bool("truncated", isTruncated)
            json.partial(partialReasons(in: zone))
        }
        return json.takeBytes()
    }

    /// Why records of the range are missing, if any are.
    private func partialReasons(in zone: CalendarZone) -> [String] {
        var reasons = removedUntil.sorted { $0.key.rawValue < $1.key.rawValue }.map { reason, time in
            let key = reason == .age ? "max_age" : "max_bytes"
            return "records of calls up to \(zone.text(time)) were removed by connectors.gen_ai.retention.\(key)"
        }
        if damagedParts > 0 { reasons.append("\(damagedParts) parts of the records are damaged and were passed over") }
        return reasons
    }
}

extension UsageRow {
    fileprivate func write(_ query: UsageQuery, _ zone: CalendarZone, to json: inout JSONWriter) {
        json.object { json in
            json.object("key") { json in
                for (key, value) in zip(query.keys, key) {
                    json.key(key.name)
                    if value.isEmpty { json.null() } else { json.string(value) }
                }
            }
            sum.write(to: &json)
            writeSeries(query, zone, to: &json)
        }
    }

    fileprivate func writeSeries(_ query: UsageQuery, _ zone: CalendarZone, to json: inout JSONWriter) {
        guard query.steps != nil else { return }
        json.array("series") { json in
            for (point, sum) in points.sorted(by: { $0.key < $1.key }) {
                json.object { json in
                    json.int64String("startTimeUnixNano", point)
                    json.string("startTime", zone.text(point))
                    sum.write(to: &json)
                }
            }
        }
    }
}

extension UsageSum {
    /// Members of an object. Input includes cache read and write, output includes reasoning.
    func write(to json: inout JSONWriter) {
        json.int("calls", calls)
        json.int("errors", errors)
        json.int("inputTokens", tokens.input)
        json.int("cacheReadTokens", tokens.cacheRead)
        json.int("cacheWriteTokens", tokens.cacheWrites)
        json.int("outputTokens", tokens.output)
        json.int("reasoningTokens", tokens.reasoning)
        json.dollars("costUSD", cost)
        json.string("costSource", costSource.rawValue)
        json.dollars("computedCostUSD", computedCost)
        json.dollars("reportedCostUSD", reportedCost)
        json.int("unpricedCalls", unpricedCalls)
    }
}
