import HTTPServing
import Testing

@Suite struct BufferBudgetTests {
    private static let mebibyte = 1 << 20
    private let budget = BufferBudget(limitBytes: 16 * mebibyte)

    @Test func whatIsHeldIsGivenBackWithTheReservation() {
        var reservation: BufferReservation? = BufferReservation(budget)
        #expect(reservation?.grow(1_000) == true)
        #expect(reservation?.grow(500) == true)
        #expect(budget.usedBytes == 1_500)
        reservation = nil
        #expect(budget.usedBytes == 0)
    }

    @Test func whatDoesNotFitTakesNothing() {
        let first = BufferReservation(budget)
        #expect(first.grow(Self.mebibyte))
        let second = BufferReservation(budget)
        #expect(!second.grow(16 * Self.mebibyte))
        #expect(budget.usedBytes == Self.mebibyte)
    }

    @Test func largeRequestsLeaveAQuarterToUsualOnes() {
        let large = BufferReservation(budget)
        #expect(large.grow(12 * Self.mebibyte))
        #expect(!large.grow(1), "three quarters are all that large ones get")
        let usual = (0..<4).map { _ in BufferReservation(budget) }
        #expect(usual.allSatisfy { $0.grow(Self.mebibyte) })
        #expect(!BufferReservation(budget).grow(1), "nothing is left")
        withExtendedLifetime((large, usual)) {}
    }

    @Test func aUsualRequestThatGrowsLargeIsHeldToTheSmallerShare() {
        let large = BufferReservation(budget)
        #expect(large.grow(12 * Self.mebibyte))
        let growing = BufferReservation(budget)
        #expect(growing.grow(Self.mebibyte))
        #expect(!growing.grow(1))
        withExtendedLifetime(large) {}
    }
}
