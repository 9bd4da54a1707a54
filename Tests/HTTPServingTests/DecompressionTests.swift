import HTTPServing
import Testing

@Suite struct DecompressionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let encoding: ContentEncoding
        let encode: @Sendable ([UInt8]) -> [UInt8]
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "gzip", encoding: .gzip) { Codecs.deflate($0, .gzip) },
        Case(name: "gzip of our own", encoding: .gzip) { gzipCompress($0) },
        Case(name: "zlib-wrapped deflate", encoding: .deflate) { Codecs.deflate($0, .zlib) },
        Case(name: "raw deflate", encoding: .deflate) { Codecs.deflate($0, .raw) },
        Case(name: "zstd", encoding: .zstd) { Codecs.zstd($0) },
        Case(name: "zstd without a size", encoding: .zstd) { Codecs.zstdStreamed($0, windowLog: 20) },
    ]

    @Test(arguments: cases, [0, 1, 100, 4_095, 4_096, 70_000, 1_000_000])
    func roundTrips(_ codec: Case, size: Int) throws {
        let bytes = Codecs.sample(size)
        #expect(try decompress(codec.encode(bytes), encoding: codec.encoding) == bytes)
    }

    @Test(arguments: cases) func decodesExactlyUpToTheLimit(_ codec: Case) throws {
        let bytes = Codecs.sample(100_000)
        let encoded = codec.encode(bytes)
        #expect(try decompress(encoded, encoding: codec.encoding, limitBytes: 100_000) == bytes)
        #expect(throws: BodyError.tooLarge(limitBytes: 99_999, afterDecompression: true)) {
            try decompress(encoded, encoding: codec.encoding, limitBytes: 99_999)
        }
    }

    @Test(arguments: cases) func truncationAtEveryByteIsCorrupt(_ codec: Case) {
        let encoded = codec.encode(Codecs.sample(3_000))
        for length in 0..<encoded.count {
            let error = #expect(throws: BodyError.self) {
                try decompress(Array(encoded[..<length]), encoding: codec.encoding)
            }
            guard case .corrupt(codec.encoding, _)? = error else {
                Issue.record("\(length) of \(encoded.count) bytes: \(String(describing: error))")
                return
            }
        }
    }

    @Test(arguments: cases) func flippedBitsNeverPassTheLimit(_ codec: Case) {
        let encoded = codec.encode(Codecs.sample(2_000))
        for bit in 0..<encoded.count * 8 {
            var damaged = encoded
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            let decoded = try? decompress(damaged, encoding: codec.encoding, limitBytes: 4_000)
            #expect((decoded?.count ?? 0) <= 4_000)
        }
    }

    @Test(arguments: cases) func aBombIsRefused(_ codec: Case) {
        let bomb = codec.encode([UInt8](repeating: 0, count: 16 << 20))
        #expect(throws: BodyError.tooLarge(limitBytes: 1 << 20, afterDecompression: true)) {
            try decompress(bomb, encoding: codec.encoding, limitBytes: 1 << 20)
        }
    }

    @Test func everyMemberOfAGzipBodyIsRead() throws {
        let parts = [Codecs.sample(10), Codecs.sample(90_000, seed: 2), [], Codecs.sample(5_000, seed: 3)]
        let encoded = parts.flatMap { Codecs.deflate($0, .gzip) }
        #expect(try decompress(encoded, encoding: .gzip) == parts.flatMap { $0 })
    }

    @Test func everyFrameOfAZstdBodyIsRead() throws {
        let parts = [Codecs.sample(10), Codecs.sample(90_000, seed: 2), Codecs.sample(5_000, seed: 3)]
        let encoded = parts.flatMap { Codecs.zstd($0) }
        #expect(try decompress(encoded, encoding: .zstd) == parts.flatMap { $0 })
    }

    @Test(arguments: cases) func trailingBytesAreCorrupt(_ codec: Case) {
        let encoded = codec.encode(Codecs.sample(1_000)) + [1, 2, 3]
        #expect(throws: BodyError.self) { try decompress(encoded, encoding: codec.encoding) }
    }

    @Test func aWrongChecksumIsCorrupt() {
        var encoded = Codecs.deflate(Codecs.sample(1_000), .gzip)
        encoded[encoded.count - 8] ^= 1
        #expect(throws: BodyError.corrupt(encoding: .gzip, reason: "checksum mismatch")) {
            try decompress(encoded, encoding: .gzip)
        }
    }

    @Test func aLyingSizeInTheGzipTrailerIsOnlyAHint() throws {
        let bytes = Codecs.sample(200_000)
        var members = Codecs.deflate(bytes, .gzip)
        // The last member is small, so the hint is far too small for the whole.
        members += Codecs.deflate([7], .gzip)
        #expect(try decompress(members, encoding: .gzip) == bytes + [7])
    }

    @Test func aZstdWindowOverTheLimitIsRefused() throws {
        let bytes = Codecs.sample(10_000)
        #expect(try decompress(Codecs.zstdStreamed(bytes, windowLog: 23), encoding: .zstd) == bytes)
        #expect(throws: BodyError.self) {
            try decompress(Codecs.zstdStreamed(bytes, windowLog: 24), encoding: .zstd)
        }
    }

    @Test func encodingNamesAreReadAsTheRFCSays() throws {
        #expect(try ContentEncoding(header: nil) == .identity)
        #expect(try ContentEncoding(header: "GZip") == .gzip)
        #expect(try ContentEncoding(header: "x-gzip") == .gzip)
        #expect(throws: BodyError.unsupportedEncoding("br")) { try ContentEncoding(header: "br") }
        #expect(throws: BodyError.unsupportedEncoding("gzip, zstd")) { try ContentEncoding(header: "gzip, zstd") }
    }

    @Test(arguments: [0, 1, 511, 65_536, 3_000_000]) func gzipOutIsReadByZlib(_ size: Int) {
        let bytes = Codecs.sample(size)
        #expect(Codecs.gunzip(gzipCompress(bytes), capacity: size) == bytes)
    }

    @Test func gzipOutHandlesDataThatDoesNotCompress() {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<300_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        #expect(Codecs.gunzip(gzipCompress(bytes), capacity: bytes.count) == bytes)
    }
}
