import CSkeinProto
import Testing

@Suite struct ArenaTests {
    @Test func allocationsAreAlignedAndDoNotOverlap() throws {
        let arena = try #require(skein_arena_create(1 << 20))
        defer { skein_arena_destroy(arena) }
        var allocations: [UnsafeMutableRawBufferPointer] = []
        for count in [1, 7, 16, 17, 100, 5_000, 40_000, 3] {
            let start = try #require(skein_arena_allocate(arena, count))
            #expect(Int(bitPattern: start) % 16 == 0)
            let allocation = UnsafeMutableRawBufferPointer(start: start, count: count)
            allocation.initializeMemory(as: UInt8.self, repeating: UInt8(allocations.count))
            allocations.append(allocation)
        }
        for (index, allocation) in allocations.enumerated() {
            #expect(allocation.allSatisfy { $0 == UInt8(index) })
        }
    }

    @Test func nothingIsTakenPastTheCap() throws {
        let limitBytes = 100_000
        let arena = try #require(skein_arena_create(limitBytes))
        defer { skein_arena_destroy(arena) }
        var allocated = 0
        while skein_arena_allocate(arena, 1_000) != nil { allocated += 1_000 }
        #expect(allocated > limitBytes * 9 / 10)
        #expect(skein_arena_reserved_bytes(arena) <= limitBytes)
        #expect(skein_arena_refused(arena))
    }

    @Test(arguments: [100_001, Int.max, -1])
    func oneAllocationOverTheCapIsRefused(_ count: Int) throws {
        let arena = try #require(skein_arena_create(100_000))
        defer { skein_arena_destroy(arena) }
        #expect(skein_arena_allocate(arena, count) == nil)
        #expect(skein_arena_refused(arena))
        #expect(skein_arena_reserved_bytes(arena) == 0)
    }

    @Test func zeroBytesAreAValidAllocation() throws {
        let arena = try #require(skein_arena_create(1_000))
        defer { skein_arena_destroy(arena) }
        #expect(skein_arena_allocate(arena, 0) != nil)
        #expect(!skein_arena_refused(arena))
    }

    /// Whichever allocation of an unpack is the one refused, the unpack fails cleanly.
    @Test func unpackFailsCleanlyAtEveryCap() {
        let bytes = SampleBytes.exportRequest
        let whole = UnpackedMessage(MessageTypes.exportRequest, bytes)
        #expect(whole.result == SKEIN_GUARD_OK)
        var accepted = 0
        for limitBytes in stride(from: 0, through: whole.reservedBytes, by: 8) {
            let unpacked = UnpackedMessage(MessageTypes.exportRequest, bytes, arenaLimitBytes: limitBytes)
            #expect(unpacked.reservedBytes <= limitBytes)
            if unpacked.result == SKEIN_GUARD_OK {
                accepted += 1
                #expect(unpacked.packed == bytes)
            } else {
                #expect(unpacked.result == SKEIN_GUARD_TOO_LARGE)
                #expect(accepted == 0)
            }
        }
        #expect(accepted > 0)
    }
}
