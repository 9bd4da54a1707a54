import CSkeinProto
import OTLP
import Testing

@Suite struct GuardTests {
    private let limits = skein_guard_default_limits()

    private func scan(
        _ type: MessageType, _ bytes: [UInt8], _ limits: skein_guard_limits
    ) -> (result: skein_guard_result, counts: skein_guard_counts) {
        var counts = skein_guard_counts()
        let result = bytes.withUnsafeBufferPointer {
            skein_guard_scan(type, $0.baseAddress, $0.count, limits, &counts)
        }
        return (result, counts)
    }

    @Test func nestingIsAcceptedToTheDepthLimitAndNoFurther() {
        let deepest = Int(SKEIN_GUARD_DEPTH_MAX)
        let accepted = UnpackedMessage(MessageTypes.anyValue, SampleBytes.nestedAnyValue(depth: deepest))
        #expect(accepted.result == SKEIN_GUARD_OK)
        #expect(accepted.packed == SampleBytes.nestedAnyValue(depth: deepest))
        let refused = UnpackedMessage(MessageTypes.anyValue, SampleBytes.nestedAnyValue(depth: deepest + 1))
        #expect(refused.result == SKEIN_GUARD_TOO_DEEP)
        #expect(refused.message == nil)
        #expect(refused.reservedBytes == 0)
    }

    @Test func nestingThatWouldOverflowTheStackIsRefused() {
        let bytes = SampleBytes.nestedAnyValue(depth: 20_000)
        #expect(bytes.count > 74_000)
        #expect(UnpackedMessage(MessageTypes.anyValue, bytes).result == SKEIN_GUARD_TOO_DEEP)
    }

    @Test func depthLimitAboveTheMaximumCountsAsTheMaximum() {
        var unlimited = limits
        unlimited.depth_max = .max
        let bytes = SampleBytes.nestedAnyValue(depth: Int(SKEIN_GUARD_DEPTH_MAX) + 1)
        #expect(scan(MessageTypes.anyValue, bytes, unlimited).result == SKEIN_GUARD_TOO_DEEP)
    }

    @Test func countsAreThoseOfTheInput() {
        let (result, counts) = scan(MessageTypes.exportRequest, SampleBytes.emptySpans(10), limits)
        #expect(result == SKEIN_GUARD_OK)
        #expect(counts.depth == 4)
        #expect(counts.messages == 13)
        #expect(counts.fields == 12)
    }

    @Test func messagesAreAcceptedToTheLimitAndNoFurther() {
        var few = limits
        few.messages_max = 13
        #expect(scan(MessageTypes.exportRequest, SampleBytes.emptySpans(10), few).result == SKEIN_GUARD_OK)
        let refused = UnpackedMessage(MessageTypes.exportRequest, SampleBytes.emptySpans(11), limits: few)
        #expect(refused.result == SKEIN_GUARD_TOO_MANY_MESSAGES)
        #expect(refused.reservedBytes == 0)
    }

    @Test func fieldsAreAcceptedToTheLimitAndNoFurther() {
        var few = limits
        few.fields_max = 12
        #expect(scan(MessageTypes.exportRequest, SampleBytes.emptySpans(10), few).result == SKEIN_GUARD_OK)
        let refused = UnpackedMessage(MessageTypes.exportRequest, SampleBytes.emptySpans(11), limits: few)
        #expect(refused.result == SKEIN_GUARD_TOO_MANY_FIELDS)
    }

    @Test func unknownFieldsCount() {
        var few = limits
        few.fields_max = 99
        var writer = WireWriter()
        for _ in 0..<100 { writer.varint(900, 1) }
        #expect(scan(MessageTypes.exportRequest, writer.bytes, few).result == SKEIN_GUARD_TOO_MANY_FIELDS)
    }

    @Test func fourMegabytesOfEmptySpansStayWithinTheArena() {
        let unpacked = UnpackedMessage(MessageTypes.exportRequest, SampleBytes.emptySpans(2_000_000))
        #expect(unpacked.result == SKEIN_GUARD_TOO_LARGE)
        #expect(unpacked.message == nil)
        #expect(unpacked.reservedBytes <= Int(SKEIN_ARENA_DEFAULT_LIMIT_BYTES))
    }

    /// Each occurrence of a singular message is merged with the one before, which copies all its attributes again.
    @Test func mergingRepeatedOccurrencesStaysWithinTheArena() {
        var resourceSpans = WireWriter()
        for _ in 0..<50_000 {
            resourceSpans.message(1) { $0.message(1) { $0.string(1, "") } }
        }
        var request = WireWriter()
        request.bytes(1, resourceSpans.bytes)
        #expect(UnpackedMessage(MessageTypes.exportRequest, request.bytes).result == SKEIN_GUARD_TOO_LARGE)
    }

    @Test(arguments: [
        [0x00] as [UInt8],  // field number 0
        [0x0a],  // no length
        [0x0a, 0x05, 0x00],  // length past the end
        [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],  // length of 4 GiB
        [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],  // length over 32 bits
        [0x8a, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00],  // tag of 6 bytes
        [0xfa, 0xff, 0xff, 0xff, 0x1f, 0x00],  // tag over 32 bits
        [0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],  // value of 11 bytes
        [0x11, 1, 2, 3, 4, 5, 6, 7],  // fixed64 cut short
        [0x15, 1, 2, 3],  // fixed32 cut short
        [0x13, 0x14],  // a group
        [0x0e],  // wire type 6
        [0x08, 0x01],  // resource_spans as a varint
        [0x0a, 0x02, 0x12, 0x05],  // inner length past the outer end
    ])
    func malformedInputIsRefused(_ bytes: [UInt8]) {
        let unpacked = UnpackedMessage(MessageTypes.exportRequest, bytes)
        #expect(unpacked.result == SKEIN_GUARD_MALFORMED)
        #expect(unpacked.message == nil)
    }

    @Test func inputCutAtAnyByteIsUnpackedOrRefused() {
        let whole = SampleBytes.exportRequest
        for count in 1..<whole.count {
            let cut = UnpackedMessage(MessageTypes.exportRequest, Array(whole.prefix(count)))
            #expect(cut.result == SKEIN_GUARD_MALFORMED, "cut after \(count) bytes")
        }
    }

    @Test func inputWithAnyBitFlippedIsUnpackedOrRefused() {
        var results: Set<UInt32> = []
        for bit in 0..<SampleBytes.exportRequest.count * 8 {
            var bytes = SampleBytes.exportRequest
            bytes[bit / 8] ^= 1 << (bit % 8)
            let unpacked = UnpackedMessage(MessageTypes.exportRequest, bytes)
            #expect((unpacked.message != nil) == (unpacked.result == SKEIN_GUARD_OK), "bit \(bit)")
            results.insert(unpacked.result.rawValue)
        }
        #expect(results == [SKEIN_GUARD_OK.rawValue, SKEIN_GUARD_MALFORMED.rawValue])
    }

    @Test func everyResultHasAReason() {
        let reasons = (SKEIN_GUARD_OK.rawValue...SKEIN_GUARD_TOO_LARGE.rawValue).map {
            String(cString: skein_guard_reason(skein_guard_result(rawValue: $0)))
        }
        #expect(reasons == ["ok", "malformed", "too_deep", "too_many_messages", "too_many_fields", "too_large"])
    }
}
