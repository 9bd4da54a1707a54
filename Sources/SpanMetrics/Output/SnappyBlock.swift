import CSnappy

/// The Snappy block format, in which remote write bodies travel.
package enum SnappyBlock {
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        let bound = snappy_max_compressed_length(bytes.count)
        return [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            count = bound
            let status = bytes.withUnsafeBytes { input in
                snappy_compress(
                    input.baseAddress, input.count, UnsafeMutableRawPointer(output.baseAddress), &count)
            }
            // Its one reason to fail is a buffer that is smaller than this bound.
            precondition(status == SNAPPY_OK, "snappy_compress: \(status)")
        }
    }
}
