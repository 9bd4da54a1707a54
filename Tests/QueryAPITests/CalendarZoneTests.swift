import QueryAPI
import Testing
import TraceStorage

/// Expected times were worked out by Python's `zoneinfo`.
@Suite struct CalendarZoneTests {
    private static let second: UInt64 = 1_000_000_000

    private static func zone(_ name: String) throws -> CalendarZone { try #require(CalendarZone(name)) }

    @Test func aMonthIsThatOfTheZone() throws {
        let march = try #require(Self.zone("Europe/Berlin").month(3, of: 2026))
        #expect(march.start == 1_772_319_600 * Self.second && march.end == 1_774_994_400 * Self.second)
        let utc = try #require(CalendarZone.utc.month(12, of: 2026))
        #expect(utc.start == 1_796_083_200 * Self.second && utc.end == 1_798_761_600 * Self.second)
        #expect(CalendarZone.utc.month(13, of: 2026) == nil && CalendarZone.utc.month(1, of: 1969) == nil)
    }

    @Test(arguments: [
        // Summer begins on 29 March and ends on 25 October 2026.
        (name: "Europe/Berlin", start: 1_774_738_800 as UInt64, hours: 23 as UInt64),
        (name: "Europe/Berlin", start: 1_792_879_200, hours: 25),
        (name: "Asia/Kathmandu", start: 1_774_721_700, hours: 24),
    ])
    func aDayIsAsLongAsTheClockOnTheWallHasIt(name: String, start: UInt64, hours: UInt64) throws {
        let zone = try Self.zone(name)
        let range = TimeRange(start: start * Self.second, end: (start + hours * 3_600) * Self.second)
        #expect(zone.starts(of: .day, in: range, max: 10) == [range.start])
        #expect(zone.starts(of: .hour, in: range, max: 100)?.count == Int(hours))
        let next = TimeRange(start: range.start, end: range.end + 1)
        #expect(zone.starts(of: .day, in: next, max: 10) == [range.start, range.end])
    }

    @Test func theStepThatARangeBeginsInIsTheFirst() throws {
        let zone = try Self.zone("America/New_York")
        let noon = 1_772_557_200 * Self.second
        let range = TimeRange(start: noon, end: noon + 1)
        #expect(zone.starts(of: .day, in: range, max: 1) == [1_772_514_000 * Self.second])
        #expect(zone.starts(of: .month, in: range, max: 1) == [1_772_341_200 * Self.second])
        #expect(zone.start(of: .day, at: noon) == 1_772_514_000 * Self.second)
        #expect(zone.start(of: .month, at: noon) == 1_772_341_200 * Self.second)
        #expect(zone.start(of: .month, at: 1_772_341_200 * Self.second - 1) == 1_769_922_000 * Self.second)
        #expect(zone.text(noon) == "2026-03-03T12:00:00-05:00")
    }

    @Test func moreStepsThanAllowedAreNone() {
        let range = TimeRange(start: 0, end: 100 * 86_400 * Self.second)
        #expect(CalendarZone.utc.starts(of: .day, in: range, max: 99) == nil)
        #expect(CalendarZone.utc.starts(of: .day, in: range, max: 100)?.count == 100)
    }

    @Test(arguments: ["", "Mars/Phobos", "GMT+3", "Europe", "../etc/passwd"])
    func whatIsNoZoneIsRefused(name: String) {
        #expect(CalendarZone(name) == nil)
    }
}
