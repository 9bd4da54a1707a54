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
            json.bool("partial", damagedParts > 0)
        }
        return json.takeBytes()
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
        json.double("costUSD", cost)
        json.string("costSource", costSource.rawValue)
        json.int("unpricedCalls", unpricedCalls)
    }
}
